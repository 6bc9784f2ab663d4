import { type Arena, FRESH_MEMORY } from "./arena.ts";

/*
 * Columns that grow by doubling. `data` may be replaced by `push` and `reserve`: inner loops read it anew after either.
 */

export class GrowableUint32 {
  data: Uint32Array;
  length = 0;
  readonly #arena: Arena;

  constructor(capacity = 64, arena: Arena = FRESH_MEMORY) {
    this.#arena = arena;
    this.data = arena.uint32(Math.max(Math.ceil(capacity), 1));
  }

  reserve(more: number): void {
    const needed = this.length + more;
    if (needed <= this.data.length) return;
    const grown = this.#arena.uint32(Math.max(needed, this.data.length * 2));
    grown.set(this.data.subarray(0, this.length));
    this.data = grown;
  }

  push(value: number): number {
    if (this.length === this.data.length) this.reserve(1);
    this.data[this.length] = value;
    return this.length++;
  }

  view(): Uint32Array {
    return this.data.subarray(0, this.length);
  }
}

export class GrowableFloat64 {
  data: Float64Array;
  length = 0;
  readonly #arena: Arena;

  constructor(capacity = 64, arena: Arena = FRESH_MEMORY) {
    this.#arena = arena;
    this.data = arena.float64(Math.max(Math.ceil(capacity), 1));
  }

  reserve(more: number): void {
    const needed = this.length + more;
    if (needed <= this.data.length) return;
    const grown = this.#arena.float64(Math.max(needed, this.data.length * 2));
    grown.set(this.data.subarray(0, this.length));
    this.data = grown;
  }

  push(value: number): number {
    if (this.length === this.data.length) this.reserve(1);
    this.data[this.length] = value;
    return this.length++;
  }

  view(): Float64Array {
    return this.data.subarray(0, this.length);
  }
}
