import type { ByteReader } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";

/*
 * Columns of unsigned 32-bit numbers, see FORMAT.md, "Columns". The count is known to the reader from elsewhere.
 *
 * Most numbers take one byte, which is read in place; longer ones, and whatever lies beyond the end, are left to the reader.
 */

/** Each number as a varint. */
export function writePlain(writer: ByteWriter, column: Uint32Array): void {
  writer.varints(column);
}

export function readPlain(reader: ByteReader, count: number): Uint32Array {
  guard(reader, count);
  const column = reader.memory.uint32(count);
  const { bytes } = reader;
  let at = reader.at;
  for (let i = 0; i < count; i++) {
    const byte = bytes[at]!;
    if (byte < 0x80) {
      column[i] = byte;
      at++;
    } else {
      reader.at = at;
      column[i] = reader.varint();
      at = reader.at;
    }
  }
  reader.at = at;
  return column;
}

/** Each number as its signed difference from the one before (0 before the first). */
export function writeDelta(writer: ByteWriter, column: Uint32Array): void {
  writer.deltas(column);
}

export function readDelta(reader: ByteReader, count: number): Uint32Array {
  guard(reader, count);
  const column = reader.memory.uint32(count);
  const { bytes } = reader;
  let at = reader.at;
  let previous = 0;
  for (let i = 0; i < count; i++) {
    const byte = bytes[at]!;
    if (byte < 0x80) {
      at++;
      previous += (byte & 1) === 1 ? -(byte >> 1) : byte >> 1;
    } else {
      reader.at = at;
      previous += reader.signed();
      at = reader.at;
    }
    column[i] = previous;
  }
  reader.at = at;
  return column;
}

/** Each number as its signed difference from the number at the same place of another column. */
export function writeRelative(writer: ByteWriter, column: Uint32Array, base: Uint32Array): void {
  for (let i = 0; i < column.length; i++) writer.signed(column[i]! - base[i]!);
}

export function readRelative(reader: ByteReader, base: Uint32Array): Uint32Array {
  guard(reader, base.length);
  const column = reader.memory.uint32(base.length);
  for (let i = 0; i < column.length; i++) column[i] = base[i]! + reader.signed();
  return column;
}

/** End offsets, as the lengths between them. */
export function writeEnds(writer: ByteWriter, ends: Uint32Array): void {
  let previous = 0;
  for (let i = 0; i < ends.length; i++) {
    writer.varint(ends[i]! - previous);
    previous = ends[i]!;
  }
}

export function readEnds(reader: ByteReader, count: number): Uint32Array {
  guard(reader, count);
  const ends = reader.memory.uint32(count);
  let end = 0;
  for (let i = 0; i < count; i++) {
    end += reader.varint();
    ends[i] = end;
  }
  return ends;
}

/** Every number takes a byte at least: a wrong count is found before memory is taken for it. */
function guard(reader: ByteReader, count: number): void {
  if (count > reader.remaining) throw reader.corrupt(`a column of ${count} numbers with ${reader.remaining} bytes left`);
}
