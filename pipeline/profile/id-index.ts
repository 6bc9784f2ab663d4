import { MISSING } from "./decoded-profile.ts";

/**
 * From the 64-bit ids that a profile gives its locations, functions or mappings to their indexes. Ids are 1, 2, 3 … in most
 * profiles, small numbers in nearly all others, and hashes or addresses in a few: each case has its own way.
 *
 * Ids are kept as unsigned halves. Of equal ids the last one counts, as for Pyroscope. Id 0 is never found.
 */
export class IdIndex {
  #lo = new Uint32Array(1024);
  /** Empty until an id needs more than 32 bits. */
  #hi = new Uint32Array(0);
  #wide = false;
  #count = 0;
  #way: "sequence" | "table" | "hash" = "sequence";
  #table = new Uint32Array(1024);
  #tableLength = 0;
  #mask = 0;

  get count(): number {
    return this.#count;
  }

  /** Whether the ids are 1, 2, 3 …, once it is built. */
  get isSequence(): boolean {
    return this.#way === "sequence";
  }

  clear(): void {
    this.#count = 0;
    this.#wide = false;
  }

  /** Gives the next index to an id. */
  add(lo: number, hi: number): void {
    if (this.#count === this.#lo.length) this.#lo = doubled(this.#lo);
    if (hi !== 0 && !this.#wide) this.#widen();
    this.#lo[this.#count] = lo;
    if (this.#wide) {
      if (this.#count >= this.#hi.length) this.#hi = doubled(this.#hi);
      this.#hi[this.#count] = hi;
    }
    this.#count++;
  }

  isZero(index: number): boolean {
    return this.#lo[index] === 0 && (!this.#wide || this.#hi[index] === 0);
  }

  /** Takes over the ids of another index, position by position. */
  copyFrom(other: IdIndex): void {
    this.clear();
    for (let index = 0; index < other.#count; index++) {
      this.add(other.#lo[index] as number, other.#wide ? (other.#hi[index] as number) : 0);
    }
  }

  /** To be called when all ids are added, before the first `find`. */
  build(): void {
    const lo = this.#lo;
    const count = this.#count;
    let max = 0;
    let sequential = !this.#wide;
    for (let index = 0; index < count; index++) {
      const id = lo[index] as number;
      if (id !== index + 1) sequential = false;
      if (id > max) max = id;
    }
    if (sequential) {
      this.#way = "sequence";
    } else if (!this.#wide && max < 4 * count + 4096) {
      this.#way = "table";
      this.#tableLength = max + 1;
      if (this.#table.length <= max) this.#table = new Uint32Array(2 * (max + 1));
      this.#table.fill(0, 0, max + 1);
      for (let index = 0; index < count; index++) this.#table[lo[index] as number] = index + 1;
      this.#table[0] = 0;
    } else {
      this.#buildHash();
    }
  }

  /** The index of an id, or MISSING. */
  find(lo: number, hi: number): number {
    if (this.#way === "sequence") return hi === 0 && lo !== 0 && lo <= this.#count ? lo - 1 : MISSING;
    if (this.#way === "table") {
      if (hi !== 0 || lo >= this.#tableLength) return MISSING;
      const found = this.#table[lo] as number;
      return found === 0 ? MISSING : found - 1;
    }
    if (lo === 0 && hi === 0) return MISSING;
    for (let slot = hash(lo, hi) & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const found = this.#table[slot] as number;
      if (found === 0) return MISSING;
      if (this.#lo[found - 1] === lo && (this.#wide ? this.#hi[found - 1] : 0) === hi) return found - 1;
    }
  }

  /** Replaces the first `length` ids of a column (high halves apart, where there are any) by their indexes, or MISSING. */
  resolve(ids: Uint32Array, hi: Uint32Array | undefined, length: number): void {
    if (hi !== undefined || this.#way === "hash") {
      for (let at = 0; at < length; at++) ids[at] = this.find(ids[at] as number, hi?.[at] ?? 0);
    } else if (this.#way === "sequence") {
      const count = this.#count;
      for (let at = 0; at < length; at++) {
        const index = (ids[at] as number) - 1;
        ids[at] = index >= 0 && index < count ? index : MISSING;
      }
    } else {
      const table = this.#table;
      const tableLength = this.#tableLength;
      for (let at = 0; at < length; at++) {
        const id = ids[at] as number;
        // 0 in the table is no index, and 0 - 1 is MISSING in 32 bits.
        ids[at] = id < tableLength ? (table[id] as number) - 1 : MISSING;
      }
    }
  }

  #buildHash(): void {
    this.#way = "hash";
    let size = 1024;
    while (size < this.#count * 2) size *= 2;
    this.#mask = size - 1;
    if (this.#table.length < size) this.#table = new Uint32Array(size);
    else this.#table.fill(0, 0, size);
    for (let index = 0; index < this.#count; index++) {
      const lo = this.#lo[index] as number;
      const hi = this.#wide ? (this.#hi[index] as number) : 0;
      let slot = hash(lo, hi) & this.#mask;
      for (;;) {
        const found = this.#table[slot] as number;
        if (found === 0 || (this.#lo[found - 1] === lo && (this.#wide ? this.#hi[found - 1] : 0) === hi)) break;
        slot = (slot + 1) & this.#mask;
      }
      this.#table[slot] = index + 1;
    }
  }

  #widen(): void {
    if (this.#hi.length < this.#lo.length) this.#hi = new Uint32Array(this.#lo.length);
    else this.#hi.fill(0, 0, this.#count);
    this.#wide = true;
  }
}

/** Mixes both halves: ids that are addresses differ in few bits. */
function hash(lo: number, hi: number): number {
  let h = Math.imul(lo ^ (hi >>> 15), 0x85ebca6b) ^ Math.imul(hi ^ (lo >>> 13), 0xc2b2ae35);
  h ^= h >>> 16;
  h = Math.imul(h, 0x9e3779b1);
  return (h ^ (h >>> 15)) >>> 0;
}

function doubled(column: Uint32Array): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(Math.max(1024, column.length * 2));
  larger.set(column);
  return larger;
}
