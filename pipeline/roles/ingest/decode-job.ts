import type { FaultRecord } from "../../base/errors.ts";
import type { TenantId, UnixMs } from "../../base/units.ts";
import type { Label } from "../../profile/labels.ts";
import type { Discard } from "./discard.ts";
import type { IngestRequest, OtlpEncoding } from "./ingest-door.ts";
import type { IngestLimits } from "./limits.ts";

/*
 * What goes to a decoding thread and what comes back: plain data, so that it can be cloned and its bytes transferred.
 */

/** One body, in one of the ways that profiles come in. */
export type DecodeInput =
  | { readonly kind: "pprof"; readonly labels: readonly Label[]; readonly raw: Uint8Array; readonly clientId: string }
  | ({ readonly kind: "ingest" } & IngestRequest)
  | { readonly kind: "otlp"; readonly body: Uint8Array; readonly encoding: OtlpEncoding };

/** idSeed: 16 random bytes, of which the ids of all profiles of this job are made. */
export type DecodeJob = {
  readonly tenant: TenantId;
  readonly nowMs: UnixMs;
  readonly limits: IngestLimits;
  readonly idSeed: Uint8Array;
  readonly inputs: readonly DecodeInput[];
};

/** id: the same for the same bytes, so that a repeated push is known as one. profiles: how many samples it holds is in the bytes. */
export type EncodedMessage = { readonly id: string; readonly service: string; readonly bytes: Uint8Array };

/**
 * profiles: how many came in, good or not. faults: one per refused profile, in their order. uncompressedBytes: of all profiles that
 * could be read so far. missingSamples: left out of good profiles because they refer to what is not there.
 */
export type DecodeResult = {
  readonly messages: readonly EncodedMessage[];
  readonly profiles: number;
  readonly faults: readonly FaultRecord[];
  readonly discards: readonly Discard[];
  readonly uncompressedBytes: number;
  readonly missingSamples: number;
};

/** What came of one job of several: a defect of ours in one does not take the others with it. */
export type DecodeOutcome = { readonly ok: true; readonly result: DecodeResult } | { readonly ok: false; readonly defect: unknown };
