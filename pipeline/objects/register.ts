import { isCoded } from "../base/errors.ts";
import type { ObjectStore } from "./object-store.ts";
import { catalogVersion, registerKey } from "./paths.ts";

/** Bytes of a register as they were read; version 0 and no bytes where nothing was ever written. */
export type Reading = { readonly version: number; readonly bytes: Uint8Array };

/** Old versions that stay, so that a writer which slept finds out that it did: see {@link Register.swap}. */
const KEPT_VERSIONS = 16;
/** The newest version may be replaced and removed between the listing and the read. */
const READ_ATTEMPTS = 10;

/**
 * A small value in a bucket that many processes change: each version is an object created "if absent", so of two writers who have read the same
 * version one wins, and the other reads again.
 */
export class Register {
  readonly #store: ObjectStore;
  readonly #prefix: string;

  constructor(store: ObjectStore, prefix: string) {
    this.#store = store;
    this.#prefix = prefix;
  }

  /** The newest value. Errors: those of the store. */
  async read(signal?: AbortSignal): Promise<Reading> {
    for (let attempt = 1; ; attempt++) {
      const version = (await this.#versions(signal)).at(-1);
      if (version === undefined) return { version: 0, bytes: new Uint8Array(0) };
      try {
        return { version, bytes: await this.#store.get(registerKey(this.#prefix, version), signal) };
      } catch (error) {
        if (!isCoded(error, "object_not_found") || attempt === READ_ATTEMPTS) throw error;
      }
    }
  }

  /**
   * Writes the value that follows a reading. False when another writer was faster, or may have been: a writer that slept long enough for the name of
   * its version to be removed and free again cannot tell. It then reads again, and may find its own value.
   * Errors: those of the store, after which the value may or may not be written.
   */
  async swap(from: Reading, bytes: Uint8Array, signal?: AbortSignal): Promise<boolean> {
    const version = from.version + 1;
    const key = registerKey(this.#prefix, version);
    try {
      await this.#store.create(key, bytes, signal);
    } catch (error) {
      if (isCoded(error, "object_exists")) return false;
      throw error;
    }
    const versions = await this.#versions(signal);
    // A version is removed only when one so much newer stands, and the newest always does: without it the name was never another one's.
    const newest = versions.at(-1) ?? version;
    if (newest >= version + KEPT_VERSIONS) {
      await this.#store.delete(key, signal);
      return false;
    }
    for (const old of versions) if (old <= version - KEPT_VERSIONS) await this.#store.delete(registerKey(this.#prefix, old), signal);
    return true;
  }

  async #versions(signal: AbortSignal | undefined): Promise<number[]> {
    const versions: number[] = [];
    for await (const { key } of this.#store.list(this.#prefix, signal === undefined ? {} : { signal })) {
      const version = catalogVersion(key, this.#prefix);
      if (version !== undefined) versions.push(version);
    }
    return versions;
  }
}
