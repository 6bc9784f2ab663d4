import { gunzipSync } from "node:zlib";
import { malformed } from "../../profile/wire-cursor.ts";
import { discardFault } from "./discard.ts";

const GZIP_MAGIC_0 = 0x1f;
const GZIP_MAGIC_1 = 0x8b;
/** Header, trailer and an empty block. */
const GZIP_BYTES_MIN = 18;
/** Room for the first output chunk when a gzip trailer says nonsense. */
const CHUNK_BYTES_MIN = 16 * 1024;
const CHUNK_BYTES_MAX = 8 * 1024 * 1024;
/** 1 GiB, where a tenant has no bound: a thousand times an ordinary profile, and some body of 1 MiB unpacks to it. */
const UNBOUNDED_BYTES_MAX = 1024 * 1024 * 1024;

export function isGzip(bytes: Uint8Array): boolean {
  return bytes.length >= 2 && bytes[0] === GZIP_MAGIC_0 && bytes[1] === GZIP_MAGIC_1;
}

/**
 * Undoes gzip if the bytes begin like it, and gives them as they are otherwise. Never makes more than `bytesMax` of them (0: 1 GiB),
 * whatever the input claims.
 *
 * Errors: `profile_size_limit`, `malformed_profile` when the gzip stream is broken.
 */
export function uncompressed(bytes: Uint8Array, bytesMax: number): Uint8Array {
  if (!isGzip(bytes)) {
    if (bytesMax !== 0 && bytes.length > bytesMax) throw tooLarge(bytesMax);
    return bytes;
  }
  const outputMax = bytesMax === 0 ? UNBOUNDED_BYTES_MAX : bytesMax;
  // One chunk of the right size saves zlib from joining many. A byte more than stated, as zlib asks for room before it knows that it is done.
  const chunkSize = Math.min(Math.max(statedBytes(bytes) + 1, CHUNK_BYTES_MIN), outputMax + 1, CHUNK_BYTES_MAX);
  try {
    return gunzipSync(bytes, { chunkSize, maxOutputLength: outputMax });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") throw tooLarge(outputMax);
    throw malformed(`is not valid gzip: ${(error as Error).message}`);
  }
}

/** The uncompressed size that a gzip trailer states (a sender can lie), or the size itself when it is no gzip. */
export function statedBytes(bytes: Uint8Array): number {
  if (!isGzip(bytes) || bytes.length < GZIP_BYTES_MIN) return bytes.length;
  const at = bytes.length - 4;
  return (
    ((bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24)) >>> 0
  );
}

function tooLarge(bytesMax: number): Error {
  return discardFault(
    "profile_size_limit",
    `profile is larger than ${bytesMax} bytes uncompressed: profile for a shorter time or raise the limit`,
    {
      size_bytes_max: bytesMax,
    },
  );
}
