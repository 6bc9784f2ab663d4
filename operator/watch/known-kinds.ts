import { type Backoff, backoffMs } from "../../pipeline/base/backoff.ts";
import type { Clock } from "../../pipeline/base/clock.ts";
import { isCoded } from "../../pipeline/base/errors.ts";
import type { Running } from "../../pipeline/base/lifecycle.ts";
import type { Log } from "../../pipeline/base/log.ts";
import type { Random } from "../../pipeline/base/random.ts";
import type { DurationMs } from "../../pipeline/base/units.ts";
import type { Cluster } from "../kube/cluster.ts";
import type { Resource } from "../kube/kinds.ts";

/** Which kinds a cluster has learned or forgotten since the last look. */
export type KindChange = { readonly came: readonly Resource[]; readonly went: readonly Resource[] };

export type KnownKindsDeps = {
  readonly cluster: Pick<Cluster, "served">;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Waited for before the next look. */
  readonly onChange: (change: KindChange) => Promise<void>;
};

/** Kinds come and go with the definitions that people install: seldom, and a minute is soon enough for what is optional. */
export const LOOK_EVERY_MS = 60_000;
/** One who hurries waits so long all the same: what is on its way out is served for a moment still. */
const HURRY_MS = 2_000 as DurationMs;
const BACKOFF: Backoff = { firstMs: 500, maxMs: 30_000 };

/** Looks again and again which of some kinds the cluster serves, and tells what has changed. */
export class KnownKinds implements Running {
  readonly #deps: KnownKindsDeps;
  readonly #kinds: readonly Resource[];
  readonly #ending = new AbortController();
  #known: ReadonlySet<Resource> = new Set();
  #hurry = new AbortController();
  #loop: Promise<void> | undefined;
  #first = Promise.withResolvers<void>();

  constructor(kinds: readonly Resource[], deps: KnownKindsDeps) {
    this.#kinds = kinds;
    this.#deps = deps;
  }

  /** Resolves when the first look is in and told. */
  start(): Promise<void> {
    this.#loop ??= this.#run();
    return this.#first.promise;
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    this.#first.resolve();
    await this.#loop;
  }

  /** Somebody has reason to think that a kind is gone. */
  hurry(): void {
    this.#hurry.abort();
  }

  async #run(): Promise<void> {
    const { random, log } = this.#deps;
    const { signal } = this.#ending;
    let failures = 0;
    while (!signal.aborted) {
      this.#hurry = new AbortController();
      try {
        await this.#look();
        this.#first.resolve();
        failures = 0;
      } catch (error) {
        if (!isCoded(error)) throw error;
        failures++;
        log.warn({ err: error, failures }, "kinds of the cluster not read, those known stay");
      }
      await this.#rest(failures === 0 ? LOOK_EVERY_MS : backoffMs(BACKOFF, failures, random));
    }
  }

  async #look(): Promise<void> {
    const versions = [...new Set(this.#kinds.map(({ apiVersion }) => apiVersion))];
    const served = new Map(
      await Promise.all(versions.map(async (version) => [version, (await this.#deps.cluster.served(version)) ?? []] as const)),
    );
    const known = new Set(this.#kinds.filter(({ apiVersion, plural }) => served.get(apiVersion)?.includes(plural)));
    const came = [...known.difference(this.#known)];
    const went = [...this.#known.difference(known)];
    this.#known = known;
    if (came.length + went.length > 0) await this.#deps.onChange({ came, went });
  }

  async #rest(durationMs: number): Promise<void> {
    const { clock } = this.#deps;
    const { signal } = this.#ending;
    await clock.sleep(durationMs as DurationMs, AbortSignal.any([signal, this.#hurry.signal]));
    if (this.#hurry.signal.aborted) await clock.sleep(HURRY_MS, signal);
  }
}
