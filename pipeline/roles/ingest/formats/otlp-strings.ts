import { Uint32Column } from "./otlp-columns.ts";
import { malformed, type WireRange } from "./otlp-wire.ts";

/** Strict, so that bytes which are no text are refused instead of turned into replacement characters. */
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/**
 * All strings of a request: the dictionary's first, with their own indexes, then those written inline in attributes and those we spell out
 * (numbers, span ids). They stay where they are in the request's bytes; spelled ones go behind them.
 */
export class OtlpStrings {
  bytes: Uint8Array;
  readonly starts: Uint32Column;
  readonly lengths: Uint32Column;
  /** Strings of the dictionary: only these may be referred to from the wire. */
  readonly dictionaryCount: number;
  #usedBytes: number;
  readonly #texts = new Map<number, string>();

  constructor(body: Uint8Array, starts: Uint32Column, ends: Uint32Column) {
    this.bytes = body;
    this.#usedBytes = body.length;
    this.starts = starts;
    // Every table has its zero value; a sender that left the table out has it all the same.
    if (starts.count === 0) {
      starts.push(0);
      ends.push(0);
    }
    this.lengths = new Uint32Column(starts.array.length);
    for (let i = 0; i < starts.count; i++) this.lengths.push(ends.at(i) - starts.at(i));
    this.dictionaryCount = starts.count;
  }

  get count(): number {
    return this.starts.count;
  }

  /** Takes a string that lies in the request. */
  addRange(range: WireRange): number {
    this.starts.push(range.start);
    this.lengths.push(range.end - range.start);
    return this.count - 1;
  }

  /** Takes a string of ours. */
  addText(text: string): number {
    const spelled = encoder.encode(text);
    if (this.#usedBytes + spelled.length > this.bytes.length) {
      const larger = new Uint8Array(this.#usedBytes + Math.max(4096, this.#usedBytes >>> 2, spelled.length));
      larger.set(this.bytes.subarray(0, this.#usedBytes));
      this.bytes = larger;
    }
    this.bytes.set(spelled, this.#usedBytes);
    this.starts.push(this.#usedBytes);
    this.lengths.push(spelled.length);
    this.#usedBytes += spelled.length;
    return this.count - 1;
  }

  isEmpty(index: number): boolean {
    return this.lengths.at(index) === 0;
  }

  /** Errors: `malformed_profile` when it is not UTF-8. */
  text(index: number): string {
    const known = this.#texts.get(index);
    if (known !== undefined) return known;
    const start = this.starts.at(index);
    let text: string;
    try {
      text = strict.decode(this.bytes.subarray(start, start + this.lengths.at(index)));
    } catch (cause) {
      throw malformed(`string ${index} of the dictionary is not UTF-8`, { string: index, cause: String(cause) });
    }
    this.#texts.set(index, text);
    return text;
  }
}
