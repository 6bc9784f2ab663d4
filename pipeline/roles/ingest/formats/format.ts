import type { CodedError } from "../../../base/errors.ts";
import type { UnixMs } from "../../../base/units.ts";
import type { DecodedProfile } from "../../../profile/decoded-profile.ts";
import type { Label } from "../../../profile/labels.ts";
import type { PprofReader } from "../../../profile/pprof-reader.ts";
import type { IngestLimits } from "../limits.ts";

/**
 * What a format makes of a body: profiles one after the other, or the reason why one cannot be read. The profile holds only until the
 * next item is asked for.
 *
 * `profile`: its number in the body, from 0; several items may have the same. `repeatable`: the same body always means the same
 * profile, which is not so when its time is taken from the clock. Units: sizeBytes are uncompressed.
 */
export type FormatItem =
  | {
      readonly ok: true;
      readonly profile: number;
      readonly labels: readonly Label[];
      readonly decoded: DecodedProfile;
      readonly sizeBytes: number;
      readonly repeatable: boolean;
    }
  | { readonly ok: false; readonly profile: number; readonly fault: CodedError; readonly sizeBytes: number };

export type FormatContext = { readonly reader: PprofReader; readonly limits: IngestLimits; readonly nowMs: UnixMs };

/** Errors: a fault of the body as a whole is thrown, one of a single profile is an item. */
export type Format<Input> = (input: Input, context: FormatContext) => Iterable<FormatItem> | AsyncIterable<FormatItem>;
