import type { Bytes } from "../../base/units.ts";

/**
 * Decoded sections of immutable objects: the only state of a querier, and one that can be lost. Least recently used go first.
 * A section that is being read is shared by everybody who asks for it meanwhile; a failed read is forgotten.
 */
export class SectionCache {
  readonly #bytesMax: number;
  readonly #entries = new Map<string, { readonly value: Promise<unknown>; sizeBytes: number }>();
  #sizeBytes = 0;
  hits = 0;
  misses = 0;

  constructor(bytesMax: Bytes) {
    this.#bytesMax = bytesMax;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  has(key: string): boolean {
    return this.#entries.has(key);
  }

  /** `sizeOf` estimates the memory of a value in bytes. */
  get<Value>(key: string, read: () => Promise<Value>, sizeOf: (value: Value) => number): Promise<Value> {
    const known = this.#entries.get(key);
    if (known !== undefined) {
      this.hits++;
      this.#entries.delete(key);
      this.#entries.set(key, known);
      return known.value as Promise<Value>;
    }
    this.misses++;
    const value = read();
    const entry = { value, sizeBytes: 0 };
    this.#entries.set(key, entry);
    value.then(
      (read) => {
        if (this.#entries.get(key) !== entry) return;
        entry.sizeBytes = sizeOf(read);
        this.#sizeBytes += entry.sizeBytes;
        this.#evict();
      },
      () => {
        if (this.#entries.get(key) === entry) this.#entries.delete(key);
      },
    );
    return value;
  }

  #evict(): void {
    for (const [key, entry] of this.#entries) {
      if (this.#sizeBytes <= this.#bytesMax) return;
      this.#entries.delete(key);
      this.#sizeBytes -= entry.sizeBytes;
    }
  }
}
