import { CodedError, FaultKind } from "../base/errors.ts";

/** Wire types of protobuf. */
export const Wire = { Varint: 0, Fixed64: 1, Bytes: 2, Fixed32: 5 } as const;

/**
 * Reads protobuf's primitive pieces at positions that the caller keeps. A 64-bit number comes as two unsigned halves in
 * `lo` and `hi`, since neither a double holds it exactly nor a bigint comes for free.
 *
 * A class for its reused state only: one per reader, so that no number read allocates anything.
 */
export class WireCursor {
  bytes: Uint8Array = new Uint8Array(0);
  /** Low half of the last varint. */
  lo = 0;
  /** High half of the last varint. */
  hi = 0;

  /** Reads the varint at the position and gives the position after it. */
  varint(position: number): number {
    const byte = this.bytes[position] as number;
    if (byte < 0x80) {
      this.lo = byte;
      this.hi = 0;
      return position + 1;
    }
    return this.#longVarint(position);
  }

  #longVarint(position: number): number {
    const bytes = this.bytes;
    let lo = 0;
    let hi = 0;
    for (let index = 0; index < 10; index++) {
      const byte = bytes[position + index];
      if (byte === undefined) throw malformed("ends within a number", position);
      const bits = byte & 0x7f;
      const shift = index * 7;
      if (shift < 28) lo |= bits << shift;
      else if (shift === 28) {
        lo |= bits << 28;
        hi = bits >>> 4;
      } else hi |= bits << (shift - 32);
      if (byte < 0x80) {
        this.lo = lo >>> 0;
        this.hi = hi >>> 0;
        return position + index + 1;
      }
    }
    throw malformed("has a number longer than 10 bytes", position);
  }

  /** Reads the length of a field that must end by `end` into `lo`, and gives the position of its first byte. */
  length(position: number, end: number): number {
    const start = this.varint(position);
    if (this.hi !== 0 || this.lo > end - start) throw malformed("has a field that reaches beyond its end", position);
    return start;
  }

  /** Gives the position after a field that nobody wants; `position` is that of its value, `tag` what stood before it. */
  skip(position: number, tag: number, end: number): number {
    if (tag >>> 3 === 0) throw malformed("has a field of number 0", position);
    switch (tag & 7) {
      case Wire.Varint:
        return this.#within(this.varint(position), end);
      case Wire.Fixed64:
        return this.#within(position + 8, end);
      case Wire.Bytes: {
        const start = this.length(position, end);
        return start + this.lo;
      }
      case Wire.Fixed32:
        return this.#within(position + 4, end);
      default:
        throw malformed(`has a field of wire type ${tag & 7}`, position);
    }
  }

  /**
   * Reads over a field of a message whose known fields end at `lastField`; the position is one after the first byte of its tag. A known field that
   * comes here has the wrong wire type.
   */
  skipUnknown(message: string, lastField: number, position: number, end: number): number {
    const start = position - 1;
    const after = this.varint(start);
    const tag = this.index();
    if (tag >>> 3 <= lastField) throw malformed(`has a ${message} with field ${tag >>> 3} of the wrong wire type ${tag & 7}`, start);
    return this.skip(after, tag, end);
  }

  #within(position: number, end: number): number {
    if (position > end) throw malformed("has a field that reaches beyond its end", position);
    return position;
  }

  /** The last varint as a signed number; NaN when its magnitude is above 2^53 - 1. */
  signed(): number {
    if (this.hi < 0x200000) return this.hi * 4294967296 + this.lo;
    if (this.hi < 0x80000000) return Number.NaN;
    const magnitude = (~this.hi >>> 0) * 4294967296 + (~this.lo >>> 0) + 1;
    return magnitude <= Number.MAX_SAFE_INTEGER ? -magnitude : Number.NaN;
  }

  /** The last varint as a signed number within 32 bits: what is beyond is held at the end of the range. */
  signed32(): number {
    if (this.hi === 0) return this.lo > 0x7fffffff ? 0x7fffffff : this.lo;
    if (this.hi === 0xffffffff && this.lo > 0x7fffffff) return this.lo | 0;
    return this.hi > 0x7fffffff ? -0x80000000 : 0x7fffffff;
  }

  /** The last varint as an index of 32 bits: what is beyond becomes 0xffffffff, which no table reaches. */
  index(): number {
    return this.hi === 0 ? this.lo : 0xffffffff;
  }

  /** The last varint, exactly, as a signed 64-bit number. */
  bigint(): bigint {
    return BigInt.asIntN(64, (BigInt(this.hi) << 32n) | BigInt(this.lo));
  }
}

/** The fault of bytes that are no profile. `what` continues "profile …"; the offset is that of the uncompressed bytes. */
export function malformed(what: string, offset?: number): CodedError<"malformed_profile"> {
  const place = offset === undefined ? "" : ` at byte ${offset}`;
  return new CodedError("malformed_profile", FaultKind.Invalid, `profile ${what}${place}`, {
    facts: offset === undefined ? {} : { offset_bytes: offset },
  });
}
