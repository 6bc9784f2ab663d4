/**
 * 64 bits of identity for a byte string, as two 32-bit halves: JavaScript has no fast 64-bit integers.
 *
 * Two multiply-rotate lanes over 4 bytes at a time, each finished with the avalanche of MurmurHash3 (public domain). Not cryptographic: a sender could
 * make two of its own names collide and would harm only its own service; see docs/decisions/0002-names-by-hash.md.
 */
export class StringHash {
  lo = 0;
  hi = 0;

  /** Leaves the hash of bytes[start .. start + length] in `lo` and `hi` (signed 32-bit). */
  of(bytes: Uint8Array, start: number, length: number): void {
    let a = length ^ 0x2f0b4447;
    let b = length ^ 0x5bd1e995;
    let at = start;
    for (const last = start + length - 3; at < last; at += 4) {
      const word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
      a = Math.imul(a ^ word, 0xcc9e2d51);
      a = (a << 15) | (a >>> 17);
      b = Math.imul(b, 0x85ebca6b) + word;
      b = Math.imul((b << 13) | (b >>> 19), 0x9e3779b1);
    }
    let tail = 0;
    for (const end = start + length; at < end; at++) tail = (tail << 8) | bytes[at]!;
    a = Math.imul(a ^ tail, 0xcc9e2d51);
    b = Math.imul(b, 0x85ebca6b) + tail;
    this.lo = finish(a ^ (b >>> 7));
    this.hi = finish(Math.imul(b, 0x27d4eb2f) ^ a);
  }
}

function finish(value: number): number {
  let h = value ^ (value >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/**
 * Mixes one more 32-bit number into a 32-bit hash, for the small integer keys of open-addressing tables. Not symmetric: keys often have the same number
 * twice (a function's name and system name), which must not cancel out.
 */
export function mix(hash: number, value: number): number {
  let h = (Math.imul(hash, 0x9e3779b1) + value) | 0;
  h ^= h >>> 15;
  return Math.imul(h, 0x85ebca77) ^ (h >>> 13);
}
