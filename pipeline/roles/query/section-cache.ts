import type { Bytes } from "../../base/units.ts";
import { queryCancelled } from "./pace.ts";

/** Reads a value. `signal` is aborted when nobody waits for it any more. */
export type ReadValue<Value> = (signal: AbortSignal) => Promise<Value>;

type Entry = {
  readonly value: Promise<unknown>;
  sizeBytes: number;
  isRead: boolean;
  /** Who asked while it is being read. */
  waiting: number;
  readonly nobodyWaits: AbortController;
};

/**
 * Decoded sections of immutable objects: the only state of a querier, and one that can be lost. Least recently used go first.
 * A section that is being read is shared by everybody who asks for it meanwhile, and given up when all of them have left; a failed read is forgotten.
 */
export class SectionCache {
  readonly #bytesMax: number;
  readonly #entries = new Map<string, Entry>();
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

  /**
   * `sizeOf` estimates the memory of a value in bytes; `signal` is aborted when this asker leaves, and never by default.
   * Errors: those of `read`; `query_cancelled` (expired) for who has left.
   */
  get<Value>(key: string, read: ReadValue<Value>, sizeOf: (value: Value) => number, signal?: AbortSignal): Promise<Value> {
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      this.misses++;
      entry = this.#read(key, read, sizeOf);
    } else {
      this.hits++;
      this.#entries.delete(key);
      this.#entries.set(key, entry);
    }
    return (entry.isRead || signal === undefined ? this.#stay(entry) : this.#waitFor(key, entry, signal)) as Promise<Value>;
  }

  #read<Value>(key: string, read: ReadValue<Value>, sizeOf: (value: Value) => number): Entry {
    const nobodyWaits = new AbortController();
    const value = read(nobodyWaits.signal);
    const entry: Entry = { value, sizeBytes: 0, isRead: false, waiting: 0, nobodyWaits };
    this.#entries.set(key, entry);
    value.then(
      (read) => {
        entry.isRead = true;
        if (this.#entries.get(key) !== entry) return;
        entry.sizeBytes = sizeOf(read);
        this.#sizeBytes += entry.sizeBytes;
        this.#evict();
      },
      () => this.#forget(key, entry),
    );
    return entry;
  }

  #stay(entry: Entry): Promise<unknown> {
    entry.waiting++;
    return entry.value;
  }

  #waitFor(key: string, entry: Entry, signal: AbortSignal): Promise<unknown> {
    entry.waiting++;
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        reject(queryCancelled());
        if (--entry.waiting > 0 || entry.isRead) return;
        // Who asks from now on starts anew.
        this.#forget(key, entry);
        entry.nobodyWaits.abort(queryCancelled());
      };
      if (signal.aborted) return leave();
      signal.addEventListener("abort", leave, { once: true });
      entry.value.finally(() => signal.removeEventListener("abort", leave)).then(resolve, reject);
    });
  }

  #forget(key: string, entry: Entry): void {
    if (this.#entries.get(key) === entry) this.#entries.delete(key);
  }

  #evict(): void {
    for (const [key, entry] of this.#entries) {
      if (this.#sizeBytes <= this.#bytesMax) return;
      this.#entries.delete(key);
      this.#sizeBytes -= entry.sizeBytes;
    }
  }
}
