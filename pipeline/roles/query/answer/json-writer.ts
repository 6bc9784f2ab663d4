/** Writes JSON text straight into bytes. Commas and brackets are the caller's. */
export class JsonWriter {
  #bytes: Buffer;
  #length = 0;

  constructor(sizeHint: number) {
    this.#bytes = Buffer.allocUnsafeSlow(sizeHint);
  }

  /** The bytes written so far, without a copy: the writer is done after this. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Text that is JSON already, ASCII only. */
  ascii(text: string): void {
    this.#reserve(text.length);
    for (let i = 0; i < text.length; i++) this.#bytes[this.#length++] = text.charCodeAt(i);
  }

  /** One character, as its code. */
  char(code: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = code;
  }

  /** A whole number from 0 to 2^53 - 1. */
  integer(value: number): void {
    this.#reserve(16);
    if (value < LIMB) {
      this.#digits(value, digitCount(value));
      return;
    }
    const high = Math.floor(value / LIMB);
    this.#digits(high, digitCount(high));
    this.#digits(value - high * LIMB, LIMB_DIGITS);
  }

  /** A quoted string out of UTF-8 bytes. Nearly all need no escape and are copied as they are. */
  text(source: Buffer, start: number, end: number): void {
    for (let i = start; i < end; i++) {
      const byte = source[i] as number;
      if (byte < 0x20 || byte === QUOTE || byte === BACKSLASH) {
        const escaped = Buffer.from(JSON.stringify(source.toString("utf8", start, end)));
        this.#reserve(escaped.length);
        this.#length += escaped.copy(this.#bytes, this.#length);
        return;
      }
    }
    this.#reserve(end - start + 2);
    this.#bytes[this.#length++] = QUOTE;
    this.#length += source.copy(this.#bytes, this.#length, start, end);
    this.#bytes[this.#length++] = QUOTE;
  }

  /** `count` digits of a number below 10^9. */
  #digits(value: number, count: number): void {
    let rest = value;
    for (let at = this.#length + count - 1; at >= this.#length; at--) {
      const tenth = (rest / 10) | 0;
      this.#bytes[at] = ZERO + rest - tenth * 10;
      rest = tenth;
    }
    this.#length += count;
  }

  #reserve(size: number): void {
    const needed = this.#length + size;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }
}

/** Numbers are written nine digits at a time: as many as 32-bit division handles. 2^53 / 10^9 is below 10^9 again. */
const LIMB = 1_000_000_000;
const LIMB_DIGITS = 9;
const ZERO = 0x30;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

function digitCount(value: number): number {
  let count = 1;
  for (let power = 10; power <= value; power *= 10) count++;
  return count;
}
