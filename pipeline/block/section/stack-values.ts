import type { Arena } from "../../symbols/arena.ts";
import { ByteReader } from "../column/byte-reader.ts";
import type { ByteWriter } from "../column/byte-writer.ts";
import { readValues, writeValues } from "../column/values.ts";

/**
 * Values per stack: of profile rows (section Samples) or of series (section Totals). See FORMAT.md, "Samples and totals".
 *
 * Shape: run i is the rows runEnds[i - 1] .. runEnds[i] of one stack, stacks ascending; within a run `row` ascends. values: per sample type,
 * one per row. spans and traces only in Samples, and only of rows that have one: spanRow names the row, 2 and 4 words each.
 */
export type StackValues = {
  readonly stacks: Uint32Array;
  readonly runEnds: Uint32Array;
  readonly row: Uint32Array;
  readonly values: readonly Float64Array[];
  readonly spans: SpanColumns | undefined;
};

export type SpanColumns = { readonly row: Uint32Array; readonly spans: Uint32Array; readonly traces: Uint32Array };

export function encodeStackValues(writer: ByteWriter, table: StackValues): void {
  const { stacks, runEnds, row } = table;
  writer.varint(stacks.length);
  writer.varint(row.length);
  let previous = 0;
  for (let i = 0; i < stacks.length; i++) {
    writer.varint(stacks[i]! - previous);
    previous = stacks[i]!;
  }
  previous = 0;
  for (let i = 0; i < runEnds.length; i++) {
    writer.varint(runEnds[i]! - previous);
    previous = runEnds[i]!;
  }
  let at = 0;
  for (let run = 0; run < runEnds.length; run++) {
    previous = -1;
    for (const end = runEnds[run]!; at < end; at++) {
      // Rows of a run mostly follow each other; several samples of one row differ in their span.
      writer.varint(row[at]! - previous);
      previous = row[at]!;
    }
  }
  writeValues(writer, table.values, runEnds);
  writeSpans(writer, table.spans);
}

/** Errors: `block_section_corrupt`. */
export function decodeStackValues(raw: Uint8Array, sampleTypes: number, memory?: Arena): StackValues {
  const reader = new ByteReader(raw, memory);
  const stackCount = reader.count(2);
  const rowCount = reader.count();
  const stacks = reader.memory.uint32(stackCount);
  let previous = 0;
  for (let i = 0; i < stackCount; i++) stacks[i] = previous += reader.varint();
  const runEnds = reader.memory.uint32(stackCount);
  previous = 0;
  for (let i = 0; i < stackCount; i++) runEnds[i] = previous += reader.varint();
  if (previous !== rowCount) throw reader.corrupt(`runs of ${previous} rows in a table of ${rowCount}`);
  const row = reader.memory.uint32(rowCount);
  let at = 0;
  for (let run = 0; run < stackCount; run++) {
    previous = -1;
    for (const end = runEnds[run]!; at < end; at++) row[at] = previous += reader.varint();
  }
  const values = readValues(reader, sampleTypes, runEnds);
  const spans = readSpans(reader, rowCount);
  reader.end();
  return { stacks, runEnds, row, values, spans };
}

function writeSpans(writer: ByteWriter, spans: SpanColumns | undefined): void {
  writer.varint(spans === undefined ? 0 : spans.row.length);
  if (spans === undefined) return;
  let previous = 0;
  for (let i = 0; i < spans.row.length; i++) {
    writer.varint(spans.row[i]! - previous);
    previous = spans.row[i]!;
  }
  for (const word of spans.spans) writer.uint32(word);
  for (const word of spans.traces) writer.uint32(word);
}

function readSpans(reader: ByteReader, rowCount: number): SpanColumns | undefined {
  const count = reader.count(25);
  if (count === 0) return undefined;
  const row = new Uint32Array(count);
  let previous = 0;
  for (let i = 0; i < count; i++) row[i] = previous += reader.varint();
  if (previous >= rowCount) throw reader.corrupt("a span of a row that is not there");
  const words = (length: number): Uint32Array => Uint32Array.from({ length }, () => reader.uint32());
  return { row, spans: words(count * 2), traces: words(count * 4) };
}
