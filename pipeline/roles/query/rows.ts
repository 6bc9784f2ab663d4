import { lookAhead } from "../../base/look-ahead.ts";
import { type LabelSet, labelSetKey, sortLabels } from "../../profile/labels.ts";
import { GrowableFloat64, GrowableUint32 } from "../../symbols/growable.ts";
import { PLANNED_AHEAD, VALUES_AHEAD } from "./ahead.ts";
import type { StackSelection } from "./engine-interface.ts";
import { typeLabels } from "./kind-match.ts";
import type { ProfileRows, SpanRows } from "./profile-rows.ts";
import type { SectionReader } from "./read.ts";
import { type SelectedRows, withProfiles, withRowMask } from "./select.ts";
import { filtersSamples, StackFilter } from "./stack-filter.ts";
import { spanFilter } from "./stack-sums.ts";

/** One row per selected profile and series whose value is above 0. */
export async function collectRows(selected: readonly SelectedRows[], stacks: StackSelection, reader: SectionReader): Promise<ProfileRows> {
  const out = new RowColumns();
  const filter = new StackFilter(stacks);
  const load = async (rows: SelectedRows) => {
    const profiles = await withProfiles(rows, reader);
    const mask = await withRowMask(rows, reader);
    const values = filtersSamples(stacks) ? await sumPerRow(rows, stacks, filter, reader) : profiles.totals[rows.sampleType]!;
    return { rows, profiles, mask, values };
  };
  const ahead = filtersSamples(stacks) ? VALUES_AHEAD : PLANNED_AHEAD;
  for await (const { rows, profiles, mask, values } of lookAhead(selected, ahead, load)) {
    await reader.step();
    const series = out.seriesOf(rows);
    for (let row = 0; row < profiles.count; row++) {
      if (mask[row] === 1 && values[row]! > 0)
        out.push(series(profiles.series[row]!), profiles.timeMs[row]!, values[row]!, profiles.ids, row);
    }
  }
  return out.finish();
}

/** One row per selected profile, series, span and trace. */
export async function collectSpanRows(selected: readonly SelectedRows[], stacks: StackSelection, reader: SectionReader): Promise<SpanRows> {
  const out = new RowColumns();
  const spans: Uint8Array[] = [];
  const traces: Uint8Array[] = [];
  const filter = new StackFilter(stacks);
  const load = async (rows: SelectedRows) => {
    const samples = await reader.samples(rows.planned, rows.kindIndex);
    if (samples.spans === undefined) return undefined;
    const profiles = await withProfiles(rows, reader);
    const mask = await withRowMask(rows, reader);
    return { rows, samples, spanned: samples.spans, profiles, mask, allowed: await selectedStacks(rows, filter, reader) };
  };
  for await (const loaded of lookAhead(selected, VALUES_AHEAD, load)) {
    await reader.step();
    if (loaded === undefined) continue;
    const { rows, samples, spanned, profiles, mask, allowed } = loaded;
    const bySpan = spanFilter(stacks)?.(samples);
    const series = out.seriesOf(rows);
    const stackOf = stackByRow(samples.runEnds, samples.row.length);
    const sums = new Map<string, { row: number; index: number; value: number }>();
    spanned.row.forEach((sample, index) => {
      const row = samples.row[sample]!;
      if (mask[row] === 0 || bySpan?.[sample] === 0 || allowed?.[samples.stacks[stackOf[sample]!]!] === 0) return;
      const span = bytesOf(spanned.spans, index * 2, 2);
      if (span.every((byte) => byte === 0)) return;
      const key = `${row}/${Buffer.from(span).toString("latin1")}/${Buffer.from(bytesOf(spanned.traces, index * 4, 4)).toString("latin1")}`;
      const known = sums.get(key);
      const value = samples.values[rows.sampleType]![sample]!;
      if (known === undefined) sums.set(key, { row, index, value });
      else known.value += value;
    });
    for (const { row, index, value } of sums.values()) {
      if (value === 0) continue;
      out.push(series(profiles.series[row]!), profiles.timeMs[row]!, value, profiles.ids, row);
      spans.push(bytesOf(spanned.spans, index * 2, 2));
      traces.push(bytesOf(spanned.traces, index * 4, 4));
    }
  }
  return { ...out.finish(), spans: concat(spans), traces: concat(traces) };
}

/** Values per profile row of the samples that a stack or span selection leaves. */
async function sumPerRow(rows: SelectedRows, stacks: StackSelection, filter: StackFilter, reader: SectionReader): Promise<Float64Array> {
  const samples = await reader.samples(rows.planned, rows.kindIndex);
  const { count } = await withProfiles(rows, reader);
  const allowed = await selectedStacks(rows, filter, reader);
  const bySpan = spanFilter(stacks)?.(samples);
  const values = samples.values[rows.sampleType]!;
  const sums = new Float64Array(count);
  let at = 0;
  for (let run = 0; run < samples.runEnds.length; run++) {
    const skip = allowed !== undefined && allowed[samples.stacks[run]!] === 0;
    for (const end = samples.runEnds[run]!; at < end; at++) {
      if (!skip && (bySpan === undefined || bySpan[at] === 1)) sums[samples.row[at]!]! += values[at]!;
    }
  }
  return sums;
}

/** 1 for each stack of the dataset that the filter selects; undefined when all are. */
async function selectedStacks(rows: SelectedRows, filter: StackFilter, reader: SectionReader): Promise<Uint8Array | undefined> {
  const names = await reader.stackNames(rows.planned);
  const nodes = filter.selectedNodes(names);
  if (nodes === undefined) return undefined;
  return Uint8Array.from(names.nodeOfStack, (node) => nodes[node]!);
}

function stackByRow(runEnds: Uint32Array, count: number): Uint32Array {
  const runs = new Uint32Array(count);
  let at = 0;
  for (let run = 0; run < runEnds.length; run++) for (const end = runEnds[run]!; at < end; at++) runs[at] = run;
  return runs;
}

function bytesOf(words: Uint32Array, start: number, count: number): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset + start * 4, count * 4);
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** The columns of ProfileRows while they grow; equal series of different datasets become one. */
class RowColumns {
  readonly #series: LabelSet[] = [];
  readonly #seriesIds = new Map<string, number>();
  readonly #seriesIndex = new GrowableUint32(256);
  readonly #timeMs = new GrowableFloat64(256);
  readonly #value = new GrowableFloat64(256);
  readonly #ids: Uint8Array[] = [];

  /** From a dataset's series to ours, found when first asked for. */
  seriesOf(rows: SelectedRows): (series: number) => number {
    const known = new Int32Array(rows.series.length).fill(-1);
    const derived = Object.entries(typeLabels(rows.planned.entry.kinds[rows.kindIndex]!.kind, rows.sampleType));
    return (series) => {
      if (known[series]! >= 0) return known[series]!;
      const labels = sortLabels([...rows.series[series]!, ...derived.map(([name, value]) => ({ name, value }))]);
      const key = labelSetKey(labels);
      const id = this.#seriesIds.get(key) ?? this.#series.push(labels) - 1;
      this.#seriesIds.set(key, id);
      return (known[series] = id);
    };
  }

  push(series: number, timeMs: number, value: number, ids: Uint8Array, row: number): void {
    this.#seriesIndex.push(series);
    this.#timeMs.push(timeMs);
    this.#value.push(value);
    this.#ids.push(ids.subarray(row * 16, row * 16 + 16));
  }

  finish(): ProfileRows {
    return {
      count: this.#timeMs.length,
      series: this.#series,
      seriesIndex: Int32Array.from(this.#seriesIndex.view()),
      timeMs: this.#timeMs.view(),
      value: this.#value.view(),
      ids: concat(this.#ids),
    };
  }
}
