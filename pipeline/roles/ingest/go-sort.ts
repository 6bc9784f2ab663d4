/*
 * Go's unstable sort. Where Pyroscope sorts with it, which of several equal elements comes first decides what is shown, and users
 * who compare both should see the same. So this takes the same steps: a pattern-defeating quicksort with Go's choice of pivots,
 * its limits and its pseudo-random swaps.
 *
 * Source: Orson Peters, "Pattern-defeating Quicksort"; the constants are those of Go's package slices.
 */

const INSERTION_MAX = 12;
const NINTHER_MIN = 50;
const SWAPS_MAX = 4 * 3;
const SHIFTS_MAX = 5;
const SHIFTING_MIN = 50;

/** Sorts in place. `less` need not be a consistent order, as long as it is the same function that Go is given. */
export function sortLikeGo(items: Int32Array, less: (a: number, b: number) => boolean): void {
  new GoSort(items, less).sort(0, items.length, bitLength(items.length));
}

class GoSort {
  readonly #items: Int32Array;
  readonly #less: (a: number, b: number) => boolean;
  /** Of the last choice of a pivot: how many pairs stood in the wrong order. */
  #swaps = 0;

  constructor(items: Int32Array, less: (a: number, b: number) => boolean) {
    this.#items = items;
    this.#less = less;
  }

  sort(from: number, to: number, limit: number): void {
    let [start, end, badChoicesLeft] = [from, to, limit];
    let balanced = true;
    let partitioned = true;
    for (;;) {
      const length = end - start;
      if (length <= INSERTION_MAX) {
        this.#insertionSort(start, end);
        return;
      }
      if (badChoicesLeft === 0) {
        this.#heapSort(start, end);
        return;
      }
      if (!balanced) {
        this.#breakPatterns(start, end);
        badChoicesLeft--;
      }
      let pivot = this.#choosePivot(start, end);
      let increasing = this.#swaps === 0;
      if (this.#swaps === SWAPS_MAX) {
        this.#reverse(start, end);
        pivot = end - 1 - (pivot - start);
        increasing = true;
      }
      if (balanced && partitioned && increasing && this.#fewShifts(start, end)) return;
      if (start > 0 && !this.#isLess(start - 1, pivot)) {
        start = this.#partitionEqual(start, end, pivot);
        continue;
      }
      const [middle, already] = this.#partition(start, end, pivot);
      partitioned = already;
      const threshold = Math.floor(length / 8);
      if (middle - start < end - middle) {
        balanced = middle - start >= threshold;
        this.sort(start, middle, badChoicesLeft);
        start = middle + 1;
      } else {
        balanced = end - middle >= threshold;
        this.sort(middle + 1, end, badChoicesLeft);
        end = middle;
      }
    }
  }

  #isLess(a: number, b: number): boolean {
    return this.#less(this.#items[a] as number, this.#items[b] as number);
  }

  #swap(a: number, b: number): void {
    const held = this.#items[a] as number;
    this.#items[a] = this.#items[b] as number;
    this.#items[b] = held;
  }

  #insertionSort(start: number, end: number): void {
    for (let at = start + 1; at < end; at++)
      for (let down = at; down > start && this.#isLess(down, down - 1); down--) this.#swap(down, down - 1);
  }

  #heapSort(start: number, end: number): void {
    const length = end - start;
    for (let root = Math.floor((length - 1) / 2); root >= 0; root--) this.#siftDown(root, length, start);
    for (let last = length - 1; last >= 0; last--) {
      this.#swap(start, start + last);
      this.#siftDown(0, last, start);
    }
  }

  #siftDown(top: number, length: number, start: number): void {
    for (let root = top; ; ) {
      let child = 2 * root + 1;
      if (child >= length) return;
      if (child + 1 < length && this.#isLess(start + child, start + child + 1)) child++;
      if (!this.#isLess(start + root, start + child)) return;
      this.#swap(start + root, start + child);
      root = child;
    }
  }

  /** Ends with the pivot at the place it gives, smaller items before it. Also whether they stood there already. */
  #partition(start: number, end: number, pivot: number): readonly [number, boolean] {
    this.#swap(start, pivot);
    let low = start + 1;
    let high = end - 1;
    let already = true;
    for (;;) {
      while (low <= high && this.#isLess(low, start)) low++;
      while (low <= high && !this.#isLess(high, start)) high--;
      if (low > high) break;
      already = false;
      this.#swap(low++, high--);
    }
    this.#swap(high, start);
    return [high, already];
  }

  /** Puts items equal to the pivot first and gives the place after them; nothing smaller may be in the range. */
  #partitionEqual(start: number, end: number, pivot: number): number {
    this.#swap(start, pivot);
    let low = start + 1;
    let high = end - 1;
    for (;;) {
      while (low <= high && !this.#isLess(start, low)) low++;
      while (low <= high && this.#isLess(start, high)) high--;
      if (low > high) return low;
      this.#swap(low++, high--);
    }
  }

  /** Tries to sort by moving a few items, and says whether that sufficed. */
  #fewShifts(start: number, end: number): boolean {
    let at = start + 1;
    for (let shift = 0; shift < SHIFTS_MAX; shift++) {
      while (at < end && !this.#isLess(at, at - 1)) at++;
      if (at === end) return true;
      if (end - start < SHIFTING_MIN) return false;
      this.#swap(at, at - 1);
      if (at - start >= 2) for (let down = at - 1; down >= 1 && this.#isLess(down, down - 1); down--) this.#swap(down, down - 1);
      if (end - at >= 2) for (let up = at + 1; up < end && this.#isLess(up, up - 1); up++) this.#swap(up, up - 1);
    }
    return false;
  }

  #breakPatterns(start: number, end: number): void {
    const length = end - start;
    if (length < 8) return;
    let random = BigInt(length);
    const mask = (1n << BigInt(bitLength(length))) - 1n;
    const first = start + Math.floor(length / 4) * 2 - 1;
    for (let swap = 0; swap < 3; swap++) {
      random = BigInt.asUintN(64, random ^ (random << 13n));
      random ^= random >> 7n;
      random = BigInt.asUintN(64, random ^ (random << 17n));
      let other = Number(random & mask);
      if (other >= length) other -= length;
      this.#swap(first + swap, start + other);
    }
  }

  #choosePivot(start: number, end: number): number {
    this.#swaps = 0;
    const quarter = Math.floor((end - start) / 4);
    const [first, second, third] = [start + quarter, start + quarter * 2, start + quarter * 3];
    if (end - start < 8) return second;
    if (end - start < NINTHER_MIN) return this.#median(first, second, third);
    const medians = [first, second, third].map((at) => this.#median(at - 1, at, at + 1));
    return this.#median(...(medians as [number, number, number]));
  }

  #median(a: number, b: number, c: number): number {
    const [low, high] = this.#ordered(a, b);
    const [middle] = this.#ordered(high, c);
    return this.#ordered(low, middle)[1];
  }

  #ordered(a: number, b: number): readonly [number, number] {
    if (!this.#isLess(b, a)) return [a, b];
    this.#swaps++;
    return [b, a];
  }

  #reverse(start: number, end: number): void {
    for (let low = start, high = end - 1; low < high; low++, high--) this.#swap(low, high);
  }
}

function bitLength(value: number): number {
  return 32 - Math.clz32(value);
}
