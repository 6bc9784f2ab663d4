import type { NameTable } from "../flame-tree.ts";

/** Bytewise order of two names of (maybe different) tables; a name sorts before the longer ones it begins. */
export function compareNames(left: NameTable, l: number, right: NameTable, r: number): number {
  const a = left.bytes;
  const b = right.bytes;
  const aStart = left.starts[l] as number;
  const bStart = right.starts[r] as number;
  const aLength = left.lengths[l] as number;
  const bLength = right.lengths[r] as number;
  const length = aLength < bLength ? aLength : bLength;
  for (let i = 0; i < length; i++) {
    const difference = (a[aStart + i] as number) - (b[bStart + i] as number);
    if (difference !== 0) return difference;
  }
  return aLength - bLength;
}

/** Index of the name with this text, -1 when the table has none. */
export function findName(names: NameTable, text: string): number {
  const wanted = Buffer.from(text);
  for (let i = 0; i < names.count; i++) {
    if (names.lengths[i] !== wanted.length) continue;
    const start = names.starts[i] as number;
    let k = 0;
    while (k < wanted.length && names.bytes[start + k] === wanted[k]) k++;
    if (k === wanted.length) return i;
  }
  return -1;
}

export function nameText(names: NameTable, index: number): string {
  const start = names.starts[index] as number;
  return Buffer.from(names.bytes.buffer, names.bytes.byteOffset + start, names.lengths[index] as number).toString("utf8");
}

/** A string that is equal exactly for equal bytes, cheaper than decoding: for use as a map key. */
export function nameKey(names: NameTable, index: number): string {
  const start = names.starts[index] as number;
  return Buffer.from(names.bytes.buffer, names.bytes.byteOffset + start, names.lengths[index] as number).toString("latin1");
}

/** A table of the given names, for tests and small tables. */
export function nameTable(texts: readonly string[]): NameTable {
  const parts = texts.map((text) => Buffer.from(text));
  const lengths = Uint32Array.from(parts, (part) => part.length);
  const starts = new Uint32Array(parts.length);
  for (let i = 1; i < parts.length; i++) starts[i] = (starts[i - 1] as number) + (lengths[i - 1] as number);
  return { count: parts.length, bytes: Buffer.concat(parts), starts, lengths };
}
