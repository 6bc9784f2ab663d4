import { assert } from "../../base/assert.ts";

const encoder = new TextEncoder();

/**
 * Appends the primitive values of FORMAT.md to a buffer that grows.
 *
 * Units: numbers are whole and within ±(2^53 - 1).
 */
export class ByteWriter {
  bytes: Uint8Array;
  length = 0;

  constructor(capacity = 1024) {
    this.bytes = new Uint8Array(capacity);
  }

  /** Makes room for `size` more bytes, so that a caller's inner loop need not look. */
  reserve(size: number): void {
    const needed = this.length + size;
    if (needed <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.bytes.length * 2));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }

  byte(value: number): void {
    this.reserve(1);
    this.bytes[this.length++] = value;
  }

  /** LEB128 of a number from 0 to 2^53 - 1: at most 8 bytes. */
  varint(value: number): void {
    this.reserve(8);
    let rest = value;
    let at = this.length;
    const bytes = this.bytes;
    while (rest > 0x7fffffff) {
      bytes[at++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    while (rest > 0x7f) {
      bytes[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    bytes[at++] = rest;
    this.length = at;
  }

  /**
   * Sign in bit 0, six bits of magnitude, then the rest of the magnitude as a varint. Unlike zigzag on doubles it is exact for
   * differences of any two legal values.
   */
  signed(value: number): void {
    const sign = value < 0 ? 1 : 0;
    const magnitude = sign === 1 ? -value : value;
    if (magnitude < 64) {
      this.byte((magnitude << 1) | sign);
      return;
    }
    this.byte(0x80 | ((magnitude % 64) << 1) | sign);
    this.varint(Math.floor(magnitude / 64));
  }

  /** `signed` of the first `count` numbers. */
  signeds(numbers: Float64Array, count: number): void {
    this.reserve(count * 9);
    const bytes = this.bytes;
    let at = this.length;
    for (let i = 0; i < count; i++) {
      const value = numbers[i]!;
      const sign = value < 0 ? 1 : 0;
      const magnitude = sign === 1 ? -value : value;
      if (magnitude < 64) {
        bytes[at++] = (magnitude << 1) | sign;
        continue;
      }
      bytes[at++] = 0x80 | ((magnitude % 64) << 1) | sign;
      let rest = Math.floor(magnitude / 64);
      for (; rest > 0x7fffffff; rest = Math.floor(rest / 128)) bytes[at++] = (rest % 128) | 0x80;
      for (; rest > 0x7f; rest >>>= 7) bytes[at++] = (rest & 0x7f) | 0x80;
      bytes[at++] = rest;
    }
    this.length = at;
  }

  /** `signed` of each number's difference from the one before (0 before the first). */
  deltas(column: Uint32Array): void {
    // A difference of two 32-bit numbers takes 6 bits and then 27: 5 bytes.
    this.reserve(column.length * 5);
    const bytes = this.bytes;
    let at = this.length;
    let previous = 0;
    for (let i = 0; i < column.length; i++) {
      const value = column[i]!;
      const difference = value - previous;
      previous = value;
      const sign = difference < 0 ? 1 : 0;
      const magnitude = sign === 1 ? -difference : difference;
      if (magnitude < 64) {
        bytes[at++] = (magnitude << 1) | sign;
        continue;
      }
      bytes[at++] = 0x80 | ((magnitude & 63) << 1) | sign;
      let rest = Math.floor(magnitude / 64);
      for (; rest > 0x7f; rest >>>= 7) bytes[at++] = (rest & 0x7f) | 0x80;
      bytes[at++] = rest;
    }
    this.length = at;
  }

  /** `varint` of each number. */
  varints(column: Uint32Array): void {
    this.reserve(column.length * 5);
    const bytes = this.bytes;
    let at = this.length;
    for (let i = 0; i < column.length; i++) {
      let rest = column[i]!;
      for (; rest > 0x7f; rest >>>= 7) bytes[at++] = (rest & 0x7f) | 0x80;
      bytes[at++] = rest;
    }
    this.length = at;
  }

  /** Forgets what was written and keeps the memory. */
  clear(): void {
    this.length = 0;
  }

  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** Length in bytes, then UTF-8. */
  text(value: string): void {
    const utf8 = encoder.encode(value);
    this.varint(utf8.length);
    this.raw(utf8);
  }

  /** A 64-bit time or duration: little-endian, two's complement. */
  int64(value: bigint): void {
    this.reserve(8);
    new DataView(this.bytes.buffer, this.bytes.byteOffset).setBigInt64(this.length, value, true);
    this.length += 8;
  }

  uint32(value: number): void {
    this.reserve(4);
    new DataView(this.bytes.buffer, this.bytes.byteOffset).setUint32(this.length, value, true);
    this.length += 4;
  }

  /** What was written, without copying: valid until the next write. */
  view(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }

  /** What was written, in memory of its own. */
  take(): Uint8Array {
    assert(this.length <= this.bytes.length, "a writer never runs past its buffer");
    return this.bytes.slice(0, this.length);
  }
}
