import type { Steps } from "../base/steps.ts";
import type { QueuedProfile } from "../profile/queued-profile.ts";
import { type Arena, FRESH_MEMORY } from "../symbols/arena.ts";
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
  readonly #arena: Arena;
  // Profile rows.
  readonly #series: GrowableUint32;
  readonly #timeMs: GrowableFloat64;
  readonly #timeNs: GrowableUint32;
  readonly #durationNs: GrowableFloat64;
  readonly #period: GrowableFloat64;
  readonly #ids: GrowableUint32;
  // Samples.
  readonly #stack: GrowableUint32;
  readonly #row: GrowableUint32;
  readonly #values: readonly GrowableFloat64[];
  readonly #spanRow: GrowableUint32;
  readonly #spans: GrowableUint32;
  readonly #traces: GrowableUint32;
  #expectedSamples = 0;

  constructor(sampleTypes: number, arena: Arena = FRESH_MEMORY) {
    const words = (): GrowableUint32 => new GrowableUint32(64, arena);
    const numbers = (): GrowableFloat64 => new GrowableFloat64(64, arena);
    this.#sampleTypes = sampleTypes;
    this.#arena = arena;
    this.#series = words();
    this.#timeMs = numbers();
    this.#timeNs = words();
    this.#durationNs = numbers();
    this.#period = numbers();
    this.#ids = words();
    this.#stack = words();
    this.#row = words();
    this.#values = Array.from({ length: sampleTypes }, numbers);
    this.#spanRow = words();
    this.#spans = words();
    this.#traces = words();
  }

  expect(sampleRows: number): void {
    this.#expectedSamples += sampleRows;
  }

  allocate(): void {
    this.#stack.reserve(this.#expectedSamples);
    this.#row.reserve(this.#expectedSamples);
    for (const column of this.#values) column.reserve(this.#expectedSamples);
  }

  /** stacks: of each of the profile's stacks, undefined where they are the dataset's; series: of each of its label sets. Both as the dataset numbers them. */
  addProfile(profile: QueuedProfile, stacks: Uint32Array | undefined, series: readonly number[]): void {
    const firstRow = this.#series.length;
    const timeMs = Number(profile.timeNs / 1_000_000n);
    const timeNs = Number(profile.timeNs % 1_000_000n);
    const ids = idWords(profile.id);
    for (const id of series) this.addRow(id, timeMs, timeNs, Number(profile.durationNs), profile.period, ids, 0);
    const { samples } = profile;
    const first = this.#row.length;
    this.#stack.reserve(samples.count);
    this.#row.reserve(samples.count);
    const stack = this.#stack.data;
    const row = this.#row.data;
    if (stacks === undefined) stack.set(samples.stack, first);
    else for (let i = 0; i < samples.count; i++) stack[first + i] = stacks[samples.stack[i]!]!;
    for (let i = 0; i < samples.count; i++) row[first + i] = firstRow + samples.series[i]!;
    this.#stack.length = this.#row.length = first + samples.count;
    if (samples.spans !== undefined) for (let i = 0; i < samples.count; i++) this.#addSpan(first + i, samples.spans, samples.traces, i);
    for (let type = 0; type < this.#sampleTypes; type++) {
      const column = this.#values[type]!;
      column.reserve(samples.count);
      const { data, length } = column;
      for (let i = 0, at = type; i < samples.count; i++, at += this.#sampleTypes) data[length + i] = samples.values[at]!;
      column.length += samples.count;
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

  /** Adds another dataset's samples. rows: this builder's row + 1 by the table's row, 0 for rows to leave out; stacks: by the table's stack; scratch: released by the caller. */
  addSamples(table: StackValues, rows: Uint32Array, stacks: Uint32Array, scratch: Arena): void {
    const first = this.#row.length;
    const count = table.row.length;
    this.#stack.reserve(count);
    this.#row.reserve(count);
    const taken = scratch.uint32(count);
    let takenCount = 0;
    let at = 0;
    for (let run = 0; run < table.runEnds.length; run++) {
      const stack = stacks[table.stacks[run]!]!;
      for (const end = table.runEnds[run]!; at < end; at++) {
        const row = rows[table.row[at]!]!;
        if (row === 0) continue;
        this.#stack.data[first + takenCount] = stack;
        this.#row.data[first + takenCount] = row - 1;
        taken[takenCount++] = at;
      }
    }
    this.#stack.length = this.#row.length = first + takenCount;
    for (let type = 0; type < this.#sampleTypes; type++) {
      const column = this.#values[type]!;
      column.reserve(takenCount);
      const { data, length } = column;
      const from = table.values[type]!;
      for (let i = 0; i < takenCount; i++) data[length + i] = from[taken[i]!]!;
      column.length += takenCount;
    }
    if (table.spans === undefined) return;
    const moved = new Int32Array(count).fill(-1);
    for (let i = 0; i < takenCount; i++) moved[taken[i]!] = first + i;
    const { row, spans, traces } = table.spans;
    for (let i = 0; i < row.length; i++) if (moved[row[i]!]! >= 0) this.#addSpan(moved[row[i]!]!, spans, traces, i);
  }

  /** Sorts rows by series, time and id, drops duplicates (same series and time: the lowest id stays), and orders samples by stack and row. In steps. */
  *finishing(): Steps<KindColumns> {
    const { order, newRow } = this.#orderRows();
    const row = this.#row.view();
    const stack = this.#stack.view();
    const rowOf = this.#arena.uint32(row.length);
    const kept = this.#arena.uint32(row.length);
    let keptCount = 0;
    let stackMax = 0;
    for (let i = 0; i < row.length; i++) {
      const moved = newRow[row[i]!]!;
      if (moved === 0) continue;
      rowOf[i] = moved - 1;
      kept[keptCount++] = i;
      if (stack[i]! > stackMax) stackMax = stack[i]!;
    }
    yield;
    const samples = groupByStack(kept.subarray(0, keptCount), { stack, stackMax, row: rowOf, rowCount: order.length }, this.#arena);
    yield;
    const values: Float64Array[] = [];
    for (const column of this.#values) {
      values.push(this.#gather(column.data, samples.order));
      yield;
    }
    const table: StackValues = {
      stacks: samples.stacks,
      runEnds: samples.runEnds,
      row: samples.row,
      values,
      spans: this.#orderSpans(samples.order),
    };
    const profiles = this.#profileColumns(order, table);
    yield;
    return { profiles, samples: table, totals: this.#totals(table, profiles.series) };
  }

  #totals(samples: StackValues, series: Uint32Array): StackValues | undefined {
    // Each row is a series of its own, as in most segments: there is nothing to sum up.
    if (samples.spans === undefined && new Set(series).size === series.length) return undefined;
    const totals = sumOverRows(samples, series, this.#arena);
    return totals.row.length <= samples.row.length * TOTALS_ROWS_SHARE_MAX ? totals : undefined;
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
    const order = new Uint32Array(count);
    for (let i = 0; i < count; i++) order[i] = i;
    order.sort((a, b) => series[a]! - series[b]! || timeMs[a]! - timeMs[b]! || timeNs[a]! - timeNs[b]! || compareIds(ids, a, b) || a - b);
    const newRow = new Uint32Array(count);
    let kept = 0;
    let previous = -1;
    for (let i = 0; i < count; i++) {
      const row = order[i]!;
      const duplicate =
        previous >= 0 && series[row] === series[previous] && timeMs[row] === timeMs[previous] && timeNs[row] === timeNs[previous];
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
    const totals = samples.values.map((column) => sumByRow(column, samples.row, count));
    return {
      count,
      series: this.#gatherWords(this.#series.data, order),
      timeMs: this.#gather(this.#timeMs.data, order),
      timeNs: this.#gatherWords(this.#timeNs.data, order),
      durationNs: this.#gather(this.#durationNs.data, order),
      period: this.#gather(this.#period.data, order),
      ids: new Uint8Array(ids.buffer, 0, count * PROFILE_ID_BYTES),
      totals,
    };
  }

  // TypedArray.from with a function costs ten times a loop.
  #gather(column: Float64Array, order: Uint32Array): Float64Array {
    const gathered = this.#arena.float64(order.length);
    for (let i = 0; i < order.length; i++) gathered[i] = column[order[i]!]!;
    return gathered;
  }

  #gatherWords(column: Uint32Array, order: Uint32Array): Uint32Array {
    const gathered = this.#arena.uint32(order.length);
    for (let i = 0; i < order.length; i++) gathered[i] = column[order[i]!]!;
    return gathered;
  }
}

/** 16-byte ids as words, in memory of their own: ids may lie unaligned in what was read. */
export function idWords(ids: Uint8Array): Uint32Array {
  return new Uint32Array(new Uint8Array(ids).buffer);
}

/** What the values of each row come to, at most 2^53 - 1. */
function sumByRow(values: Float64Array, row: Uint32Array, rowCount: number): Float64Array {
  const total = new Float64Array(rowCount);
  for (let i = 0; i < values.length; i++) {
    const at = row[i]!;
    total[at] = total[at]! + values[i]!;
  }
  for (let i = 0; i < rowCount; i++) if (total[i]! > Number.MAX_SAFE_INTEGER) total[i] = Number.MAX_SAFE_INTEGER;
  return total;
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
