import { CodedError, FaultKind } from "../../../base/errors.ts";
import { Wire, WireCursor } from "../../../profile/wire-cursor.ts";

/** Part of the request's bytes: a message that is read later. */
export type WireRange = { readonly start: number; readonly end: number };

/** The fault of a request or profile that is not what it should be. The message is a sentence of its own. */
export function malformed(message: string, facts: Record<string, unknown> = {}): CodedError<"malformed_profile"> {
  return new CodedError("malformed_profile", FaultKind.Invalid, message, { facts });
}

/**
 * Walks through nested protobuf messages in place, without an object per message: it keeps the position, and an end that `enter` moves to that of
 * an inner message.
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
  readonly #cursor = new WireCursor();

  constructor(bytes: Uint8Array, range: WireRange = { start: 0, end: bytes.length }) {
    this.bytes = bytes;
    this.#cursor.bytes = bytes;
    this.position = range.start;
    this.end = range.end;
  }

  /** The two unsigned halves of the last 64-bit number. */
  get lo(): number {
    return this.#cursor.lo;
  }
  get hi(): number {
    return this.#cursor.hi;
  }

  seek(range: WireRange): void {
    this.position = range.start;
    this.end = range.end;
  }

  /** Reads the next tag; false at the end of the message. */
  next(): boolean {
    if (this.position >= this.end) return false;
    this.#varint();
    const tag = this.#cursor.lo;
    this.wireType = tag & 7;
    this.field = tag >>> 3;
    if (this.field === 0 || this.#cursor.hi !== 0) throw this.fault("a field number out of range");
    return true;
  }

  /** Of a varint field: an index into a table; what is beyond 32 bits or negative becomes one that no table has. */
  index(): number {
    this.expect(Wire.Varint);
    return this.packedIndex();
  }

  /** Of a varint field: a signed number; refuses what a double cannot hold exactly. */
  integer(): number {
    this.expect(Wire.Varint);
    return this.packedInteger();
  }

  /** Of a varint field, for numbers nobody adds up (line numbers): held within 32 bits. */
  clamped(): number {
    this.expect(Wire.Varint);
    this.#varint();
    return this.#cursor.signed32();
  }

  /** Of a varint field: leaves the halves in `lo` and `hi`. */
  words(): void {
    this.expect(Wire.Varint);
    this.#varint();
  }

  /** Of a varint or fixed64 field. */
  unsigned64(): bigint {
    if (this.wireType === Wire.Fixed64) {
      const at = this.position;
      this.#advance(8);
      return new DataView(this.bytes.buffer, this.bytes.byteOffset + at, 8).getBigUint64(0, true);
    }
    this.words();
    return BigInt.asUintN(64, this.#cursor.bigint());
  }

  /** Of a varint field. */
  signed64(): bigint {
    this.words();
    return this.#cursor.bigint();
  }

  /** The next number of a packed field that was entered. */
  packedIndex(): number {
    this.#varint();
    return this.#cursor.index();
  }

  packedInteger(): number {
    this.#varint();
    const value = this.#cursor.signed();
    if (Number.isNaN(value)) throw this.fault("a number beyond 2^53 - 1");
    return value;
  }

  /** Of a length-delimited field: moves the end to that of the inner message and gives the outer one, for `leave`. */
  enter(): number {
    this.expect(Wire.Bytes);
    this.#varint();
    const { lo, hi } = this.#cursor;
    const inner = this.position + lo;
    if (hi !== 0 || inner > this.end) throw this.fault("a message longer than what holds it");
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
    switch (this.wireType) {
      case Wire.Varint:
        this.#varint();
        break;
      case Wire.Fixed64:
        this.#advance(8);
        break;
      case Wire.Fixed32:
        this.#advance(4);
        break;
      case Wire.Bytes: {
        const outer = this.enter();
        this.position = this.end;
        this.end = outer;
        break;
      }
      default:
        // Groups (3, 4) are older than OTLP; 6 and 7 do not exist.
        throw this.fault(`wire type ${this.wireType}`);
    }
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

  #varint(): void {
    const after = this.#cursor.varint(this.position);
    if (after > this.end) throw this.fault("a number that ends early");
    this.position = after;
  }

  #advance(sizeBytes: number): void {
    if (this.position + sizeBytes > this.end) throw this.fault("a field longer than the message");
    this.position += sizeBytes;
  }
}
