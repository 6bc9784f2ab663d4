import { assert } from "../../base/assert.ts";
import type { ByteReader } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";

/*
 * Value columns of one profile kind, see FORMAT.md, "Values". Rows come in runs of one stack. The columns of one kind are siblings:
 * allocated bytes are objects times a size per stack, CPU nanoseconds are samples times the period. A column that follows
 * from its sibling costs next to nothing.
 */

/** How a value column is written. 0 is reserved: zeroed bytes are never a legal column. */
export const ValueMode = {
  /** Each value as a varint. */
  Plain: 1,
  /** Signed difference from the value before in the same run. */
  Delta: 2,
  /** Signed difference from what a sibling column predicts; the sibling's index follows. */
  Sibling: 3,
  /** All values are 0: nothing follows. */
  Zero: 4,
} as const;
export type ValueMode = (typeof ValueMode)[keyof typeof ValueMode];

/** runEnds: end of each run of rows. columns: one per sample type, equally long. */
export function writeValues(writer: ByteWriter, columns: readonly Float64Array[], runEnds: Uint32Array): void {
  columns.forEach((column, index) => {
    const { mode, sibling } = cheapest(columns, index, runEnds);
    writer.byte(mode);
    switch (mode) {
      case ValueMode.Zero:
        return;
      case ValueMode.Plain:
        for (let i = 0; i < column.length; i++) writer.varint(column[i]!);
        return;
      case ValueMode.Delta:
        writeAll(writer, new Deltas(column, runEnds), column.length);
        return;
      case ValueMode.Sibling:
        writer.byte(sibling);
        writeAll(writer, new Residuals(column, columns[sibling]!), column.length);
        return;
      default:
        mode satisfies never;
    }
  });
}

/** Errors: `block_section_corrupt`. */
export function readValues(reader: ByteReader, columnCount: number, runEnds: Uint32Array): Float64Array[] {
  const rows = runEnds.length === 0 ? 0 : runEnds[runEnds.length - 1]!;
  const columns: Float64Array[] = [];
  for (let index = 0; index < columnCount; index++) {
    const mode = reader.byte() as ValueMode;
    if (mode !== ValueMode.Zero && rows > reader.remaining) throw reader.corrupt(`${rows} values with ${reader.remaining} bytes left`);
    const column = reader.memory.float64(rows);
    switch (mode) {
      case ValueMode.Zero:
        column.fill(0);
        break;
      case ValueMode.Plain:
        for (let i = 0; i < rows; i++) column[i] = reader.varint();
        break;
      case ValueMode.Delta:
        readDeltas(reader, column, runEnds);
        break;
      case ValueMode.Sibling: {
        const sibling = reader.byte();
        if (sibling >= index) throw reader.corrupt(`value column ${index} leans on column ${sibling}`);
        readResiduals(reader, column, columns[sibling]!);
        break;
      }
      default:
        throw reader.corrupt(`unknown value mode ${mode as number}`);
    }
    columns.push(column);
  }
  return columns;
}

/** Rows looked at to choose a mode: enough to see the shape, too few to cost. */
const TRIAL_ROWS = 512;
/** Of this thread. */
const TRIAL = new Float64Array(TRIAL_ROWS);

function cheapest(columns: readonly Float64Array[], index: number, runEnds: Uint32Array): { mode: ValueMode; sibling: number } {
  const column = columns[index]!;
  if (isZero(column)) return { mode: ValueMode.Zero, sibling: 0 };
  const rows = Math.min(column.length, TRIAL_ROWS);
  let best: { mode: ValueMode; sibling: number } = { mode: ValueMode.Plain, sibling: 0 };
  let cost = priceOfPlain(column, rows);
  const asDeltas = priceOf(new Deltas(column, runEnds), rows);
  if (asDeltas < cost) {
    best = { mode: ValueMode.Delta, sibling: 0 };
    cost = asDeltas;
  }
  for (let sibling = 0; sibling < index; sibling++) {
    const asResiduals = priceOf(new Residuals(column, columns[sibling]!), rows);
    if (asResiduals >= cost) continue;
    best = { mode: ValueMode.Sibling, sibling };
    cost = asResiduals;
  }
  return best;
}

/** `every` with a function takes ten times as long, and a number on the heap for each value. */
function isZero(column: Float64Array): boolean {
  for (let i = 0; i < column.length; i++) if (column[i] !== 0) return false;
  return true;
}

function priceOfPlain(column: Float64Array, rows: number): number {
  let sum = 0;
  for (let i = 0; i < rows; i++) sum += price(column[i]!, 128);
  return sum;
}

function priceOf(differences: Differences, rows: number): number {
  differences.next(TRIAL, rows);
  let sum = 0;
  for (let i = 0; i < rows; i++) sum += price(Math.abs(TRIAL[i]!), 64);
  return sum;
}

/** Bytes a magnitude takes, roughly, after zstd: zeros all but vanish. */
function price(magnitude: number, firstByte: number): number {
  if (magnitude === 0) return 0.1;
  return magnitude < firstByte ? 1 : 1 + Math.log2(magnitude / firstByte) / 7 + 0.5;
}

/** What is written of a column, row by row from its start, some at a time: a call for each value would cost more than the value. */
type Differences = { next(into: Float64Array, rows: number): void };

/** Enough that a call for them does not matter, few enough to stay in the processor's cache. */
const CHUNK_ROWS = 1024;
/** Of this thread. */
const CHUNK = new Float64Array(CHUNK_ROWS);

function writeAll(writer: ByteWriter, differences: Differences, rows: number): void {
  for (let at = 0; at < rows; at += CHUNK_ROWS) {
    const count = Math.min(CHUNK_ROWS, rows - at);
    differences.next(CHUNK, count);
    writer.signeds(CHUNK, count);
  }
}

class Deltas implements Differences {
  readonly #column: Float64Array;
  readonly #runEnds: Uint32Array;
  #at = 0;
  #run = 0;
  #previous = 0;

  constructor(column: Float64Array, runEnds: Uint32Array) {
    this.#column = column;
    this.#runEnds = runEnds;
  }

  next(into: Float64Array, rows: number): void {
    const column = this.#column;
    const runEnds = this.#runEnds;
    let run = this.#run;
    let previous = this.#previous;
    let at = this.#at;
    for (let i = 0; i < rows; i++, at++) {
      for (; at === runEnds[run]; run++) previous = 0;
      const value = column[at]!;
      into[i] = value - previous;
      previous = value;
    }
    this.#at = at;
    this.#run = run;
    this.#previous = previous;
  }
}

function readDeltas(reader: ByteReader, column: Float64Array, runEnds: Uint32Array): void {
  let at = 0;
  for (let run = 0; run < runEnds.length; run++) {
    let previous = 0;
    for (const end = runEnds[run]!; at < end; at++) {
      previous += reader.signed();
      column[at] = previous;
    }
  }
}

/**
 * What a value should be if it kept the ratio it last had to its sibling. Multiplication and division of doubles are
 * exact to the last bit everywhere, so writer and reader predict alike.
 */
class Residuals implements Differences {
  readonly #column: Float64Array;
  readonly #sibling: Float64Array;
  #at = 0;
  #ratio = 0;

  constructor(column: Float64Array, sibling: Float64Array) {
    this.#column = column;
    this.#sibling = sibling;
  }

  next(into: Float64Array, rows: number): void {
    const column = this.#column;
    const sibling = this.#sibling;
    let ratio = this.#ratio;
    let at = this.#at;
    for (let i = 0; i < rows; i++, at++) {
      const base = sibling[at]!;
      const value = column[at]!;
      into[i] = value - predict(base, ratio);
      if (base > 0) ratio = value / base;
    }
    this.#at = at;
    this.#ratio = ratio;
  }
}

function readResiduals(reader: ByteReader, column: Float64Array, sibling: Float64Array): void {
  let ratio = 0;
  for (let i = 0; i < column.length; i++) {
    const base = sibling[i]!;
    const value = predict(base, ratio) + reader.signed();
    if (!(value >= 0 && value <= Number.MAX_SAFE_INTEGER)) throw reader.corrupt("a value outside 0 to 2^53 - 1");
    column[i] = value;
    if (base > 0) ratio = value / base;
  }
}

function predict(base: number, ratio: number): number {
  const predicted = Math.round(base * ratio);
  assert(predicted >= 0, "values and ratios are not negative");
  return predicted > Number.MAX_SAFE_INTEGER ? 0 : predicted;
}
