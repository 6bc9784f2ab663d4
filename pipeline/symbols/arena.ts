import { MIB } from "../base/units.ts";

/**
 * Memory for columns that live as long as one dataset is built, used again for the next one.
 *
 * A thread that builds or merges would otherwise take a megabyte a profile and leave it to the garbage collector, which looks at the
 * whole heap each time some tens of megabytes have gathered: a seventh of the time of a merge. Sizes are rounded up to powers of two, so that what one dataset
 * gave back fits the next.
 */
export class Arena {
  readonly #bytesMax: number;
  readonly #free = new Map<number, ArrayBuffer[]>();
  #freeBytes = 0;
  #taken: ArrayBuffer[] = [];

  /** Memory beyond `bytesMax` is not kept for later. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** As many elements; what is in them is arbitrary. */
  uint32(length: number): Uint32Array {
    return new Uint32Array(this.#take(length * 4), 0, length);
  }

  /** As many zeros. */
  zeros(length: number): Uint32Array {
    return this.uint32(length).fill(0);
  }

  float64(length: number): Float64Array {
    return new Float64Array(this.#take(length * 8), 0, length);
  }

  bytes(length: number): Uint8Array {
    return new Uint8Array(this.#take(length), 0, length);
  }

  /** Everything taken may be overwritten from now on: nobody may hold a view of it any more. */
  release(): void {
    for (const buffer of this.#taken) {
      if (this.#freeBytes + buffer.byteLength > this.#bytesMax) continue;
      this.#freeBytes += buffer.byteLength;
      const free = this.#free.get(buffer.byteLength);
      if (free === undefined) this.#free.set(buffer.byteLength, [buffer]);
      else free.push(buffer);
    }
    this.#taken = [];
  }

  #take(sizeBytes: number): ArrayBuffer {
    if (this.#bytesMax === 0 || sizeBytes > KEPT_BYTES_MAX) return new ArrayBuffer(sizeBytes);
    const rounded = Math.max(SMALLEST_BYTES, 2 ** Math.ceil(Math.log2(Math.max(sizeBytes, 1))));
    const known = this.#free.get(rounded)?.pop();
    if (known !== undefined) this.#freeBytes -= rounded;
    const buffer = known ?? new ArrayBuffer(rounded);
    this.#taken.push(buffer);
    return buffer;
  }
}

const SMALLEST_BYTES = 256;
/** 4 MiB. Larger columns are few: rounding them up would cost more memory than making them anew costs time. */
const KEPT_BYTES_MAX = 4 * MIB;

/** Keeps nothing and gives new memory: for what is built now and then, or outlives its builder. */
export const FRESH_MEMORY = new Arena(0);
