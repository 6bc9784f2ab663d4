/**
 * Writes protobuf messages straight into bytes, for answers too large to build as objects first.
 *
 * Units: numbers are whole, 0 to 2^53 - 1, for all integer fields. Fields equal to their default are left out, as proto3 does.
 * Nested messages are written in place: {@link begin} leaves one byte for the length and {@link end} moves the content when that was not enough.
 */
export class ProtoWriter {
  #bytes: Buffer;
  #length = 0;

  constructor(sizeHint = 1024) {
    this.#bytes = Buffer.allocUnsafeSlow(sizeHint);
  }

  get length(): number {
    return this.#length;
  }

  /** The bytes written so far, without a copy: the writer is done after this. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** An integer field; 0 is the default and left out. */
  uint(field: number, value: number): void {
    if (value === 0) return;
    this.varint(field * 8);
    this.varint(value);
  }

  /** An integer field that is written even when 0: elements of `repeated`, `optional` fields. */
  uintAlways(field: number, value: number): void {
    this.varint(field * 8);
    this.varint(value);
  }

  /** A 64-bit integer in two unsigned halves, for addresses and nanoseconds. */
  uint64(field: number, lo: number, hi: number): void {
    if (hi === 0) {
      this.uint(field, lo >>> 0);
      return;
    }
    this.varint(field * 8);
    this.#reserve(10);
    const bytes = this.#bytes;
    let at = this.#length;
    let low = lo >>> 0;
    let high = hi >>> 0;
    while (high !== 0) {
      bytes[at++] = (low & 127) | 128;
      low = ((low >>> 7) | (high << 25)) >>> 0;
      high >>>= 7;
    }
    this.#length = at;
    this.varint(low);
  }

  bool(field: number, value: boolean): void {
    if (value) this.uint(field, 1);
  }

  double(field: number, value: number): void {
    if (value === 0) return;
    this.varint(field * 8 + 1);
    this.#doubleBits(value);
  }

  string(field: number, text: string): void {
    if (text !== "") this.stringAlways(field, text);
  }

  stringAlways(field: number, text: string): void {
    const size = Buffer.byteLength(text);
    this.varint(field * 8 + 2);
    this.varint(size);
    this.#reserve(size);
    this.#bytes.write(text, this.#length, size, "utf8");
    this.#length += size;
  }

  bytes(field: number, source: Uint8Array, start = 0, length: number = source.length - start): void {
    this.varint(field * 8 + 2);
    this.varint(length);
    this.raw(source, start, length);
  }

  raw(source: Uint8Array, start = 0, length: number = source.length - start): void {
    this.#reserve(length);
    // Names are short: a loop beats the call that a view and a `set` cost.
    if (length < 48) {
      const target = this.#bytes;
      let at = this.#length;
      for (let i = start; i < start + length; i++) target[at++] = source[i] as number;
    } else {
      this.#bytes.set(source.subarray(start, start + length), this.#length);
    }
    this.#length += length;
  }

  /** Packed doubles. */
  packedDoubles(field: number, values: ArrayLike<number>): void {
    if (values.length === 0) return;
    this.varint(field * 8 + 2);
    this.varint(values.length * 8);
    for (let i = 0; i < values.length; i++) this.#doubleBits(values[i] as number);
  }

  /** Packed integers. */
  packedUints(field: number, values: ArrayLike<number>): void {
    if (values.length === 0) return;
    const mark = this.begin(field);
    for (let i = 0; i < values.length; i++) this.varint(values[i] as number);
    this.end(mark);
  }

  /** Opens a length-delimited field; give what it returns to {@link end}. */
  begin(field: number): number {
    this.varint(field * 8 + 2);
    this.#reserve(1);
    return this.#length++;
  }

  end(mark: number): void {
    const size = this.#length - mark - 1;
    const extra = varintSize(size) - 1;
    if (extra > 0) {
      this.#reserve(extra);
      this.#bytes.copyWithin(mark + 1 + extra, mark + 1, this.#length);
    }
    this.#length = mark;
    this.varint(size);
    this.#length += size;
  }

  /** Without a tag: inside a packed field. */
  varint(value: number): void {
    // As many as a varint may have; sums beyond 2^53 lose their last digits, never their place.
    this.#reserve(10);
    const bytes = this.#bytes;
    let at = this.#length;
    let rest = value;
    while (rest > 0x7fffffff) {
      bytes[at++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    while (rest > 127) {
      bytes[at++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    bytes[at++] = rest;
    this.#length = at;
  }

  #doubleBits(value: number): void {
    this.#reserve(8);
    this.#bytes.writeDoubleLE(value, this.#length);
    this.#length += 8;
  }

  #reserve(size: number): void {
    const needed = this.#length + size;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}

function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest > 127; rest = Math.floor(rest / 128)) size++;
  return size;
}
