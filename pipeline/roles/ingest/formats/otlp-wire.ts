import { CodedError, FaultKind } from "../../../base/errors.ts";

/** Part of the request's bytes: a message that is read later. */
export type WireRange = { readonly start: number; readonly end: number };

export function malformed(message: string, facts: Record<string, unknown> = {}): CodedError<"malformed_profile"> {
  return new CodedError("malformed_profile", FaultKind.Invalid, message, { facts });
}

/** An index that no table can have: what a negative or oversized index of the wire reads as, so that the bounds check refuses it. */
export const INDEX_IMPOSSIBLE = 0xffff_ffff;

export const WIRE_VARINT = 0;
export const WIRE_FIXED64 = 1;
export const WIRE_LENGTH = 2;
export const WIRE_FIXED32 = 5;

/**
 * Reads protobuf in place, without an object per message: a cursor, and an end that `enter` moves to that of an inner message.
 *
 * Use: `while (wire.next()) switch (wire.field) { … default: wire.skip() }`.
 * Errors: `malformed_profile` whenever the bytes stop early or are no protobuf.
 * Source: protobuf.dev, "Encoding".
 */
export class WireReader {
  readonly bytes: Uint8Array;
  position: number;
  end: number;
  /** Of the last `next`. */
  field = 0;
  wireType = 0;
  /** The two unsigned halves of the last varint or fixed64. */
  lo = 0;
  hi = 0;

  constructor(bytes: Uint8Array, range: WireRange = { start: 0, end: bytes.length }) {
    this.bytes = bytes;
    this.position = range.start;
    this.end = range.end;
  }

  seek(range: WireRange): void {
    this.position = range.start;
    this.end = range.end;
  }

  /** Reads the next tag; false at the end of the message. */
  next(): boolean {
    if (this.position >= this.end) return false;
    this.varint();
    this.wireType = this.lo & 7;
    this.field = this.lo >>> 3;
    if (this.field === 0 || this.hi !== 0) throw this.fault("a field number out of range");
    return true;
  }

  varint(): void {
    const { bytes, end } = this;
    let position = this.position;
    let lo = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      if (position >= end) throw this.fault("a number that ends early");
      const byte = bytes[position++]!;
      lo |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        this.position = position;
        this.lo = lo >>> 0;
        this.hi = 0;
        return;
      }
    }
    if (position >= end) throw this.fault("a number that ends early");
    let byte = bytes[position++]!;
    lo |= byte << 28;
    let hi = (byte >>> 4) & 7;
    for (let shift = 3; byte >= 0x80; shift += 7) {
      if (position >= end) throw this.fault("a number that ends early");
      if (shift > 31) throw this.fault("a number of more than 10 bytes");
      byte = bytes[position++]!;
      hi |= (byte & 0x7f) << shift;
    }
    this.position = position;
    this.lo = lo >>> 0;
    this.hi = hi >>> 0;
  }

  /** Of a varint field: an index into a table, or INDEX_IMPOSSIBLE. */
  index(): number {
    this.expect(WIRE_VARINT);
    this.varint();
    return this.hi === 0 ? this.lo : INDEX_IMPOSSIBLE;
  }

  /** Of a varint field: a signed number; refuses what a double cannot hold exactly. */
  integer(): number {
    this.expect(WIRE_VARINT);
    this.varint();
    return this.#signed();
  }

  /** Of a varint field, for numbers nobody adds up (line numbers): clamped to 32 bits. */
  clamped(): number {
    this.expect(WIRE_VARINT);
    this.varint();
    const negative = this.hi >= 0x8000_0000;
    if (negative) return this.hi === 0xffff_ffff && this.lo >= 0x8000_0000 ? this.lo | 0 : -0x8000_0000;
    return this.hi === 0 && this.lo < 0x8000_0000 ? this.lo : 0x7fff_ffff;
  }

  /** Of a varint or fixed64 field; leaves the halves in `lo` and `hi`. */
  unsigned64(): bigint {
    if (this.wireType === WIRE_FIXED64) this.fixed64();
    else {
      this.expect(WIRE_VARINT);
      this.varint();
    }
    return this.hi === 0 ? BigInt(this.lo) : (BigInt(this.hi) << 32n) | BigInt(this.lo);
  }

  fixed64(): void {
    const at = this.position;
    if (at + 8 > this.end) throw this.fault("a fixed64 that ends early");
    const { bytes } = this;
    this.lo = (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
    this.hi = (bytes[at + 4]! | (bytes[at + 5]! << 8) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 24)) >>> 0;
    this.position = at + 8;
  }

  /** Of a length-delimited field: moves the end to that of the inner message and gives the outer one, for `leave`. */
  enter(): number {
    this.expect(WIRE_LENGTH);
    this.varint();
    const inner = this.position + this.lo;
    if (this.hi !== 0 || inner > this.end) throw this.fault("a message longer than what holds it");
    const outer = this.end;
    this.end = inner;
    return outer;
  }

  /** After everything up to the inner end was read. */
  leave(outer: number): void {
    this.end = outer;
  }

  /** Of a length-delimited field: where its content lies; moves past it. */
  range(): WireRange {
    const outer = this.enter();
    const range = { start: this.position, end: this.end };
    this.position = this.end;
    this.end = outer;
    return range;
  }

  /** Moves past a field that nobody reads. */
  skip(): void {
    if (this.wireType === WIRE_VARINT) this.varint();
    else this.#advance(this.#contentSizeBytes());
  }

  expect(wireType: number): void {
    if (this.wireType !== wireType) throw this.fault(`wire type ${this.wireType} where ${wireType} belongs`);
  }

  fault(what: string): CodedError<"malformed_profile"> {
    return malformed(`the request is not a valid protobuf message: ${what} at byte ${this.position}, field ${this.field}`, {
      offset_bytes: this.position,
      field: this.field,
    });
  }

  /** The last varint as a signed 64-bit number. */
  #signed(): number {
    const value = (this.hi | 0) * 0x1_0000_0000 + this.lo;
    if (!Number.isSafeInteger(value)) throw this.fault("a number beyond 2^53 - 1");
    return value;
  }

  /** Reads the next number of a packed field whose message was entered. */
  packedInteger(): number {
    this.varint();
    return this.#signed();
  }

  packedIndex(): number {
    this.varint();
    return this.hi === 0 ? this.lo : INDEX_IMPOSSIBLE;
  }

  #contentSizeBytes(): number {
    switch (this.wireType) {
      case WIRE_FIXED64:
        return 8;
      case WIRE_FIXED32:
        return 4;
      case WIRE_LENGTH:
        this.varint();
        if (this.hi !== 0) throw this.fault("a field longer than the message");
        return this.lo;
      default:
        // Groups (3, 4) are older than OTLP; 6 and 7 do not exist.
        throw this.fault(`wire type ${this.wireType}`);
    }
  }

  #advance(sizeBytes: number): void {
    if (this.position + sizeBytes > this.end) throw this.fault("a field longer than the message");
    this.position += sizeBytes;
  }
}
