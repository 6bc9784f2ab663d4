import { type Arena, FRESH_MEMORY } from "../../symbols/arena.ts";
import { blockError } from "../errors.ts";

const decoder = new TextDecoder("utf-8", { fatal: false });

/**
 * Reads what {@link ByteWriter} wrote.
 *
 * Errors: `block_section_corrupt` when a value runs past the end or is longer than a legal one.
 */
export class ByteReader {
  readonly bytes: Uint8Array;
  /** Where columns that are read are put. */
  readonly memory: Arena;
  at = 0;
  #view: DataView | undefined;

  constructor(bytes: Uint8Array, memory: Arena = FRESH_MEMORY) {
    this.bytes = bytes;
    this.memory = memory;
  }

  get remaining(): number {
    return this.bytes.length - this.at;
  }

  byte(): number {
    const value = this.bytes[this.at++];
    if (value === undefined) throw this.truncated();
    return value;
  }

  varint(): number {
    const bytes = this.bytes;
    let at = this.at;
    let byte = bytes[at++]!;
    if (byte < 0x80) {
      this.at = at;
      return byte;
    }
    let value = byte & 0x7f;
    let shift = 7;
    // Four bytes fit integer arithmetic; what follows needs doubles.
    while (shift < 28) {
      byte = bytes[at++]!;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        this.at = at;
        return value;
      }
      shift += 7;
    }
    let scale = 2 ** 28;
    while (shift < 56) {
      byte = bytes[at++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        this.at = at;
        if (value > Number.MAX_SAFE_INTEGER) throw this.corrupt("a number beyond 2^53 - 1");
        return value;
      }
      scale *= 128;
      shift += 7;
    }
    if (at > bytes.length) throw this.truncated();
    throw this.corrupt("a number of more than 8 bytes");
  }

  signed(): number {
    const byte = this.byte();
    let magnitude = (byte >> 1) & 63;
    if (byte >= 0x80) magnitude += this.varint() * 64;
    return (byte & 1) === 1 ? -magnitude : magnitude;
  }

  raw(size: number): Uint8Array {
    if (size > this.remaining) throw this.truncated();
    const slice = this.bytes.subarray(this.at, this.at + size);
    this.at += size;
    return slice;
  }

  text(): string {
    return decoder.decode(this.raw(this.varint()));
  }

  /** Whether these bytes come next. */
  startsWith(expected: Uint8Array): boolean {
    const { at, bytes } = this;
    for (let i = 0; i < expected.length; i++) if (bytes[at + i] !== expected[i]) return false;
    return true;
  }

  int64(): bigint {
    if (this.remaining < 8) throw this.truncated();
    const value = this.#wholeView().getBigInt64(this.at, true);
    this.at += 8;
    return value;
  }

  uint32(): number {
    if (this.remaining < 4) throw this.truncated();
    const value = this.#wholeView().getUint32(this.at, true);
    this.at += 4;
    return value;
  }

  /**
   * A count of things each of which takes at least `bytesEach` bytes of what remains: a wrong count is found before memory is
   * taken for it.
   */
  count(bytesEach = 1): number {
    const count = this.varint();
    if (count * bytesEach > this.remaining) throw this.corrupt(`a count of ${count} with ${this.remaining} bytes left`);
    return count;
  }

  #wholeView(): DataView {
    this.#view ??= new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength);
    return this.#view;
  }

  /** Throws unless everything was read and nothing was read past the end. */
  end(): void {
    if (this.at > this.bytes.length) throw this.truncated();
    if (this.at < this.bytes.length) throw this.corrupt(`${this.remaining} bytes too many`);
  }

  corrupt(what: string): Error {
    return blockError("block_section_corrupt", `bytes contradict the block format: ${what}`, {
      at_bytes: this.at,
      size_bytes: this.bytes.length,
    });
  }

  truncated(): Error {
    return this.corrupt("they end too early");
  }
}
