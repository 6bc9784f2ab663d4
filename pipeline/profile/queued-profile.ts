import type { TenantId } from "../base/units.ts";
import type { LabelSet } from "./labels.ts";
import type { ProfileKind } from "./profile-type.ts";
import type { SymbolTables } from "./symbol-tables.ts";

/**
 * A normalised profile in columns, ready to be merged: what travels through the queue. Nothing in it needs to be
 * parsed, checked or normalised again.
 *
 * Shape: references are indexes into the tables of the same profile, as in {@link SymbolTables}; negative line numbers are clamped to 0. Every string, function, mapping,
 * location and node is used by a sample. Each (label set, stack, span, trace) occurs in one sample. All arrays have
 * exactly their count of elements.
 * Units: values as the sample types of the kind say, whole numbers from 0 to 2^53 - 1; each sample has at least one value above zero.
 */
export type QueuedProfile = SymbolTables & {
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
  /**
   * All stacktraces as one tree, as in a dataset: node i (from 1) has its parent and location at index i - 1, parents come before children, 0 is the root
   * and the empty stacktrace. A stacktrace is the id of its leaf node. Each (parent, location) occurs once.
   */
  readonly nodes: { readonly parent: Uint32Array; readonly location: Uint32Array };
  /**
   * values: row after row, one value per sample type. series: index into `series`. stack: a node. spans and traces are absent when no
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
