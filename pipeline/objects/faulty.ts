import type { Clock } from "../base/clock.ts";
import type { Random } from "../base/random.ts";
import type { DurationMs } from "../base/units.ts";
import { objectError } from "./errors.ts";
import type { ObjectInfo, ObjectStore } from "./object-store.ts";

/** Chances from 0 to 1, per call. */
export type FaultRates = {
  /** The call fails and has done nothing. */
  readonly before: number;
  /** The call has done its work, and then fails: what a connection lost at the wrong moment looks like. */
  readonly after: number;
  /** The call takes up to `delayMsMax` longer. */
  readonly delay: number;
  readonly delayMsMax: number;
};

export const NO_FAULTS: FaultRates = { before: 0, after: 0, delay: 0, delayMsMax: 0 };

/** A bucket that fails as real ones do, the same way for the same seed. `rates` may be changed while it is in use. */
export class FaultyStore implements ObjectStore {
  readonly description: string;
  rates: FaultRates;
  readonly #store: ObjectStore;
  readonly #random: Random;
  readonly #clock: Clock;

  constructor(store: ObjectStore, deps: { readonly random: Random; readonly clock: Clock; readonly rates: FaultRates }) {
    this.#store = store;
    this.#random = deps.random;
    this.#clock = deps.clock;
    this.rates = deps.rates;
    this.description = `faulty ${store.description}`;
  }

  create(key: string, bytes: Uint8Array, signal?: AbortSignal): Promise<void> {
    return this.#disturb(key, () => this.#store.create(key, bytes, signal));
  }

  get(key: string, signal?: AbortSignal): Promise<Uint8Array> {
    return this.#disturb(key, () => this.#store.get(key, signal));
  }

  getRange(key: string, offset: number, size: number, signal?: AbortSignal): Promise<Uint8Array> {
    return this.#disturb(key, () => this.#store.getRange(key, offset, size, signal));
  }

  /** Each object listed may be the one before which the listing breaks off. */
  async *list(prefix: string, options?: { readonly startAfter?: string; readonly signal?: AbortSignal }): AsyncGenerator<ObjectInfo> {
    for await (const info of this.#store.list(prefix, options)) yield await this.#disturb(prefix, async () => info);
  }

  delete(key: string, signal?: AbortSignal): Promise<void> {
    return this.#disturb(key, () => this.#store.delete(key, signal));
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  async #disturb<T>(key: string, call: () => Promise<T>): Promise<T> {
    const { before, after, delay, delayMsMax } = this.rates;
    // Always three draws, so that one rate does not change what another one decides.
    const [failBefore, failAfter, delayed] = [this.#random.next() < before, this.#random.next() < after, this.#random.next() < delay];
    if (delayed) await this.#clock.sleep(Math.ceil(this.#random.next() * delayMsMax) as DurationMs);
    if (failBefore) throw objectError("object_store_unavailable", `simulated fault before ${key}`, { key });
    const result = await call();
    if (failAfter) throw objectError("object_store_unavailable", `simulated fault after ${key}`, { key });
    return result;
  }
}
