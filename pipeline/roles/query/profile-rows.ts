import type { LabelSet } from "../../profile/labels.ts";

/**
 * Profiles of one profile type that match a selection, one row per profile and series: what timelines, heatmaps and exemplars are made of.
 *
 * Shape: columns of equal length `count`. series: index into `series`, whose label sets are complete (with `__profile_type__` and the others that
 * follow from the kind). timeMs: floor of the profile's ns. ids: 16 bytes a row. value: sum of the row's samples (after call-site or span selection).
 */
export type ProfileRows = {
  readonly count: number;
  readonly series: readonly LabelSet[];
  readonly seriesIndex: Int32Array;
  readonly timeMs: Float64Array;
  readonly value: Float64Array;
  readonly ids: Uint8Array;
};

/** One sample value with a span (for span heatmaps and exemplars): the same columns, plus the span id (8 bytes as sent) and trace id (16 bytes) per row. */
export type SpanRows = ProfileRows & { readonly spans: Uint8Array; readonly traces: Uint8Array };
