import type { Clock } from "../../pipeline/base/clock.ts";
import type { Random } from "../../pipeline/base/random.ts";
import type { DurationMs, UnixMs } from "../../pipeline/base/units.ts";
import { type FaultRates, FaultyStore, NO_FAULTS } from "../../pipeline/objects/faulty.ts";
import type { ObjectInfo, ObjectStore } from "../../pipeline/objects/object-store.ts";

/**
 * A machine: it has a clock that is off by a little and may step, reaches the bucket over a faulty network, sleeps when the seed says so, and dies
 * without a word. What runs on a dead one never comes back from its next call.
 */
export class SimNode {
  readonly name: string;
  readonly clock: Clock;
  readonly store: ObjectStore;
  readonly #faulty: FaultyStore;
  #dead = false;
  #asleepUntilMs = 0;
  #skewMs: number;

  constructor(name: string, bucket: ObjectStore, deps: { readonly clock: Clock; readonly random: Random; readonly skewMs: number }) {
    this.name = name;
    this.#skewMs = deps.skewMs;
    this.clock = {
      nowMs: () => (deps.clock.nowMs() + this.#skewMs) as UnixMs,
      monotonicMs: () => deps.clock.monotonicMs(),
      sleep: (duration, signal) => deps.clock.sleep(duration, signal),
    };
    this.#faulty = new FaultyStore(bucket, { random: deps.random, clock: deps.clock, rates: NO_FAULTS });
    this.store = new MortalStore(this.#faulty, () => this.moment());
  }

  set rates(rates: FaultRates) {
    this.#faulty.rates = rates;
  }

  get isDead(): boolean {
    return this.#dead;
  }

  kill(): void {
    this.#dead = true;
  }

  /** Somebody sets the clock: what time it is changes, how long something took does not. */
  setClock(skewMs: number): void {
    this.#skewMs = skewMs;
  }

  fallAsleep(durationMs: number): void {
    this.#asleepUntilMs = this.clock.monotonicMs() + durationMs;
  }

  /** Passes when the machine is awake, never when it is dead. */
  async moment(): Promise<void> {
    while (!this.#dead && this.#asleepUntilMs > this.clock.monotonicMs()) {
      await this.clock.sleep((this.#asleepUntilMs - this.clock.monotonicMs()) as DurationMs);
    }
    if (this.#dead) await new Promise<never>(() => {});
  }
}

/** Machines sleep and die before and after a call, with its work done or not. */
class MortalStore implements ObjectStore {
  readonly description = "simulated bucket";
  readonly #store: ObjectStore;
  readonly #moment: () => Promise<void>;

  constructor(store: ObjectStore, moment: () => Promise<void>) {
    this.#store = store;
    this.#moment = moment;
  }

  create(key: string, bytes: Uint8Array): Promise<void> {
    return this.#between(() => this.#store.create(key, bytes));
  }

  get(key: string): Promise<Uint8Array> {
    return this.#between(() => this.#store.get(key));
  }

  getRange(key: string, offset: number, size: number): Promise<Uint8Array> {
    return this.#between(() => this.#store.getRange(key, offset, size));
  }

  async *list(prefix: string, options?: { readonly startAfter?: string }): AsyncGenerator<ObjectInfo> {
    for await (const info of this.#store.list(prefix, options)) yield await this.#between(async () => info);
  }

  delete(key: string): Promise<void> {
    return this.#between(() => this.#store.delete(key));
  }

  async close(): Promise<void> {}

  async #between<T>(call: () => Promise<T>): Promise<T> {
    await this.#moment();
    try {
      return await call();
    } finally {
      await this.#moment();
    }
  }
}
