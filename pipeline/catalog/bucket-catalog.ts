import type { Clock } from "../base/clock.ts";
import { FaultKind, isCoded } from "../base/errors.ts";
import { type Log, silentLog } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import { type DurationMs, MINUTE_MS } from "../base/units.ts";
import type { ObjectStore } from "../objects/object-store.ts";
import { catalogLogKey } from "../objects/paths.ts";
import type { Catalog, CatalogChange, CatalogState } from "./catalog.ts";
import { CheckpointKeeper } from "./checkpoint.ts";
import { COMMIT_ID_SIZE, encodeLogEntry, type LogEntry } from "./codec.ts";
import { catalogError } from "./errors.ts";
import { foldEntry, type LogPlace, listCheckpoints, loadState, readEntry } from "./log.ts";
import { applyChange, type FoldedState } from "./state.ts";

export type CatalogDeps = {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly log?: Log;
  readonly shard?: number;
  /** No other process reads or writes this bucket (a locked directory): the log up to a checkpoint may go at once. */
  readonly exclusive?: boolean;
  /** Entries after which the committer writes a checkpoint; by default it grows with the state. */
  readonly checkpointEvery?: number;
};

/** Reads the catalog of a bucket. Errors: `catalog_entry_corrupt`, `catalog_version_unknown`, those of the store. */
export async function openCatalog(deps: CatalogDeps): Promise<BucketCatalog> {
  const place = { store: deps.store, shard: deps.shard ?? 0 };
  const beganMs = deps.clock.monotonicMs();
  const { state, checkpointVersion } = await loadState(place);
  return new BucketCatalog(deps, place, { state, checkpointVersion, beganMs });
}

/**
 * Log entries up to a checkpoint stay for ten minutes where others may read them. One that has not looked for a minute therefore
 * asks for the newest checkpoint first: the entry it would read or write next may have been removed, and its name be free again.
 */
export const LOG_RETENTION_MS = 10 * MINUTE_MS;
const STALE_AFTER_MS = MINUTE_MS;
/** 50 ms doubling seven times: six seconds, a restart of a neighbour. */
const APPEND_ATTEMPTS = 8;
const APPEND_BACKOFF_MS = 50;

type Loaded = { readonly state: FoldedState; readonly checkpointVersion: number; readonly beganMs: number };

/** Made by {@link openCatalog}. */
export class BucketCatalog implements Catalog {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #exclusive: boolean;
  readonly #place: LogPlace;
  readonly #checkpoints: CheckpointKeeper;
  readonly #listeners = new Set<(state: CatalogState) => void>();
  /** Entries that this process has written. */
  commits = 0;
  /** Changes that were made anew because another process had taken their version. */
  conflicts = 0;
  #state: FoldedState;
  /** Commits and refreshes of this process follow one another: racing oneself only costs. */
  #turn: Promise<unknown> = Promise.resolve();
  /** When the last look that found nothing newer, or wrote the newest itself, began: what came while it took its time it may have missed. */
  #knownFreshMs: number;
  /** An append failed in a way that may have had its effect: look before the next one. */
  #uncertain = false;

  constructor(deps: CatalogDeps, place: LogPlace, { state, checkpointVersion, beganMs }: Loaded) {
    this.#clock = deps.clock;
    this.#random = deps.random;
    this.#exclusive = deps.exclusive ?? false;
    this.#place = place;
    this.#state = state;
    this.#knownFreshMs = beganMs;
    this.#checkpoints = new CheckpointKeeper({
      ...place,
      clock: deps.clock,
      log: deps.log ?? silentLog,
      checkpointVersion,
      every: deps.checkpointEvery,
      retentionMs: this.#exclusive ? 0 : LOG_RETENTION_MS,
    });
  }

  get state(): FoldedState {
    return this.#state;
  }

  refresh(signal?: AbortSignal): Promise<CatalogState> {
    return this.#inTurn(() => this.#lookForNewer(signal));
  }

  commit(makeChange: (state: CatalogState) => CatalogChange | undefined, signal?: AbortSignal): Promise<CatalogState> {
    return this.#inTurn(async () => {
      signal?.throwIfAborted();
      if (this.#uncertain || this.#isStale()) await this.#lookForNewer(signal);
      for (;;) {
        const beganMs = this.#clock.monotonicMs();
        const change = makeChange(this.#state);
        if (change === undefined) return this.#state;
        const next = applyChange(this.#state, change);
        const commitId = this.#random.fill(new Uint8Array(COMMIT_ID_SIZE));
        if (await this.#append({ version: next.version, commitId, createdMs: this.#clock.nowMs(), change }, signal)) {
          this.commits++;
          this.#accept(next, beganMs);
          this.#checkpoints.entryCommitted(next);
          return next;
        }
        this.conflicts++;
        await this.#lookForNewer(signal);
      }
    });
  }

  onChange(listener: (state: CatalogState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Writes a checkpoint of the present state unless the newest one is of it, and removes the log that nobody needs any more: for
   * quiet times, when it makes the bucket smaller and the next start faster.
   */
  checkpoint(): Promise<void> {
    return this.#checkpoints.write(this.#state);
  }

  /** Entries since the newest checkpoint. */
  get entriesSinceCheckpoint(): number {
    return this.#state.version - this.#checkpoints.newestVersion;
  }

  /** Resolves when nothing of it runs any more. */
  async close(): Promise<void> {
    await this.#turn;
    await this.#checkpoints.close();
  }

  /** Whether the entry is in the log; false when another one has its version. Throws when that cannot be found out. */
  async #append(entry: LogEntry, signal: AbortSignal | undefined): Promise<boolean> {
    const key = catalogLogKey(this.#place.shard, entry.version);
    const bytes = encodeLogEntry(entry);
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#place.store.create(key, bytes, signal);
        return await this.#isFollowed(entry);
      } catch (error) {
        if (isCoded(error, "object_exists")) {
          // After a failure that had its effect, the winner is this very entry.
          const winner = attempt === 1 ? undefined : await readEntry(this.#place, entry.version, signal);
          return winner !== undefined && Buffer.compare(winner.commitId, entry.commitId) === 0;
        }
        this.#uncertain = true;
        const retry = isCoded(error) && error.kind === FaultKind.Unavailable && error.code !== "object_store_full";
        if (!retry || attempt === APPEND_ATTEMPTS || signal?.aborted === true) throw error;
        await this.#clock.sleep((APPEND_BACKOFF_MS * 2 ** (attempt - 1)) as DurationMs, signal);
      }
    }
  }

  /**
   * After a long sleep between looking and writing, the entry may have taken the name of one that was removed, where nobody reads. Only names up
   * to a checkpoint are removed, and the newest checkpoint always stands: while it is older than the entry, the name was never another one's.
   */
  async #isFollowed(entry: LogEntry): Promise<boolean> {
    if (!this.#isStale()) return true;
    const newestCheckpoint = (await listCheckpoints(this.#place)).at(-1) ?? 0;
    if (newestCheckpoint < entry.version) return true;
    this.#uncertain = true;
    throw catalogError("catalog_conflict", "this process slept so long that the log has moved on: look again", { version: entry.version });
  }

  /** A process that slept during its look has seen nothing of what came and went meanwhile: it looks again, from the newest checkpoint on. */
  async #lookForNewer(signal: AbortSignal | undefined): Promise<FoldedState> {
    for (;;) {
      while (this.#isStale()) await this.#reload(signal);
      const beganMs = this.#clock.monotonicMs();
      const entry = await readEntry(this.#place, this.#state.version + 1, signal);
      if (entry !== undefined) {
        this.#accept(foldEntry(this.#state, entry, this.#place.shard), beganMs);
        continue;
      }
      this.#knownFreshMs = beganMs;
      if (!this.#isStale()) break;
    }
    this.#uncertain = false;
    return this.#state;
  }

  async #reload(signal: AbortSignal | undefined): Promise<void> {
    const beganMs = this.#clock.monotonicMs();
    const { state, checkpointVersion } = await loadState(this.#place, signal);
    this.#checkpoints.seen(checkpointVersion);
    this.#knownFreshMs = beganMs;
    if (state.version > this.#state.version) this.#accept(state, beganMs);
  }

  #accept(state: FoldedState, beganMs: number): void {
    this.#state = state;
    this.#knownFreshMs = beganMs;
    for (const listener of this.#listeners) listener(state);
  }

  #isStale(): boolean {
    return !this.#exclusive && this.#clock.monotonicMs() - this.#knownFreshMs > STALE_AFTER_MS;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work, work);
    this.#turn = turn.catch(() => {});
    return turn;
  }
}
