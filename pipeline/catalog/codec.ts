import { constants, crc32, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { isCoded } from "../base/errors.ts";
import type { UnixMs } from "../base/units.ts";
import { ByteReader } from "../block/column/byte-reader.ts";
import { ByteWriter } from "../block/column/byte-writer.ts";
import { decodeDirectory, encodeDirectory } from "../block/directory-codec.ts";
import type { CatalogChange, Consumed, LiveObject, Tombstone } from "./catalog.ts";
import { catalogError } from "./errors.ts";
import { LayeredMap } from "./layered-map.ts";
import { type FoldedState, makeState } from "./state.ts";

/*
 * The bytes of log entries and checkpoints; FORMAT.md beside this file draws them.
 */

export const MAGIC = Uint8Array.of(0x42, 0x5a, 0x43, 0x54); // "BZCT"
export const FORMAT_VERSION = 1;
export const HEADER_SIZE = 12;
export const CHECKSUM_SIZE = 4;

/** Zero is no kind, so that zeroed bytes are never valid. */
export const FileKind = { LogEntry: 1, Checkpoint: 2 } as const;
export type FileKind = (typeof FileKind)[keyof typeof FileKind];

export const COMMIT_ID_SIZE = 16;

/** One commit. `commitId` is random: by it a committer that lost the answer to its write recognises its own entry. */
export type LogEntry = {
  readonly version: number;
  readonly commitId: Uint8Array;
  readonly createdMs: UnixMs;
  readonly change: CatalogChange;
};

export function encodeLogEntry(entry: LogEntry): Uint8Array {
  const body = new ByteWriter();
  body.varint(entry.version);
  body.raw(entry.commitId);
  body.varint(entry.createdMs);
  list(body, entry.change.added, encodeObject);
  list(body, entry.change.retired, (writer, key) => writer.text(key));
  encodeConsumed(body, entry.change.consumed);
  list(body, entry.change.tombstonesAdded, encodeTombstone);
  list(body, entry.change.tombstonesDropped, (writer, id) => writer.text(id));
  return frame(FileKind.LogEntry, body.view());
}

/** Errors: `catalog_entry_corrupt`, `catalog_version_unknown`, naming the key. */
export function decodeLogEntry(bytes: Uint8Array, key: string): LogEntry {
  return unframe(FileKind.LogEntry, bytes, key, (body) => ({
    version: body.varint(),
    commitId: body.raw(COMMIT_ID_SIZE).slice(),
    createdMs: body.varint() as UnixMs,
    change: {
      added: readList(body, 5, decodeObject),
      retired: readList(body, 1, (reader) => reader.text()),
      consumed: decodeConsumed(body),
      tombstonesAdded: readList(body, 20, decodeTombstone),
      tombstonesDropped: readList(body, 1, (reader) => reader.text()),
    },
  }));
}

export function encodeCheckpoint(state: FoldedState): Uint8Array {
  const body = new ByteWriter(64 * 1024);
  body.varint(state.version);
  body.varint(state.objects.size);
  for (const object of state.objects.values()) encodeObject(body, object);
  encodeConsumed(body, state.consumed);
  list(body, state.tombstones, encodeTombstone);
  return frame(FileKind.Checkpoint, body.view());
}

/** Errors: `catalog_entry_corrupt`, `catalog_version_unknown`, naming the key. */
export function decodeCheckpoint(bytes: Uint8Array, key: string): FoldedState {
  return unframe(FileKind.Checkpoint, bytes, key, (body) =>
    makeState({
      version: body.varint(),
      objects: LayeredMap.of(readList(body, 5, decodeObject).map((object) => [object.key, object] as const)),
      consumed: decodeConsumed(body),
      tombstones: readList(body, 20, decodeTombstone),
    }),
  );
}

function encodeObject(writer: ByteWriter, object: LiveObject): void {
  writer.text(object.key);
  writer.varint(object.sizeBytes);
  writer.varint(object.createdMs);
  encodeDirectory(writer, { level: object.level, datasets: object.datasets });
}

function decodeObject(reader: ByteReader): LiveObject {
  const key = reader.text();
  const sizeBytes = reader.varint();
  const createdMs = reader.varint() as UnixMs;
  const { level, datasets } = decodeDirectory(reader);
  return { key, sizeBytes, level, createdMs, datasets };
}

function encodeTombstone(writer: ByteWriter, tombstone: Tombstone): void {
  writer.text(tombstone.id);
  writer.text(tombstone.tenant);
  writer.byte(tombstone.service === undefined ? 0 : 1);
  if (tombstone.service !== undefined) writer.text(tombstone.service);
  writer.int64(tombstone.minTimeNs);
  writer.int64(tombstone.maxTimeNs);
  writer.varint(tombstone.createdMs);
}

function decodeTombstone(reader: ByteReader): Tombstone {
  return {
    id: reader.text(),
    tenant: reader.text(),
    service: reader.byte() === 1 ? reader.text() : undefined,
    minTimeNs: reader.int64(),
    maxTimeNs: reader.int64(),
    createdMs: reader.varint() as UnixMs,
  };
}

/** By stream, whose name is long and shared. */
function encodeConsumed(writer: ByteWriter, consumed: readonly Consumed[]): void {
  const streams = Map.groupBy(consumed, ({ stream }) => stream);
  list(writer, [...streams], (_, [stream, progress]) => {
    writer.text(stream);
    list(writer, progress, (_, { partition, sequence }) => {
      writer.varint(partition);
      writer.varint(sequence);
    });
  });
}

function decodeConsumed(reader: ByteReader): readonly Consumed[] {
  return readList(reader, 2, () => {
    const stream = reader.text();
    return readList(reader, 2, () => ({ stream, partition: reader.varint(), sequence: reader.varint() }));
  }).flat();
}

function list<T>(writer: ByteWriter, items: readonly T[], encode: (writer: ByteWriter, item: T) => void): void {
  writer.varint(items.length);
  for (const item of items) encode(writer, item);
}

function readList<T>(reader: ByteReader, itemBytesMin: number, decode: (reader: ByteReader) => T): T[] {
  const items: T[] = [];
  for (let left = reader.count(itemBytesMin); left > 0; left--) items.push(decode(reader));
  return items;
}

function frame(kind: FileKind, body: Uint8Array): Uint8Array {
  const packed = zstdCompressSync(body, { params: { [constants.ZSTD_c_compressionLevel]: 3 } });
  const bytes = new Uint8Array(HEADER_SIZE + packed.byteLength + CHECKSUM_SIZE);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC);
  bytes[4] = kind;
  bytes[5] = FORMAT_VERSION;
  view.setUint32(8, body.byteLength, true);
  bytes.set(packed, HEADER_SIZE);
  view.setUint32(HEADER_SIZE + packed.byteLength, crc32(bytes.subarray(0, HEADER_SIZE + packed.byteLength)), true);
  return bytes;
}

function unframe<T>(kind: FileKind, bytes: Uint8Array, key: string, decode: (body: ByteReader) => T): T {
  const corrupt = (what: string, cause?: unknown): Error =>
    catalogError(
      "catalog_entry_corrupt",
      `${key} is damaged: ${what}. Restore it from a copy of the bucket; nothing else was touched`,
      { key, size_bytes: bytes.byteLength },
      cause,
    );
  if (bytes.byteLength < HEADER_SIZE + CHECKSUM_SIZE) throw corrupt("it is too short");
  if (MAGIC.some((byte, i) => bytes[i] !== byte)) throw corrupt("it does not begin as a catalog file");
  if (bytes[5] !== FORMAT_VERSION) {
    throw catalogError(
      "catalog_version_unknown",
      `${key} is of catalog format ${bytes[5]}, this program reads ${FORMAT_VERSION}: update it first`,
      { key },
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = bytes.byteLength - CHECKSUM_SIZE;
  if (crc32(bytes.subarray(0, end)) !== view.getUint32(end, true)) throw corrupt("its checksum does not match");
  if (bytes[4] !== kind) throw corrupt(`it is of kind ${bytes[4]}, expected ${kind}`);
  const rawBytes = view.getUint32(8, true);
  try {
    const raw = zstdDecompressSync(bytes.subarray(HEADER_SIZE, end), { maxOutputLength: Math.max(1, rawBytes) });
    if (raw.byteLength !== rawBytes) throw corrupt(`it holds ${raw.byteLength} bytes, expected ${rawBytes}`);
    const body = new ByteReader(new Uint8Array(raw.buffer, raw.byteOffset, raw.byteLength));
    const value = decode(body);
    body.end();
    return value;
  } catch (error) {
    throw isCoded(error, "catalog_entry_corrupt") ? error : corrupt("it cannot be decoded", error);
  }
}
