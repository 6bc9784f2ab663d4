import type { Clock } from "../../base/clock.ts";
import type { UnixMs } from "../../base/units.ts";
import type { Catalog, CatalogState } from "../../catalog/catalog.ts";
import { objectIdTimeMs } from "../../objects/object-id.ts";
import type { ObjectStore } from "../../objects/object-store.ts";
import { BLOCKS_PREFIX, objectIdOfKey, SEGMENTS_PREFIX } from "../../objects/paths.ts";
import type { Pins } from "./pins.ts";

export type SweepDeps = {
  readonly store: ObjectStore;
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly pins: Pins;
  /** After an object was retired here. Longer than any query of other processes; in a single one a few seconds do. */
  readonly retiredGraceMs: number;
  /** After an object of unknown fate was named. Longer than any write may take from put to commit. */
  readonly orphanGraceMs: number;
};

type Retired = { readonly key: string; readonly version: number; readonly atMs: number };

/** Deletes at once: enough to be quick, few enough to stay unnoticed. */
const DELETES_AT_ONCE = 8;

/** Removes the bytes that nobody points to. */
export class Sweeper {
  readonly #deps: SweepDeps;
  #retired: Retired[] = [];
  readonly #unfinished = new Set<string>();

  constructor(deps: SweepDeps) {
    this.#deps = deps;
  }

  /** Objects that the commit of this version took out of the catalog. */
  retired(keys: readonly string[], version: number): void {
    const atMs = this.#deps.clock.monotonicMs();
    for (const key of keys) this.#retired.push({ key, version, atMs });
  }

  /** An output of a compaction that is not committed yet: no orphan, however old. */
  begin(key: string): void {
    this.#unfinished.add(key);
  }

  end(key: string): void {
    this.#unfinished.delete(key);
  }

  /** Deletes retired objects that no query can read any more. Gives their number. What cannot be deleted now stays for the next time. */
  async sweepRetired(signal: AbortSignal): Promise<number> {
    const { catalog, clock, pins, retiredGraceMs, store } = this.#deps;
    const oldest = pins.oldest();
    const isFree = ({ version, atMs }: Retired): boolean => oldest >= version && clock.monotonicMs() - atMs >= retiredGraceMs;
    if (!this.#retired.some(isFree)) return 0;
    // An orphan whose maker was only very slow, or has another clock, has come to life: perhaps just now, while a merge ran here.
    const { objects } = await catalog.refresh(signal);
    this.#retired = this.#retired.filter(({ key }) => !objects.has(key));
    const free = this.#retired.filter(isFree);
    const deleted = await deleteAll(
      store,
      free.map(({ key }) => key),
    );
    this.#retired = this.#retired.filter(({ key }) => !deleted.has(key));
    return deleted.size;
  }

  /**
   * Finds segments and blocks that are in no catalog entry and were named long ago: what a crash left, and what others have retired. They are
   * deleted as if they had been retired now, as a query may still read them. Gives their number.
   */
  async findOrphans(signal: AbortSignal): Promise<number> {
    const { store, catalog, clock, orphanGraceMs } = this.#deps;
    const old: string[] = [];
    for (const prefix of [SEGMENTS_PREFIX, BLOCKS_PREFIX]) {
      for await (const { key } of store.list(prefix, { signal })) if (isOld(key, clock.nowMs(), orphanGraceMs)) old.push(key);
    }
    if (old.every((key) => catalog.state.objects.has(key))) return 0;
    // After the listing: what was committed meanwhile is seen.
    const state: CatalogState = await catalog.refresh(signal);
    const waiting = new Set(this.#retired.map(({ key }) => key));
    const orphans = old.filter((key) => !state.objects.has(key) && !waiting.has(key) && !this.#unfinished.has(key));
    this.retired(orphans, state.version);
    return orphans.length;
  }
}

/** Names that are not ours to judge are never old. */
function isOld(key: string, nowMs: UnixMs, graceMs: number): boolean {
  const id = objectIdOfKey(key);
  return id !== undefined && nowMs - objectIdTimeMs(id) > graceMs;
}

async function deleteAll(store: ObjectStore, keys: readonly string[]): Promise<ReadonlySet<string>> {
  const deleted = new Set<string>();
  for (let start = 0; start < keys.length; start += DELETES_AT_ONCE) {
    const some = keys.slice(start, start + DELETES_AT_ONCE);
    const outcomes = await Promise.allSettled(some.map((key) => store.delete(key)));
    outcomes.forEach(({ status }, i) => status === "fulfilled" && deleted.add(some[i]!));
  }
  return deleted;
}
