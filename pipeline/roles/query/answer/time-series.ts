import type { LabelSet } from "../../../profile/labels.ts";
import type { ProfileRows, SpanRows } from "../profile-rows.ts";
import type { SeriesOptions } from "../question.ts";
import { encodeExemplar, heaviestExemplar, mergeRows } from "./exemplars.ts";
import { encodeLabels } from "./labels.ts";
import { ProtoWriter } from "./proto-writer.ts";
import { bucketIndex, compareLabelSets, groupSeries } from "./series-groups.ts";

/** One line of a timeline: points in order of time, none for buckets without a profile. */
export type TimeSeries = { readonly labels: LabelSet; readonly points: readonly TimePoint[]; readonly sum: number };
export type TimePoint = { readonly timestampMs: number; readonly value: number };

/**
 * Sums rows per group and bucket. Largest sum first, equal ones by their labels, cut to the limit.
 *
 * Units: values as the profile type says, raw sums (clients divide by the step themselves); the average is per profile row.
 */
export function timeSeries(rows: ProfileRows, options: SeriesOptions): readonly TimeSeries[] {
  return collect(rows, options).map(({ labels, buckets, sum }) => ({
    labels,
    sum,
    points: buckets.map(({ timestampMs, value }) => ({ timestampMs, value })),
  }));
}

/**
 * querier.v1.SelectSeriesResponse. `spanRows` are the rows that exemplars of spans are picked from; exemplars of profiles come from the rows themselves.
 */
export function encodeTimeSeries(rows: ProfileRows, options: SeriesOptions, spanRows: SpanRows | undefined): Uint8Array {
  const writer = new ProtoWriter(4096);
  const { groupBy, buckets: range, exemplars } = options;
  const exemplarRows = exemplars === "span" ? spanRows : exemplars === "individual" ? rows : undefined;
  const exemplarRowsOf = exemplarRows === undefined ? undefined : rowsByCell(exemplarRows, groupBy, range);
  for (const { labels, buckets } of collect(rows, options)) {
    const mark = writer.begin(1);
    encodeLabels(writer, 1, labels);
    for (const { timestampMs, value, bucket } of buckets) {
      const point = writer.begin(2);
      writer.double(1, value);
      writer.uint(2, timestampMs);
      if (exemplarRows !== undefined && exemplarRowsOf !== undefined) {
        const exemplar = heaviestExemplar(exemplarRows, mergeRows(exemplarRows, exemplarRowsOf(labels, bucket)), labels);
        if (exemplar !== undefined) encodeExemplar(writer, 4, exemplarRows, exemplar);
      }
      writer.end(point);
    }
    writer.end(mark);
  }
  return writer.finish();
}

type Bucket = { readonly bucket: number; readonly timestampMs: number; readonly value: number };
type Collected = { readonly labels: LabelSet; readonly buckets: readonly Bucket[]; readonly sum: number };

function collect(rows: ProfileRows, { buckets, groupBy, aggregation, limit }: SeriesOptions): readonly Collected[] {
  const { startMs, endMs, stepMs } = buckets;
  const { groups, groupOfSeries } = groupSeries(rows.series, groupBy);
  const sums = groups.map(() => new Map<number, { value: number; rows: number }>());
  for (let i = 0; i < rows.count; i++) {
    const bucket = bucketIndex(rows.timeMs[i] as number, startMs, endMs, stepMs);
    if (bucket < 0) continue;
    const cells = sums[groupOfSeries[rows.seriesIndex[i] as number] as number] as Map<number, { value: number; rows: number }>;
    const cell = cells.get(bucket);
    if (cell === undefined) {
      cells.set(bucket, { value: rows.value[i] as number, rows: 1 });
    } else {
      cell.value += rows.value[i] as number;
      cell.rows++;
    }
  }
  const collected: Collected[] = [];
  for (let group = 0; group < groups.length; group++) {
    const cells = [...(sums[group] as Map<number, { value: number; rows: number }>)].sort(([a], [b]) => a - b);
    if (cells.length === 0) continue;
    const points = cells.map(([bucket, cell]) => ({
      bucket,
      timestampMs: startMs + bucket * stepMs,
      value: aggregation === "average" ? cell.value / cell.rows : cell.value,
    }));
    collected.push({ labels: groups[group] as LabelSet, buckets: points, sum: points.reduce((sum, point) => sum + point.value, 0) });
  }
  collected.sort((a, b) => b.sum - a.sum || compareLabelSets(a.labels, b.labels));
  return limit > 0 ? collected.slice(0, limit) : collected;
}

/** Looks up the rows of a group and bucket. */
function rowsByCell(rows: ProfileRows, groupBy: readonly string[], { startMs, endMs, stepMs }: SeriesOptions["buckets"]) {
  const { groups, groupOfSeries } = groupSeries(rows.series, groupBy);
  const cells = new Map<string, number[]>();
  for (let i = 0; i < rows.count; i++) {
    const bucket = bucketIndex(rows.timeMs[i] as number, startMs, endMs, stepMs);
    if (bucket < 0) continue;
    const key = `${groupOfSeries[rows.seriesIndex[i] as number]}/${bucket}`;
    const cell = cells.get(key);
    if (cell === undefined) cells.set(key, [i]);
    else cell.push(i);
  }
  return (labels: LabelSet, bucket: number): readonly number[] => {
    const group = groups.findIndex((candidate) => compareLabelSets(candidate, labels) === 0);
    return cells.get(`${group}/${bucket}`) ?? [];
  };
}
