import { grown } from "./pprof-tables.ts";

/** The high halves of a column of 64-bit ids. Nearly all ids fit into 32 bits, so this costs nothing until one does not. */
export class HighHalves {
  #values = new Uint32Array(0);
  #used = false;

  clear(): void {
    this.#used = false;
  }

  set(index: number, hi: number): void {
    if (!this.#used) {
      this.#values.fill(0);
      this.#used = true;
    }
    if (this.#values.length <= index) this.#values = grown(this.#values, index + 1);
    this.#values[index] = hi;
  }

  /** At least `length` halves, or undefined when all are 0. */
  column(length: number): Uint32Array | undefined {
    if (!this.#used) return undefined;
    if (this.#values.length < length) this.#values = grown(this.#values, length);
    return this.#values;
  }
}
