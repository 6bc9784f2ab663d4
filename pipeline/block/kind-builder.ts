import type { QueuedProfile } from "../profile/queued-profile.ts";
import { GrowableFloat64, GrowableUint32 } from "../symbols/growable.ts";
import { PROFILE_ID_BYTES, type ProfileColumns } from "./section/profiles.ts";
import type { SpanColumns, StackValues } from "./section/stack-values.ts";
import { groupByStack, sumOverRows } from "./stack-order.ts";

/** One profile kind of a dataset, ready to be encoded. totals is absent where it would not be much smaller than samples. */
export type KindColumns = { readonly profiles: ProfileColumns; readonly samples: StackValues; readonly totals: StackValues | undefined };

/** Totals pay when they save a reader at least a third of the rows. */
const TOTALS_ROWS_SHARE_MAX = 2 / 3;

/** Rows and samples of one profile kind, collected in any order. */
export class KindBuilder {
  readonly #sampleTypes: number;
  // Profile rows.
  readonly #series = new GrowableUint32();
  readonly #timeMs = new GrowableFloat64();
  readonly #timeNs = new GrowableUint32();
  readonly #durationNs = new GrowableFloat64();
  readonly #period = new GrowableFloat64();
  readonly #ids = new GrowableUint32();
  // Samples.
  readonly #stack = new GrowableUint32(1024);
  readonly #row = new GrowableUint32(1024);
  readonly #values: GrowableFloat64[];
  readonly #spanRow = new GrowableUint32();
  readonly #spans = new GrowableUint32();
  readonly #traces = new GrowableUint32();

  constructor(sampleTypes: number) {
    this.#sampleTypes = sampleTypes;
    this.#values = Array.from({ length: sampleTypes }, () => new GrowableFloat64(1024));
  }

  /** stacks: of each of the profile's stacktraces; series: of each of its label sets, both as the dataset numbers them. */
  addProfile(profile: QueuedProfile, stacks: Uint32Array, series: readonly number[]): void {
    const firstRow = this.#series.length;
    const timeMs = Number(profile.timeNs / 1_000_000n);
    const timeNs = Number(profile.timeNs % 1_000_000n);
    const ids = idWords(profile.id);
    for (const id of series) this.addRow(id, timeMs, timeNs, Number(profile.durationNs), profile.period, ids, 0);
    const { samples } = profile;
    for (let i = 0; i < samples.count; i++) {
      this.#stack.push(stacks[samples.stack[i]!]!);
      const sample = this.#row.push(firstRow + samples.series[i]!);
      if (samples.spans !== undefined) this.#addSpan(sample, samples.spans, samples.traces, i);
    }
    for (let type = 0; type < this.#sampleTypes; type++) {
      const column = this.#values[type]!;
      column.reserve(samples.count);
      for (let i = 0, at = type; i < samples.count; i++, at += this.#sampleTypes) column.data[column.length++] = samples.values[at]!;
    }
  }

  /** ids: words of 16-byte ids, of which the idIndex-th is the row's. Returns the row. */
  addRow(series: number, timeMs: number, timeNs: number, durationNs: number, period: number, ids: Uint32Array, idIndex: number): number {
    this.#timeMs.push(timeMs);
    this.#timeNs.push(timeNs);
    this.#durationNs.push(durationNs);
    this.#period.push(period);
    for (let word = 0; word < 4; word++) this.#ids.push(ids[idIndex * 4 + word]!);
    return this.#series.push(series);
  }

  /** Adds another dataset's samples. rows: this builder's row + 1 by the table's row, 0 for rows to leave out; stacks: by the table's stack. */
  addSamples(table: StackValues, rows: Uint32Array, stacks: Uint32Array): void {
    const moved = table.spans === undefined ? undefined : new Int32Array(table.row.length).fill(-1);
    let at = 0;
    for (let run = 0; run < table.runEnds.length; run++) {
      const stack = stacks[table.stacks[run]!]!;
      for (const end = table.runEnds[run]!; at < end; at++) {
        const row = rows[table.row[at]!]!;
        if (row === 0) continue;
        this.#stack.push(stack);
        const sample = this.#row.push(row - 1);
        if (moved !== undefined) moved[at] = sample;
        for (let type = 0; type < this.#sampleTypes; type++) this.#values[type]!.push(table.values[type]![at]!);
      }
    }
    if (moved === undefined || table.spans === undefined) return;
    const { row, spans, traces } = table.spans;
    for (let i = 0; i < row.length; i++) if (moved[row[i]!]! >= 0) this.#addSpan(moved[row[i]!]!, spans, traces, i);
  }

  /** Sorts rows by series, time and id, drops duplicates (same series and time: the lowest id stays), and orders samples by stack and row. */
  finish(): KindColumns {
    const { order, newRow } = this.#orderRows();
    const row = this.#row.view();
    const kept = new Uint32Array(row.length);
    let keptCount = 0;
    for (let i = 0; i < row.length; i++) if (newRow[row[i]!]! > 0) kept[keptCount++] = i;
    const samples = groupByStack(kept.subarray(0, keptCount), this.#stack.view(), (i) => newRow[row[i]!]! - 1, order.length);
    const values = this.#values.map((column) => Float64Array.from(samples.order, (i) => column.data[i]!));
    const table: StackValues = { stacks: samples.stacks, runEnds: samples.runEnds, row: samples.row, values, spans: this.#orderSpans(samples.order) };
    const profiles = this.#profileColumns(order, table);
    const totals = sumOverRows(table, profiles.series);
    return { profiles, samples: table, totals: totals.row.length <= table.row.length * TOTALS_ROWS_SHARE_MAX ? totals : undefined };
  }

  #addSpan(sample: number, spans: Uint32Array, traces: Uint32Array | undefined, index: number): void {
    const low = spans[index * 2]!;
    const high = spans[index * 2 + 1]!;
    const trace = traces === undefined ? NO_TRACE : traces.subarray(index * 4, index * 4 + 4);
    if (low === 0 && high === 0 && trace.every((word) => word === 0)) return;
    this.#spanRow.push(sample);
    this.#spans.push(low);
    this.#spans.push(high);
    for (const word of trace) this.#traces.push(word);
  }

  /** order: old row by new row; newRow: new row + 1 by old row, 0 for a duplicate. */
  #orderRows(): { order: Uint32Array; newRow: Uint32Array } {
    const count = this.#series.length;
    const series = this.#series.data;
    const timeMs = this.#timeMs.data;
    const timeNs = this.#timeNs.data;
    const ids = this.#ids.data;
    const order = Uint32Array.from({ length: count }, (_, i) => i).sort(
      (a, b) => series[a]! - series[b]! || timeMs[a]! - timeMs[b]! || timeNs[a]! - timeNs[b]! || compareIds(ids, a, b) || a - b,
    );
    const newRow = new Uint32Array(count);
    let kept = 0;
    let previous = -1;
    for (let i = 0; i < count; i++) {
      const row = order[i]!;
      const duplicate = previous >= 0 && series[row] === series[previous] && timeMs[row] === timeMs[previous] && timeNs[row] === timeNs[previous];
      if (duplicate) continue;
      order[kept++] = row;
      newRow[row] = kept;
      previous = row;
    }
    return { order: order.subarray(0, kept), newRow };
  }

  #orderSpans(order: Uint32Array): SpanColumns | undefined {
    if (this.#spanRow.length === 0) return undefined;
    const spanOf = new Int32Array(this.#row.length).fill(-1);
    for (let i = 0; i < this.#spanRow.length; i++) spanOf[this.#spanRow.data[i]!] = i;
    const row = new GrowableUint32();
    const spans = new GrowableUint32();
    const traces = new GrowableUint32();
    for (let i = 0; i < order.length; i++) {
      const span = spanOf[order[i]!]!;
      if (span < 0) continue;
      row.push(i);
      for (let word = 0; word < 2; word++) spans.push(this.#spans.data[span * 2 + word]!);
      for (let word = 0; word < 4; word++) traces.push(this.#traces.data[span * 4 + word]!);
    }
    return row.length === 0 ? undefined : { row: row.view(), spans: spans.view(), traces: traces.view() };
  }

  #profileColumns(order: Uint32Array, samples: StackValues): ProfileColumns {
    const count = order.length;
    const ids = new Uint32Array(count * 4);
    for (let i = 0; i < count; i++) for (let word = 0; word < 4; word++) ids[i * 4 + word] = this.#ids.data[order[i]! * 4 + word]!;
    const totals = samples.values.map((column) => {
      const total = new Float64Array(count);
      for (let i = 0; i < column.length; i++) total[samples.row[i]!]! += column[i]!;
      return total.map((value) => Math.min(value, Number.MAX_SAFE_INTEGER));
    });
    return {
      count,
      series: Uint32Array.from(order, (row) => this.#series.data[row]!),
      timeMs: Float64Array.from(order, (row) => this.#timeMs.data[row]!),
      timeNs: Uint32Array.from(order, (row) => this.#timeNs.data[row]!),
      durationNs: Float64Array.from(order, (row) => this.#durationNs.data[row]!),
      period: Float64Array.from(order, (row) => this.#period.data[row]!),
      ids: new Uint8Array(ids.buffer, 0, count * PROFILE_ID_BYTES),
      totals,
    };
  }
}

/** 16-byte ids as words, in memory of their own: ids may lie unaligned in what was read. */
export function idWords(ids: Uint8Array): Uint32Array {
  return new Uint32Array(new Uint8Array(ids).buffer);
}

const NO_TRACE = new Uint32Array(4);

/** Any total order of ids will do, so long as it is the same everywhere: words as they lie. */
function compareIds(ids: Uint32Array, a: number, b: number): number {
  for (let word = 0; word < 4; word++) {
    const difference = ids[a * 4 + word]! - ids[b * 4 + word]!;
    if (difference !== 0) return difference;
  }
  return 0;
}
