import type { Clock } from "../base/clock.ts";
import type { Running } from "../base/lifecycle.ts";
import type { Log } from "../base/log.ts";
import type { DurationMs } from "../base/units.ts";
import type { Catalog } from "./catalog.ts";

/** Tells other processes that there is a newer version, and hears of theirs. May lose, repeat and delay: it only makes them look sooner. */
export interface CatalogHints {
  publish(shard: number, version: number): void;
  /** Returns the way to stop. */
  subscribe(listener: (shard: number, version: number) => void): () => void;
}

export type FollowDeps = {
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly log: Log;
  /** How often to look without a hint. */
  readonly pollMs: number;
  readonly hints?: CatalogHints | undefined;
};

const SHARD = 0;

/** Keeps the state of this process near the newest one, where others write the catalog, too. */
export function followCatalog({ catalog, clock, log, pollMs, hints }: FollowDeps): Running {
  const stopping = new AbortController();
  let hinted = new AbortController();
  /** Of another process's: what was heard of need not be told on. */
  let heardVersion = 0;
  const unsubscribe = hints?.subscribe((shard, version) => {
    if (shard !== SHARD || version <= catalog.state.version) return;
    heardVersion = Math.max(heardVersion, version);
    hinted.abort();
  });
  const unlisten = catalog.onChange(({ version }) => {
    if (version > heardVersion) hints?.publish(SHARD, version);
  });
  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await clock.sleep(pollMs as DurationMs, AbortSignal.any([hinted.signal, stopping.signal]));
      if (stopping.signal.aborted) return;
      hinted = new AbortController();
      try {
        await catalog.refresh(stopping.signal);
      } catch (error) {
        if (!stopping.signal.aborted) log.warn({ err: error }, "looking for newer catalog entries failed, will try again");
      }
    }
  };
  const running = run();
  return {
    stop: async () => {
      stopping.abort();
      unsubscribe?.();
      unlisten();
      await running;
    },
  };
}
