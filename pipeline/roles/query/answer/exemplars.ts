import type { LabelSet } from "../../../profile/labels.ts";
import type { ProfileRows, SpanRows } from "../profile-rows.ts";
import { encodeLabels } from "./labels.ts";
import type { ProtoWriter } from "./proto-writer.ts";
import { commonLabels, remainingLabels } from "./series-groups.ts";

/** One profile (or span) that stands for a point: the heaviest of those that make it up. */
export type Exemplar = {
  readonly timestampMs: number;
  /** Index of a row of it. */
  readonly row: number;
  readonly value: number;
  /** Those not already in the labels of the series it illustrates. */
  readonly labels: LabelSet;
};

/** One profile (or span) of some rows: it has a row in each series it was split into. */
export type MergedRow = { readonly row: number; readonly value: number; readonly labels: LabelSet };

/** Puts the rows of a profile (or span) at one time together: values summed, only labels that all of them share. */
export function mergeRows(rows: ProfileRows | SpanRows, indexes: readonly number[]): readonly MergedRow[] {
  type Merging = { readonly row: number; value: number; labels: LabelSet; readonly next: Merging | undefined };
  const merged: Merging[] = [];
  // By the start of the id, which is random: what has the same hangs together.
  const byStart = new Map<number, Merging>();
  for (const row of indexes) {
    const labels = rows.series[rows.seriesIndex[row] as number] as LabelSet;
    const start = idStart(rows, row);
    const first = byStart.get(start);
    let known = first;
    while (known !== undefined && compareRows(rows, known.row, row) !== 0) known = known.next;
    if (known === undefined) {
      const made = { row, value: rows.value[row] as number, labels, next: first };
      merged.push(made);
      byStart.set(start, made);
    } else {
      known.value += rows.value[row] as number;
      known.labels = commonLabels(known.labels, labels);
    }
  }
  return merged;
}

/** The heaviest of them. Ties go to the smaller id, so that the answer does not depend on where rows are stored. */
export function heaviestExemplar(rows: ProfileRows | SpanRows, merged: readonly MergedRow[], groupLabels: LabelSet): Exemplar | undefined {
  let best: MergedRow | undefined;
  for (const candidate of merged) {
    if (
      best === undefined ||
      candidate.value > best.value ||
      (candidate.value === best.value && compareRows(rows, candidate.row, best.row) < 0)
    )
      best = candidate;
  }
  if (best === undefined) return undefined;
  return {
    timestampMs: rows.timeMs[best.row] as number,
    row: best.row,
    value: best.value,
    labels: remainingLabels(best.labels, groupLabels),
  };
}

/** types.v1.Exemplar. */
export function encodeExemplar(writer: ProtoWriter, field: number, rows: ProfileRows | SpanRows, exemplar: Exemplar): void {
  const mark = writer.begin(field);
  writer.uint(1, exemplar.timestampMs);
  // A span exemplar is about a span of whatever profiles it was measured in.
  if (isSpanRows(rows)) writer.string(3, hexOf(rows.spans, exemplar.row, 8));
  else writer.string(2, uuidText(rows.ids, exemplar.row));
  writer.uint(4, exemplar.value);
  encodeLabels(writer, 5, exemplar.labels);
  if (isSpanRows(rows)) {
    const trace = hexOf(rows.traces, exemplar.row, 16);
    if (!/^0*$/.test(trace)) writer.string(6, trace);
  }
  writer.end(mark);
}

/** `7c9e6679-7425-40de-944b-e07fc1f90ae7` */
function uuidText(ids: Uint8Array, row: number): string {
  const hex = hexOf(ids, row, 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

function isSpanRows(rows: ProfileRows | SpanRows): rows is SpanRows {
  return "spans" in rows;
}

/** Which profile (or span) a row is of, and when: 0 for the same. By id, then by time. */
function compareRows(rows: ProfileRows | SpanRows, a: number, b: number): number {
  const { bytes, size } = idsOf(rows);
  for (let byte = 0; byte < size; byte++) {
    const difference = (bytes[a * size + byte] as number) - (bytes[b * size + byte] as number);
    if (difference !== 0) return difference;
  }
  return (rows.timeMs[a] as number) - (rows.timeMs[b] as number);
}

/** 31 bits of the id: whole numbers of that size are what a Map finds fastest. */
function idStart(rows: ProfileRows | SpanRows, row: number): number {
  const { bytes, size } = idsOf(rows);
  const at = row * size;
  const word =
    (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24);
  return word & 0x7fffffff;
}

function idsOf(rows: ProfileRows | SpanRows): { readonly bytes: Uint8Array; readonly size: number } {
  return isSpanRows(rows) ? { bytes: rows.spans, size: 8 } : { bytes: rows.ids, size: 16 };
}

function hexOf(bytes: Uint8Array, row: number, size: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + row * size, size).toString("hex");
}
