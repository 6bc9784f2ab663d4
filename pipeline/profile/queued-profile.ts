import type { TenantId } from "../base/units.ts";
import type { LabelSet } from "./labels.ts";
import type { ProfileKind } from "./profile-type.ts";

/**
 * A normalised profile in columns, ready to be merged: what travels through the queue. Nothing in it needs to be
 * parsed, checked or normalised again.
 *
 * Shape: references are indexes into the tables of the same profile; string 0 is "". Every string, function, mapping,
 * location and stack is used by a sample. Each (label set, stack, span, trace) occurs in one sample. All arrays have
 * exactly their count of elements.
 * Units: values as the sample types of the kind say, whole numbers from 0 to 2^53 - 1; each sample has at least one value above zero.
 */
export type QueuedProfile = {
  readonly tenant: TenantId;
  readonly service: string;
  readonly kind: ProfileKind;
  /** 16 bytes, a UUID given by the server. */
  readonly id: Uint8Array;
  readonly timeNs: bigint;
  readonly durationNs: bigint;
  readonly period: number;
  /** Series of this profile without the labels that follow from the kind (`__profile_type__`, `__type__`, `__unit__`, `__period_type__`,
   * `__period_unit__`) but with `__name__`, `__service_name__` and `service_name`. Sample labels that split the profile are folded in. */
  readonly series: readonly LabelSet[];

  readonly strings: {
    readonly bytes: Uint8Array /** End offset of string i; it starts where string i - 1 ends. */;
    readonly ends: Uint32Array;
  };
  readonly mappings: {
    readonly fileName: Uint32Array;
    readonly buildId: Uint32Array;
    readonly startLo: Uint32Array;
    readonly startHi: Uint32Array;
    readonly limitLo: Uint32Array;
    readonly limitHi: Uint32Array;
    readonly offsetLo: Uint32Array;
    readonly offsetHi: Uint32Array;
    readonly flags: Uint32Array;
  };
  readonly functions: {
    readonly name: Uint32Array;
    readonly systemName: Uint32Array;
    readonly fileName: Uint32Array;
    readonly startLine: Uint32Array;
  };
  /** mapping: index + 1, 0 for none. lineEnds: end of location i's lines, innermost first. */
  readonly locations: {
    readonly mapping: Uint32Array;
    readonly addressLo: Uint32Array;
    readonly addressHi: Uint32Array;
    readonly lineEnds: Uint32Array;
  };
  /** function: index + 1, 0 for none. number: line number, negative ones clamped to 0. */
  readonly lines: { readonly function: Uint32Array; readonly number: Uint32Array };
  /** Distinct stacktraces: location indexes, leaf first; ends as for strings. */
  readonly stacks: { readonly locations: Uint32Array; readonly ends: Uint32Array };
  /**
   * values: row after row, one value per sample type. series: index into `series`. spans and traces are absent when no
   * sample has any; else 2 words (little-endian 64-bit) and 4 words (16 bytes as they came) per sample, zero for none.
   */
  readonly samples: {
    readonly count: number;
    readonly series: Uint32Array;
    readonly stack: Uint32Array;
    readonly values: Float64Array;
    readonly spans: Uint32Array | undefined;
    readonly traces: Uint32Array | undefined;
  };
};
