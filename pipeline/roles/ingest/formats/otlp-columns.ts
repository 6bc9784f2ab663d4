/**
 * A column of unsigned numbers that grows: for tables whose length the wire does not tell beforehand. Whoever can guess the length says so, because
 * most of the cost of a small request is in arrays that were made too small first.
 */
export class Uint32Column {
  array: Uint32Array;
  count = 0;

  constructor(room = 64) {
    this.array = new Uint32Array(room);
  }

  push(value: number): void {
    if (this.count === this.array.length) this.#grow();
    this.array[this.count++] = value;
  }

  at(index: number): number {
    return this.array[index]!;
  }

  clear(): void {
    this.count = 0;
  }

  #grow(): void {
    const larger = new Uint32Array(Math.max(64, this.array.length * 2));
    larger.set(this.array);
    this.array = larger;
  }
}

/** Entries that a profile is expected to use at most: more is possible, and only slower. */
const USED_ROOM_MAX = 4096;

/**
 * Numbers the entries of a shared table in the order of their first use, so that a profile takes along only what it refers to. `clear` costs
 * what was used, not what the shared table holds: a request may have hundreds of profiles over one dictionary.
 */
export class Renumbering {
  /** Shared index of each local one. */
  readonly used: Uint32Column;
  /** Local index + 1 of each shared one, 0 while unused. */
  readonly #local: Uint32Array;

  constructor(sharedCount: number) {
    this.used = new Uint32Column(Math.min(sharedCount, USED_ROOM_MAX));
    this.#local = new Uint32Array(sharedCount);
  }

  of(shared: number): number {
    const known = this.#local[shared]!;
    if (known !== 0) return known - 1;
    this.used.push(shared);
    this.#local[shared] = this.used.count;
    return this.used.count - 1;
  }

  clear(): void {
    const { array, count } = this.used;
    for (let i = 0; i < count; i++) this.#local[array[i]!] = 0;
    this.used.clear();
  }
}
