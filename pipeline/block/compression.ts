import { constants, crc32, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { MIB } from "../base/units.ts";
import { blockError } from "./errors.ts";

/*
 * A section is stored as it is when its size says so (size = raw size), and else as a zstd frame, which is then smaller.
 */

/**
 * Segments live for seconds, so they take a cheap level: against level 1 it saves a seventh of the CPU of building and an eighth of merging, and
 * costs a fifth more bytes. Blocks are read for weeks.
 */
export const SEGMENT_COMPRESSION_LEVEL = -5;
export const BLOCK_COMPRESSION_LEVEL = 3;

export type StoredBytes = { readonly bytes: Uint8Array; readonly crc32: number };

/** Below it zstd saves less than making its context costs: 50 µs, as much as compressing 20 KB. */
const COMPRESSED_BYTES_MIN = 512;

/** zlib's buffers: one piece for all but the largest sections, since joining many costs more than compressing. */
const CHUNK_BYTES_MIN = 1024;
const CHUNK_BYTES_MAX = 8 * MIB;

/** The bytes of a section that is not worth compressing are a view of `raw`. */
export function compress(raw: Uint8Array, level: number): StoredBytes {
  if (raw.length < COMPRESSED_BYTES_MIN) return { bytes: raw, crc32: crc32(raw) };
  const bytes = zstdCompressSync(raw, {
    chunkSize: chunkBytes(raw.length),
    params: { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_contentSizeFlag]: 1, [constants.ZSTD_c_checksumFlag]: 0 },
  });
  return bytes.length < raw.length ? { bytes, crc32: crc32(bytes) } : { bytes: raw, crc32: crc32(raw) };
}

/** Errors: `block_checksum_mismatch`, `block_section_corrupt`. */
export function decompress(stored: Uint8Array, expected: { readonly crc32: number; readonly rawBytes: number }): Uint8Array {
  const found = crc32(stored);
  if (found !== expected.crc32) {
    throw blockError("block_checksum_mismatch", `section checksum is ${found}, expected ${expected.crc32}: the object was damaged`, {
      size_bytes: stored.length,
    });
  }
  if (stored.length === expected.rawBytes) return stored;
  let raw: Uint8Array;
  try {
    raw = zstdDecompressSync(stored, { chunkSize: chunkBytes(expected.rawBytes + 1), maxOutputLength: Math.max(expected.rawBytes, 1) });
  } catch (cause) {
    throw blockError("block_section_corrupt", "section cannot be decompressed", { size_bytes: stored.length }, cause);
  }
  if (raw.length !== expected.rawBytes) {
    throw blockError("block_section_corrupt", `section has ${raw.length} bytes, expected ${expected.rawBytes}`, {
      size_bytes: stored.length,
    });
  }
  // A Buffer's slice is a view, a Uint8Array's is a copy: give nobody the chance to mistake one for the other.
  return new Uint8Array(raw.buffer, raw.byteOffset, raw.length);
}

function chunkBytes(sizeBytes: number): number {
  return Math.min(Math.max(sizeBytes, CHUNK_BYTES_MIN), CHUNK_BYTES_MAX);
}
