import { objectExists, objectNotFound } from "./errors.ts";
import type { ObjectInfo, ObjectStore } from "./object-store.ts";
import { checkKey } from "./paths.ts";

/** A bucket in memory, for tests and the simulation: as strict as the real ones, and every answer owns its bytes. */
export class MemoryStore implements ObjectStore {
  readonly description = "memory";
  readonly #objects = new Map<string, Uint8Array>();

  async create(key: string, bytes: Uint8Array): Promise<void> {
    checkKey(key);
    if (this.#objects.has(key)) throw objectExists(key);
    this.#objects.set(key, bytes.slice());
  }

  async get(key: string): Promise<Uint8Array> {
    return this.#find(key).slice();
  }

  async getRange(key: string, offset: number, size: number): Promise<Uint8Array> {
    return this.#find(key).slice(offset, offset + size);
  }

  async *list(prefix: string, options: { readonly startAfter?: string } = {}): AsyncGenerator<ObjectInfo> {
    // Keys are ASCII, so that the order of UTF-16 units is the order of bytes.
    const keys = [...this.#objects.keys()].filter((key) => key.startsWith(prefix)).sort();
    for (const key of keys) {
      if (options.startAfter !== undefined && key <= options.startAfter) continue;
      const bytes = this.#objects.get(key);
      if (bytes !== undefined) yield { key, sizeBytes: bytes.byteLength };
    }
  }

  async delete(key: string): Promise<void> {
    checkKey(key);
    this.#objects.delete(key);
  }

  async close(): Promise<void> {}

  #find(key: string): Uint8Array {
    checkKey(key);
    const bytes = this.#objects.get(key);
    if (bytes === undefined) throw objectNotFound(key);
    return bytes;
  }
}
