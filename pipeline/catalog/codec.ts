import { constants, crc32, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { isCoded } from "../base/errors.ts";
import { KIB, type UnixMs } from "../base/units.ts";
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

/** 256 KiB take a few ms to encode and compress. */
export const CHUNK_BYTES = 256 * KIB;

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
  const out = new FrameWriter(FileKind.LogEntry);
  out.add(body.view());
  return out.finish();
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

/**
 * Encodes a state in portions of {@link CHUNK_BYTES}, letting others work in between: a state of thousands of objects takes longer than
 * a push may wait.
 */
export async function encodeCheckpoint(state: FoldedState, pause: () => Promise<void>): Promise<Uint8Array> {
  const out = new FrameWriter(FileKind.Checkpoint);
  const body = new ByteWriter(CHUNK_BYTES + CHUNK_BYTES / 4);
  body.varint(state.version);
  body.varint(state.objects.size);
  for (const object of state.objects.values()) {
    encodeObject(body, object);
    if (body.length < CHUNK_BYTES) continue;
    out.add(body.view());
    body.length = 0;
    await pause();
  }
  encodeConsumed(body, state.consumed);
  list(body, state.tombstones, encodeTombstone);
  out.add(body.view());
  return out.finish();
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

/** Collects the chunks of a file and puts the frame around them. */
class FrameWriter {
  readonly #kind: FileKind;
  readonly #out = new ByteWriter();
  #rawBytes = 0;

  constructor(kind: FileKind) {
    this.#kind = kind;
    this.#out.raw(new Uint8Array(HEADER_SIZE));
  }

  add(raw: Uint8Array): void {
    const packed = zstdCompressSync(raw, { params: { [constants.ZSTD_c_compressionLevel]: 3 } });
    this.#out.uint32(raw.byteLength);
    this.#out.uint32(packed.byteLength);
    this.#out.raw(packed);
    this.#rawBytes += raw.byteLength;
  }

  finish(): Uint8Array {
    const header = new DataView(this.#out.bytes.buffer, 0, HEADER_SIZE);
    MAGIC.forEach((byte, i) => header.setUint8(i, byte));
    header.setUint8(4, this.#kind);
    header.setUint8(5, FORMAT_VERSION);
    header.setUint32(8, this.#rawBytes, true);
    this.#out.uint32(crc32(this.#out.view()));
    return this.#out.take();
  }
}

/** For the message of a `catalog_entry_corrupt`. */
export const DAMAGED_REMEDY =
  "restore it from a copy of the bucket, or stop all servers and run `brazier catalog rebuild`, which makes a new catalog from the objects";

function unframe<T>(kind: FileKind, bytes: Uint8Array, key: string, decode: (body: ByteReader) => T): T {
  const corrupt = (what: string, cause?: unknown): Error =>
    catalogError("catalog_entry_corrupt", `${key} is damaged: ${what}. ${DAMAGED_REMEDY}`, { key, size_bytes: bytes.byteLength }, cause);
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
  try {
    const body = new ByteReader(readChunks(bytes.subarray(HEADER_SIZE, end), view.getUint32(8, true)));
    const value = decode(body);
    body.end();
    return value;
  } catch (error) {
    throw isCoded(error, "catalog_entry_corrupt") ? error : corrupt("it cannot be decoded", error);
  }
}

function readChunks(stored: Uint8Array, rawBytes: number): Uint8Array {
  const reader = new ByteReader(stored);
  const raw = new Uint8Array(rawBytes);
  let at = 0;
  while (reader.remaining > 0) {
    const size = reader.uint32();
    const chunk = zstdDecompressSync(reader.raw(reader.uint32()), { maxOutputLength: Math.max(1, size) });
    raw.set(chunk, at);
    at += chunk.byteLength;
  }
  if (at !== rawBytes) throw reader.corrupt(`${at} bytes in all, expected ${rawBytes}`);
  return raw;
}
