import type { Clock } from "../../base/clock.ts";
import { isCoded } from "../../base/errors.ts";
import type { Random } from "../../base/random.ts";
import { HOUR_MS } from "../../base/units.ts";
import { newObjectId, objectIdTimeMs } from "../../objects/object-id.ts";
import type { ObjectStore } from "../../objects/object-store.ts";
import { INBOX_PREFIX, inboxIdOfKey, inboxKey } from "../../objects/paths.ts";

/** The header of a message whose bytes are an object: its key. */
export const INBOX_HEADER = "Brazier-Inbox";

/** Far above what lies between an object and its message, however slow both neighbours are. */
const MARGIN_MS = HOUR_MS;

/** Messages too large for the queue wait in the bucket, and travel as a reference. */
export class Inbox {
  readonly #store: ObjectStore;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor({ store, clock, random }: { readonly store: ObjectStore; readonly clock: Clock; readonly random: Random }) {
    this.#store = store;
    this.#clock = clock;
    this.#random = random;
  }

  /** Gives the key. Errors: those of the bucket. */
  async put(bytes: Uint8Array): Promise<string> {
    const key = inboxKey(newObjectId(this.#clock, this.#random));
    await this.#store.create(key, bytes);
    return key;
  }

  /** Undefined when there is no such object, or the key is none of ours. Errors: those of the bucket. */
  async get(key: string): Promise<Uint8Array | undefined> {
    if (inboxIdOfKey(key) === undefined) return undefined;
    try {
      return await this.#store.get(key);
    } catch (error) {
      if (isCoded(error, "object_not_found")) return undefined;
      throw error;
    }
  }

  /** What cannot be removed now is found by the next sweep. */
  async remove(key: string): Promise<void> {
    await this.#store.delete(key).catch(() => {});
  }

  /**
   * Removes objects that no message refers to any more: those put well before the oldest message that still waits was published.
   * Gives their number.
   */
  async sweep(oldestWaitingMs: number | undefined, signal: AbortSignal): Promise<number> {
    const before = (oldestWaitingMs ?? this.#clock.nowMs()) - MARGIN_MS;
    let removed = 0;
    for await (const { key } of this.#store.list(INBOX_PREFIX, { signal })) {
      const id = inboxIdOfKey(key);
      if (id === undefined || objectIdTimeMs(id) >= before) continue;
      await this.#store.delete(key);
      removed++;
    }
    return removed;
  }
}
