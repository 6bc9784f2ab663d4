import { constants, crc32, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { blockError } from "./errors.ts";

/**
 * Sections are zstd frames. Segments live for seconds, so they take the cheap level; blocks are read for weeks.
 */
export const SEGMENT_COMPRESSION_LEVEL = 1;
export const BLOCK_COMPRESSION_LEVEL = 6;

export type StoredBytes = { readonly bytes: Uint8Array; readonly crc32: number };

export function compress(raw: Uint8Array, level: number): StoredBytes {
  const bytes = zstdCompressSync(raw, {
    params: { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_contentSizeFlag]: 1, [constants.ZSTD_c_checksumFlag]: 0 },
  });
  return { bytes, crc32: crc32(bytes) };
}

/** Errors: `block_checksum_mismatch`, `block_section_corrupt`. */
export function decompress(stored: Uint8Array, expected: { readonly crc32: number; readonly rawBytes: number }): Uint8Array {
  const found = crc32(stored);
  if (found !== expected.crc32) {
    throw blockError("block_checksum_mismatch", `section checksum is ${found}, expected ${expected.crc32}: the object was damaged`, {
      size_bytes: stored.length,
    });
  }
  let raw: Uint8Array;
  try {
    raw = zstdDecompressSync(stored, { maxOutputLength: Math.max(expected.rawBytes, 1) });
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
