import { type Arena, FRESH_MEMORY } from "./arena.ts";

/**
 * Slots of an open-addressing hash table with linear probing: the caller owns keys and values as columns and compares
 * them itself; this holds which entry sits in which slot.
 *
 * Usage: `for (let slot = table.start(hash); (entry = table.at(slot)) >= 0; slot = table.next(slot)) { if (same(entry)) return entry; }`
 * then `table.put(slot, entry, hash)`.
 */
export class InternTable {
  /** Entry + 1; 0 is empty. */
  #slots: Uint32Array;
  #hashes: Uint32Array;
  #mask: number;
  #count = 0;
  readonly #arena: Arena;

  constructor(capacity = 64, arena: Arena = FRESH_MEMORY) {
    this.#arena = arena;
    this.#mask = 2 ** Math.ceil(Math.log2(Math.max(capacity * 2, 16))) - 1;
    this.#slots = arena.zeros(this.#mask + 1);
    this.#hashes = arena.uint32(Math.max(Math.ceil(capacity), 1));
  }

  start(hash: number): number {
    return hash & this.#mask;
  }

  /** The entry in the slot, -1 when it is empty. */
  at(slot: number): number {
    return this.#slots[slot]! - 1;
  }

  next(slot: number): number {
    return (slot + 1) & this.#mask;
  }

  /** Entries are numbered 0, 1, 2 … in the order they are put. */
  put(slot: number, entry: number, hash: number): void {
    this.#slots[slot] = entry + 1;
    if (entry >= this.#hashes.length) {
      const grown = this.#arena.uint32(Math.max(this.#hashes.length * 2, entry + 1));
      grown.set(this.#hashes);
      this.#hashes = grown;
    }
    this.#hashes[entry] = hash;
    // Above half full, probes get long.
    if (++this.#count * 2 > this.#mask) this.#grow();
  }

  #grow(): void {
    const mask = this.#mask * 2 + 1;
    const slots = this.#arena.zeros(mask + 1);
    for (let entry = 0; entry < this.#count; entry++) {
      let slot = this.#hashes[entry]! & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = entry + 1;
    }
    this.#slots = slots;
    this.#mask = mask;
  }
}
