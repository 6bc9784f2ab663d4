import { type Backoff, backoffMs } from "../../base/backoff.ts";
import type { Clock } from "../../base/clock.ts";
import { FaultKind, isCoded } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { Random } from "../../base/random.ts";
import { type DurationMs, SECOND_MS } from "../../base/units.ts";
import { newObjectId } from "../../objects/object-id.ts";
import type { ObjectStore } from "../../objects/object-store.ts";
import { COMPACT_LEASES_PREFIX } from "../../objects/paths.ts";
import { type Reading, Register } from "../../objects/register.ts";
import { decodeLeases, encodeLeases, type Lease } from "./lease-codec.ts";

export type LeasesDeps = {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** A lease that was not renewed for this long is over. */
  readonly expireAfterMs?: number;
};

/** A claim on the inputs of a plan. */
export interface HeldLease {
  /** Aborted when others have taken this holder for dead: what it does may be done twice. */
  readonly lost: AbortSignal;
  /** Lets others have what is left of the inputs. A failure is no error: the lease then expires. */
  release(): Promise<void>;
}

/** Three renewals may fail before others step in. */
const EXPIRE_AFTER_MS = 30 * SECOND_MS;
const RENEWALS_PER_EXPIRY = 4;
/** Lost races in a row. Beyond it so many are at work that there is nothing left to claim. */
const ATTEMPTS = 12;
const RETRY: Backoff = { firstMs: 20, maxMs: 1_000 };

/**
 * Shares compactions out among workers. All leases are one value in the bucket (`objects/register.ts`), so of two that claim the same object one wins.
 *
 * Nothing but thrift stands on it: the catalog refuses whoever would retire an object a second time. So expiry needs no common clock: each
 * process measures on its own how long a lease has not been renewed.
 */
export class Leases {
  readonly #deps: LeasesDeps;
  readonly #register: Register;
  readonly #expireAfterMs: number;
  /** By lease: the renewal last seen, and since when. */
  readonly #seen = new Map<string, { readonly beat: number; readonly sinceMs: number }>();

  constructor(deps: LeasesDeps) {
    this.#deps = deps;
    this.#register = new Register(deps.store, COMPACT_LEASES_PREFIX);
    this.#expireAfterMs = deps.expireAfterMs ?? EXPIRE_AFTER_MS;
  }

  /**
   * Claims what `choose` picks beside what others hold; undefined when it picks nothing. `choose` is called after the leases were read and before any is
   * written: a state of the catalog that it asks for then knows what the holders of released leases have committed.
   * Errors: those of the store and of `choose`.
   */
  async claim<T extends { readonly inputKeys: readonly string[] }>(
    choose: (leased: ReadonlySet<string>) => Promise<T | undefined>,
    signal: AbortSignal,
  ): Promise<{ readonly chosen: T; readonly lease: HeldLease } | undefined> {
    const { clock, random } = this.#deps;
    const id = newObjectId(clock, random);
    let chosen: T | undefined;
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const reading = await this.#register.read(signal);
      const alive = this.#alive(reading);
      // An attempt that could not tell whether it had succeeded, had.
      if (chosen !== undefined && alive.some((lease) => lease.id === id)) return { chosen, lease: this.#hold(id) };
      chosen = await choose(new Set(alive.flatMap(({ inputs }) => inputs)));
      if (chosen === undefined || chosen.inputKeys.length === 0) return undefined;
      const mine: Lease = { id, beat: 0, inputs: chosen.inputKeys };
      if (await this.#register.swap(reading, encodeLeases([...alive, mine]), signal)) return { chosen, lease: this.#hold(id) };
      await clock.sleep(backoffMs(RETRY, attempt, random), signal);
      signal.throwIfAborted();
    }
    return undefined;
  }

  /** The leases of a reading without those that have expired. */
  #alive(reading: Reading): readonly Lease[] {
    const nowMs = this.#deps.clock.monotonicMs();
    const leases = decodeLeases(reading.bytes);
    const ids = new Set(leases.map(({ id }) => id));
    for (const id of this.#seen.keys()) if (!ids.has(id)) this.#seen.delete(id);
    return leases.filter(({ id, beat }) => {
      const seen = this.#seen.get(id);
      if (seen?.beat === beat) return nowMs - seen.sinceMs < this.#expireAfterMs;
      this.#seen.set(id, { beat, sinceMs: nowMs });
      return true;
    });
  }

  #hold(id: string): HeldLease {
    const { clock, log } = this.#deps;
    const [lost, over] = [new AbortController(), new AbortController()];
    const renewing = (async (): Promise<void> => {
      for (;;) {
        await clock.sleep((this.#expireAfterMs / RENEWALS_PER_EXPIRY) as DurationMs, over.signal);
        if (over.signal.aborted) return;
        try {
          if (await this.#change(id, (lease) => ({ ...lease, beat: lease.beat + 1 }), over.signal)) continue;
          log.warn({ lease: id }, "a lease was taken away as it was not renewed in time, its merge is given up");
          lost.abort(new Error("others have taken this worker for dead"));
          return;
        } catch (error) {
          if (over.signal.aborted) return;
          log.warn({ err: error, lease: id }, "a lease could not be renewed, will be tried again");
        }
      }
    })();
    return {
      lost: lost.signal,
      release: async () => {
        over.abort();
        await renewing;
        await this.#change(id, () => undefined, undefined).catch((error: unknown) => {
          const isAway = isCoded(error) && error.kind === FaultKind.Unavailable;
          log.warn({ err: error, lease: id }, isAway ? "a lease could not be given back, it will expire" : "giving a lease back failed");
        });
      },
    };
  }

  /** Replaces one's own lease; false when it is not there any more. */
  async #change(id: string, replace: (lease: Lease) => Lease | undefined, signal: AbortSignal | undefined): Promise<boolean> {
    const { clock, random } = this.#deps;
    for (let attempt = 1; ; attempt++) {
      const reading = await this.#register.read(signal);
      const alive = this.#alive(reading);
      const mine = decodeLeases(reading.bytes).find((lease) => lease.id === id);
      if (mine === undefined) return false;
      const replaced = replace(mine);
      const others = alive.filter((lease) => lease.id !== id);
      const next = replaced === undefined ? others : [...others, replaced];
      if (await this.#register.swap(reading, encodeLeases(next), signal)) return true;
      await clock.sleep(backoffMs(RETRY, attempt, random), signal);
      signal?.throwIfAborted();
    }
  }
}
