import type { LabelSet } from "../../../profile/labels.ts";
import type { ProfileRows, SpanRows } from "../profile-rows.ts";
import type { Buckets } from "../question.ts";
import { encodeExemplar, heaviestExemplar, type MergedRow, mergeRows } from "./exemplars.ts";
import { encodeLabels } from "./labels.ts";
import { ProtoWriter } from "./proto-writer.ts";
import { bucketIndex, compareLabelSets, groupSeries } from "./series-groups.ts";

/** Rows of a heatmap. Source: api.md 3.10. */
export const HEATMAP_VALUE_BUCKETS = 20;

export type HeatmapOptions = {
  readonly buckets: Buckets;
  readonly groupBy: readonly string[];
  readonly withExemplars: boolean;
  readonly limit: number;
};

/**
 * querier.v1.SelectHeatmapResponse: how many profiles (or spans) of which weight there were, over time.
 *
 * A profile that was split into several series of a group counts once, with the sum of its rows.
 * Shape: per group, slots in order of time with the right edge as timestamp, only those with a row; each has 20 equal value buckets over
 * [min, max] of all rows of the answer, given by their lower bounds. Largest group first, cut to the limit.
 */
export function encodeHeatmap(rows: ProfileRows | SpanRows, options: HeatmapOptions): Uint8Array {
  const { startMs, endMs, stepMs } = options.buckets;
  const { groups, groupOfSeries } = groupSeries(rows.series, options.groupBy);
  const slots: Map<number, number[]>[] = groups.map(() => new Map());
  for (let i = 0; i < rows.count; i++) {
    const bucket = bucketIndex(rows.timeMs[i] as number, startMs, endMs, stepMs);
    if (bucket < 0) continue;
    const group = slots[groupOfSeries[rows.seriesIndex[i] as number] as number] as Map<number, number[]>;
    const slot = group.get(bucket);
    if (slot === undefined) group.set(bucket, [i]);
    else slot.push(i);
  }

  const cells = slots.map((group) =>
    [...group].sort(([a], [b]) => a - b).map(([bucket, indexes]) => ({ bucket, merged: mergeRows(rows, indexes) })),
  );
  const rowCounts = cells.map((group) => group.reduce((sum, slot) => sum + slot.merged.length, 0));
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (const { merged } of cells.flat()) {
    for (const { value } of merged) {
      min = Math.min(min, value);
      max = Math.max(max, value);
    }
  }
  if (max === min) max = min + 1;
  const scale = { min, width: (max - min) / HEATMAP_VALUE_BUCKETS };
  const lowerBounds = Float64Array.from({ length: HEATMAP_VALUE_BUCKETS }, (_, i) => min + i * scale.width);

  const order = groups.map((_, group) => group).filter((group) => (rowCounts[group] as number) > 0);
  order.sort(
    (a, b) => (rowCounts[b] as number) - (rowCounts[a] as number) || compareLabelSets(groups[a] as LabelSet, groups[b] as LabelSet),
  );
  const writer = new ProtoWriter(4096);
  for (const group of options.limit > 0 ? order.slice(0, options.limit) : order) {
    const labels = groups[group] as LabelSet;
    const mark = writer.begin(1);
    encodeLabels(writer, 1, labels);
    for (const { bucket, merged } of cells[group] ?? []) {
      const slot = writer.begin(2);
      writer.uint(1, startMs + bucket * stepMs);
      writer.packedDoubles(2, lowerBounds);
      const byValue = rowsByValue(merged, scale);
      writer.packedUints(
        3,
        byValue.map((list) => list.length),
      );
      if (options.withExemplars) {
        for (const list of byValue) {
          const exemplar = heaviestExemplar(rows, list, labels);
          if (exemplar !== undefined) encodeExemplar(writer, 4, rows, exemplar);
        }
      }
      writer.end(slot);
    }
    writer.end(mark);
  }
  return writer.finish();
}

function rowsByValue(merged: readonly MergedRow[], { min, width }: { readonly min: number; readonly width: number }): MergedRow[][] {
  const lists: MergedRow[][] = Array.from({ length: HEATMAP_VALUE_BUCKETS }, () => []);
  for (const row of merged) {
    // The largest value belongs to the last bucket, whose upper bound it is.
    const bucket = Math.min(HEATMAP_VALUE_BUCKETS - 1, Math.floor((row.value - min) / width));
    lists[bucket]?.push(row);
  }
  return lists;
}
