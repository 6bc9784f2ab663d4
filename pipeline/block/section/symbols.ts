import type { Arena } from "../../symbols/arena.ts";
import type { Symbols } from "../../symbols/symbols.ts";
import { ByteReader } from "../column/byte-reader.ts";
import type { ByteWriter } from "../column/byte-writer.ts";
import { readDelta, readEnds, readPlain, readRelative, writeDelta, writeEnds, writePlain, writeRelative } from "../column/integers.ts";

/** Strings, mappings, functions, locations with their lines, and stack nodes, once each. See FORMAT.md, "Symbols". */
export function encodeSymbols(writer: ByteWriter, symbols: Symbols): void {
  const { strings, mappings, functions, locations, lines, nodes } = symbols;
  for (const count of [strings.ends, mappings.fileName, functions.name, locations.mapping, lines.function, nodes.parent])
    writer.varint(count.length);
  writeEnds(writer, strings.ends);
  writer.raw(strings.bytes);
  for (const column of mappingColumns(mappings)) writePlain(writer, column);
  writeDelta(writer, functions.name);
  writeRelative(writer, functions.systemName, functions.name);
  writeDelta(writer, functions.fileName);
  writePlain(writer, functions.startLine);
  writePlain(writer, locations.mapping);
  writeDelta(writer, locations.addressLo);
  writeDelta(writer, locations.addressHi);
  writeEnds(writer, locations.lineEnds);
  writeDelta(writer, lines.function);
  writeDelta(writer, lines.number);
  // A node mostly follows its parent: the distance is 1.
  for (let i = 0; i < nodes.parent.length; i++) writer.varint(i + 1 - nodes.parent[i]!);
  writeDelta(writer, nodes.location);
}

/** Errors: `block_section_corrupt`; every reference is checked, so that readers need not. */
export function decodeSymbols(raw: Uint8Array, memory?: Arena): Symbols {
  const reader = new ByteReader(raw, memory);
  const [stringCount, mappingCount, functionCount, locationCount, lineCount, nodeCount] = Array.from({ length: 6 }, () =>
    reader.count(),
  ) as Counts;
  const ends = readEnds(reader, stringCount);
  const bytes = reader.raw(last(ends));
  const mapping = (): Uint32Array => readPlain(reader, mappingCount);
  const mappings = {
    fileName: mapping(),
    buildId: mapping(),
    startLo: mapping(),
    startHi: mapping(),
    limitLo: mapping(),
    limitHi: mapping(),
    offsetLo: mapping(),
    offsetHi: mapping(),
    flags: mapping(),
  };
  const name = readDelta(reader, functionCount);
  const systemName = readRelative(reader, name);
  const functions = { name, systemName, fileName: readDelta(reader, functionCount), startLine: readPlain(reader, functionCount) };
  const locations = {
    mapping: readPlain(reader, locationCount),
    addressLo: readDelta(reader, locationCount),
    addressHi: readDelta(reader, locationCount),
    lineEnds: readEnds(reader, locationCount),
  };
  const lines = { function: readDelta(reader, lineCount), number: readDelta(reader, lineCount) };
  const parent = readPlain(reader, nodeCount);
  for (let i = 0; i < parent.length; i++) {
    const back = parent[i]!;
    if (back === 0 || back > i + 1) throw reader.corrupt("a stack node whose parent comes after it");
    parent[i] = i + 1 - back;
  }
  const nodes = { parent, location: readDelta(reader, nodeCount) };
  reader.end();
  for (const column of [mappings.fileName, mappings.buildId, functions.name, functions.systemName, functions.fileName])
    below(reader, column, stringCount);
  below(reader, locations.mapping, mappingCount + 1);
  below(reader, lines.function, functionCount + 1);
  below(reader, nodes.location, locationCount);
  if (last(locations.lineEnds) !== lineCount) throw reader.corrupt("lines that belong to no location");
  return { strings: { bytes, ends }, mappings, functions, locations, lines, nodes };
}

type Counts = [number, number, number, number, number, number];

function mappingColumns(mappings: Symbols["mappings"]): readonly Uint32Array[] {
  const { fileName, buildId, startLo, startHi, limitLo, limitHi, offsetLo, offsetHi, flags } = mappings;
  return [fileName, buildId, startLo, startHi, limitLo, limitHi, offsetLo, offsetHi, flags];
}

function last(ends: Uint32Array): number {
  return ends.length === 0 ? 0 : ends[ends.length - 1]!;
}

function below(reader: ByteReader, column: Uint32Array, limit: number): void {
  for (let i = 0; i < column.length; i++) if (column[i]! >= limit) throw reader.corrupt(`a reference to ${column[i]} of ${limit}`);
}
