import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { unreachable } from "../../../base/assert.ts";
import { KIB } from "../../../base/units.ts";
import { ByteReader } from "../../../block/column/byte-reader.ts";
import { ByteWriter } from "../../../block/column/byte-writer.ts";
import { readPlain, writePlain } from "../../../block/column/integers.ts";
import { decodeSymbols, encodeSymbols } from "../../../block/section/symbols.ts";
import type { LabelSet } from "../../../profile/labels.ts";
import type { ProfileKind } from "../../../profile/profile-type.ts";
import type { SeriesOfKind, ServiceOfKind } from "../engine-interface.ts";
import type { FlameTree } from "../flame-tree.ts";
import type { ProfileRows, SpanRows } from "../profile-rows.ts";
import type { Answers, Method } from "./engine-call.ts";
import { flatStacks, stacksAsTree } from "./stacks-as-tree.ts";

/*
 * The bytes of an engine's answer on their way between two queriers of one version: nothing is kept, so nothing is promised to
 * later versions but that they refuse other ones (PROTOCOL_VERSION in part.ts).
 */

/** Below it compressing gains less than a packet. */
const COMPRESS_MIN_BYTES = 4 * KIB;
const Form = { Plain: 1, Zstd: 2 } as const;

export function encodeAnswer<M extends Method>(method: M, answer: Answers[M]): Uint8Array {
  const writer = new ByteWriter(64 * KIB);
  writeAnswer(writer, method, answer);
  const plain = writer.view();
  if (plain.length < COMPRESS_MIN_BYTES) return framed(Form.Plain, plain);
  return framed(Form.Zstd, zstdCompressSync(plain, { params: { [constants.ZSTD_c_compressionLevel]: 1 } }));
}

/** Errors: `block_section_corrupt`. */
export function decodeAnswer<M extends Method>(method: M, bytes: Uint8Array): Answers[M] {
  const body = bytes.subarray(1);
  const reader = new ByteReader(bytes[0] === Form.Zstd ? zstdDecompressSync(body) : body);
  const answer = readAnswer(reader, method);
  reader.end();
  return answer as Answers[M];
}

function framed(form: number, body: Uint8Array): Uint8Array {
  const out = new Uint8Array(body.length + 1);
  out[0] = form;
  out.set(body, 1);
  return out;
}

function writeAnswer(writer: ByteWriter, method: Method, answer: Answers[Method]): void {
  switch (method) {
    case "tree":
      return writeTree(writer, answer as Answers["tree"]);
    case "stacks":
      return writeStacks(writer, answer as Answers["stacks"]);
    case "rows":
      return writeRows(writer, answer as Answers["rows"]);
    case "spanRows":
      writeRows(writer, answer as Answers["spanRows"]);
      writer.raw((answer as Answers["spanRows"]).spans);
      return writer.raw((answer as Answers["spanRows"]).traces);
    case "series":
      return writeKinds(writer, answer as Answers["series"], ({ labels }) => labels);
    case "services":
      return writeKinds(writer, answer as Answers["services"], ({ service }) => service);
    case "labelNames":
      return writer.text(JSON.stringify([...(answer as Answers["labelNames"])]));
    default:
      return unreachable(method);
  }
}

function readAnswer(reader: ByteReader, method: Method): Answers[Method] {
  switch (method) {
    case "tree":
      return readTree(reader);
    case "stacks":
      return readStacks(reader);
    case "rows":
      return readRows(reader);
    case "spanRows":
      return readSpanRows(reader);
    case "series":
      return readKinds<LabelSet, SeriesOfKind>(reader, (labels, rest) => ({ labels, ...rest }));
    case "services":
      return readKinds<string, ServiceOfKind>(reader, (service, rest) => ({ service, ...rest }));
    case "labelNames":
      return new Set(JSON.parse(reader.text()) as string[]);
    default:
      return unreachable(method);
  }
}

function writeTree(writer: ByteWriter, { count, parent, name, self, names }: FlameTree): void {
  writer.varint(names.count);
  writePlain(writer, names.lengths);
  for (let i = 0; i < names.count; i++) writer.raw(names.bytes.subarray(names.starts[i]!, names.starts[i]! + names.lengths[i]!));
  writer.varint(count);
  for (let node = 1; node < count; node++) {
    writer.varint(node - parent[node]!);
    writer.varint(name[node]!);
    writer.varint(self[node]!);
  }
}

function readTree(reader: ByteReader): FlameTree {
  const nameCount = reader.count();
  const lengths = readPlain(reader, nameCount);
  const starts = new Uint32Array(nameCount);
  let end = 0;
  for (let i = 0; i < nameCount; i++) {
    starts[i] = end;
    end += lengths[i]!;
  }
  const bytes = reader.raw(end);
  const count = reader.varint();
  if ((count - 1) * 3 > reader.remaining) throw reader.corrupt("more nodes than bytes");
  const parent = new Int32Array(count);
  const name = new Int32Array(count);
  const self = new Float64Array(count);
  for (let node = 1; node < count; node++) {
    parent[node] = node - reader.varint();
    name[node] = reader.varint();
    self[node] = reader.varint();
    if (parent[node]! < 0 || parent[node]! >= node || name[node]! >= nameCount) throw reader.corrupt("a node without a place in its tree");
  }
  const total = self.slice();
  for (let node = count - 1; node > 0; node--) total[parent[node]!]! += total[node]!;
  return { count, parent, name, self, total, names: { count: nameCount, bytes, starts, lengths } };
}

function writeStacks(writer: ByteWriter, answer: Answers["stacks"]): void {
  const { symbols, stacks } = stacksAsTree(answer);
  const tables = new ByteWriter(64 * KIB);
  encodeSymbols(tables, symbols);
  writer.varint(tables.length);
  writer.raw(tables.view());
  writer.varint(stacks.length);
  for (let i = 0; i < stacks.length; i++) {
    writer.varint(stacks[i]!);
    writer.varint(answer.values[i]!);
  }
}

function readStacks(reader: ByteReader): Answers["stacks"] {
  const symbols = decodeSymbols(reader.raw(reader.varint()));
  const count = reader.count(2);
  const stacks = new Uint32Array(count);
  const values = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    stacks[i] = reader.varint();
    values[i] = reader.varint();
    if (stacks[i]! > symbols.nodes.parent.length) throw reader.corrupt("a stack that is not there");
  }
  return flatStacks(symbols, stacks, values);
}

function writeRows(writer: ByteWriter, { count, series, seriesIndex, timeMs, value, ids }: ProfileRows): void {
  writer.text(JSON.stringify(series));
  writer.varint(count);
  writePlain(writer, Uint32Array.from(seriesIndex));
  let previous = 0;
  for (let i = 0; i < count; i++) {
    writer.signed(timeMs[i]! - previous);
    previous = timeMs[i]!;
  }
  for (let i = 0; i < count; i++) writer.varint(value[i]!);
  writer.raw(ids);
}

function readRows(reader: ByteReader): ProfileRows {
  const series = JSON.parse(reader.text()) as LabelSet[];
  const count = reader.count(18);
  const seriesIndex = Int32Array.from(readPlain(reader, count));
  if (seriesIndex.some((index) => index >= series.length)) throw reader.corrupt("a row without a series");
  const timeMs = new Float64Array(count);
  let previous = 0;
  for (let i = 0; i < count; i++) timeMs[i] = previous += reader.signed();
  const value = new Float64Array(count);
  for (let i = 0; i < count; i++) value[i] = reader.varint();
  return { count, series, seriesIndex, timeMs, value, ids: reader.raw(count * 16) };
}

function readSpanRows(reader: ByteReader): SpanRows {
  const rows = readRows(reader);
  return { ...rows, spans: reader.raw(rows.count * 8), traces: reader.raw(rows.count * 16) };
}

type OfKind = { readonly kind: ProfileKind; readonly sampleTypes: readonly number[] };
type KindList<Own> = { readonly kinds: readonly ProfileKind[]; readonly list: readonly (readonly [Own, number, readonly number[]])[] };

/** Kinds once each: who reads compares them by identity. */
function writeKinds<Own, Entry extends OfKind>(writer: ByteWriter, entries: readonly Entry[], ownOf: (entry: Entry) => Own): void {
  const kinds = new Map<ProfileKind, number>();
  const list = entries.map((entry) => {
    const index = kinds.get(entry.kind) ?? kinds.size;
    kinds.set(entry.kind, index);
    return [ownOf(entry), index, entry.sampleTypes] as const;
  });
  writer.text(JSON.stringify({ kinds: [...kinds.keys()], list } satisfies KindList<Own>));
}

function readKinds<Own, Entry>(reader: ByteReader, entryOf: (own: Own, rest: OfKind) => Entry): readonly Entry[] {
  const { kinds, list } = JSON.parse(reader.text()) as KindList<Own>;
  return list.map(([own, kind, sampleTypes]) => entryOf(own, { kind: kinds[kind]!, sampleTypes }));
}
