import type { ByteReader } from "./byte-reader.ts";

/** As many as differ in what is near each other: the kinds of profiles that a fleet sends. */
const REMEMBERED = 16;

/**
 * Decodes values that come again and again, each only once: bytes that begin as a known value does are that value, as long as no encoding is the beginning of another
 * one (lengths and counts come first). Besides time it saves memory, since equal values are one. They must not be changed.
 */
export class Repeated<T> {
  readonly #decode: (reader: ByteReader) => T;
  /** The one seen last in front. */
  readonly #known: { readonly bytes: Uint8Array; readonly value: T }[] = [];

  constructor(decode: (reader: ByteReader) => T) {
    this.#decode = decode;
  }

  read(reader: ByteReader): T {
    for (let i = 0; i < this.#known.length; i++) {
      const candidate = this.#known[i]!;
      if (!reader.startsWith(candidate.bytes)) continue;
      reader.at += candidate.bytes.length;
      if (i > 0) {
        this.#known.splice(i, 1);
        this.#known.unshift(candidate);
      }
      return candidate.value;
    }
    const start = reader.at;
    const value = this.#decode(reader);
    this.#known.unshift({ bytes: reader.bytes.slice(start, reader.at), value });
    if (this.#known.length > REMEMBERED) this.#known.pop();
    return value;
  }
}
