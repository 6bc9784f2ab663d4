import { type Arena, FRESH_MEMORY } from "./arena.ts";
import { GrowableUint32 } from "./growable.ts";
import { InternTable } from "./intern-table.ts";
import { StringHash } from "./string-hash.ts";

/**
 * Gives equal byte strings one id. String 0 is the empty string. Equality is length and 64-bit hash: bytes are looked at once,
 * when a string comes in.
 */
export class StringInterner {
  bytes: Uint8Array;
  sizeBytes = 0;
  /** End offset of string i; it starts where string i - 1 ends. */
  readonly ends: GrowableUint32;
  readonly hashLo: GrowableUint32;
  readonly hashHi: GrowableUint32;
  readonly #table: InternTable;
  readonly #hash = new StringHash();
  readonly #arena: Arena;

  constructor(
    sizes: { readonly strings: number; readonly stringBytes: number } = { strings: 256, stringBytes: 16 * 1024 },
    arena: Arena = FRESH_MEMORY,
  ) {
    this.#arena = arena;
    this.bytes = arena.bytes(Math.ceil(sizes.stringBytes));
    this.ends = new GrowableUint32(sizes.strings, arena);
    this.hashLo = new GrowableUint32(sizes.strings, arena);
    this.hashHi = new GrowableUint32(sizes.strings, arena);
    this.#table = new InternTable(sizes.strings, arena);
    this.intern(this.bytes, 0, 0);
  }

  get count(): number {
    return this.ends.length;
  }

  start(id: number): number {
    return id === 0 ? 0 : this.ends.data[id - 1]!;
  }

  /** The id of source[start .. start + length]. */
  intern(source: Uint8Array, start: number, length: number): number {
    const hash = this.#hash;
    hash.of(source, start, length);
    return this.internHashed(source, start, length, hash.lo, hash.hi);
  }

  /** As `intern`, for a caller that has the hash already. */
  internHashed(source: Uint8Array, start: number, length: number, lo: number, hi: number): number {
    const table = this.#table;
    const low = lo >>> 0;
    const high = hi >>> 0;
    let slot = table.start(lo);
    for (let id = table.at(slot); id >= 0; slot = table.next(slot), id = table.at(slot)) {
      if (this.hashLo.data[id] === low && this.hashHi.data[id] === high && this.ends.data[id]! - this.start(id) === length) return id;
    }
    const id = this.ends.length;
    this.#append(source, start, length);
    this.ends.push(this.sizeBytes);
    this.hashLo.push(low);
    this.hashHi.push(high);
    table.put(slot, id, lo);
    return id;
  }

  #append(source: Uint8Array, start: number, length: number): void {
    const needed = this.sizeBytes + length;
    if (needed > this.bytes.length) {
      const grown = this.#arena.bytes(Math.max(needed, this.bytes.length * 2));
      grown.set(this.bytes.subarray(0, this.sizeBytes));
      this.bytes = grown;
    }
    // Names are short: a loop beats the call of a bulk copy.
    if (length < 128) for (let i = 0; i < length; i++) this.bytes[this.sizeBytes + i] = source[start + i]!;
    else this.bytes.set(source.subarray(start, start + length), this.sizeBytes);
    this.sizeBytes = needed;
  }
}
