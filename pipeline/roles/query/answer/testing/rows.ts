import { type LabelSet, labelSetKey, sortLabels } from "../../../../profile/labels.ts";
import type { ProfileRows, SpanRows } from "../../profile-rows.ts";

/** A profile of a test: its labels, when, how much, and which (id and span as small numbers). */
export type TestRow = {
  readonly labels: Readonly<Record<string, string>>;
  readonly timeMs: number;
  readonly value: number;
  readonly id?: number;
  readonly span?: number;
};

export function rowsOf(list: readonly TestRow[]): ProfileRows {
  const series: LabelSet[] = [];
  const indexOf = (labels: Readonly<Record<string, string>>): number => {
    const set = sortLabels(Object.entries(labels).map(([name, value]) => ({ name, value })));
    const known = series.findIndex((one) => labelSetKey(one) === labelSetKey(set));
    return known >= 0 ? known : series.push(set) - 1;
  };
  const ids = new Uint8Array(list.length * 16);
  list.forEach((row, i) => (ids[i * 16 + 15] = row.id ?? i));
  return {
    count: list.length,
    seriesIndex: Int32Array.from(list, (row) => indexOf(row.labels)),
    series,
    timeMs: Float64Array.from(list, (row) => row.timeMs),
    value: Float64Array.from(list, (row) => row.value),
    ids,
  };
}

export function spanRowsOf(list: readonly TestRow[]): SpanRows {
  const spans = new Uint8Array(list.length * 8);
  list.forEach((row, i) => (spans[i * 8 + 7] = row.span ?? i + 1));
  return { ...rowsOf(list), spans, traces: new Uint8Array(list.length * 16) };
}
