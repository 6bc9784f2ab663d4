import type { Clock } from "../base/clock.ts";
import { isCoded } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { DurationMs } from "../base/units.ts";
import type { ObjectStore } from "../objects/object-store.ts";
import { catalogCheckpointKey, catalogLogKey } from "../objects/paths.ts";
import { encodeCheckpoint } from "./codec.ts";
import { listCheckpoints, listEntries } from "./log.ts";
import type { FoldedState } from "./state.ts";

export type CheckpointDeps = {
  readonly store: ObjectStore;
  readonly shard: number;
  readonly clock: Clock;
  readonly log: Log;
  /** The newest one at open; 0 for none. */
  readonly checkpointVersion: number;
  readonly every: number | undefined;
  /** How long entries up to a checkpoint stay after it. */
  readonly retentionMs: number;
};

/** An eighth of the state: writing it all again costs at most as much as a few entries each, and opening reads a tail that is smaller than the state. */
const ENTRIES_MIN = 256;
const ENTRIES_MAX = 4096;
const OBJECTS_PER_ENTRY = 8;
/** Where others may read the log, it goes one by one from below, so that what is left of it never has a gap. */
const DELETES_AT_ONCE = { exclusive: 16, shared: 1 } as const;

/** Writes checkpoints behind the committer's back and removes the log they replace; a failure is tried again at the next one. */
export class CheckpointKeeper {
  readonly #deps: CheckpointDeps;
  /** Checkpoints this process has written or seen, ascending, with the time from which on they are known to stand. */
  #standing: { readonly version: number; readonly sinceMs: number }[];
  #running: Promise<void> | undefined;

  constructor(deps: CheckpointDeps) {
    this.#deps = deps;
    this.#standing = deps.checkpointVersion > 0 ? [{ version: deps.checkpointVersion, sinceMs: deps.clock.monotonicMs() }] : [];
  }

  get newestVersion(): number {
    return this.#standing.at(-1)?.version ?? 0;
  }

  /** Somebody else's checkpoint. */
  seen(version: number): void {
    if (version > this.newestVersion) this.#standing.push({ version, sinceMs: this.#deps.clock.monotonicMs() });
  }

  entryCommitted(state: FoldedState): void {
    const every = this.#deps.every ?? Math.min(ENTRIES_MAX, Math.max(ENTRIES_MIN, Math.ceil(state.objects.size / OBJECTS_PER_ENTRY)));
    if (this.#running === undefined && state.version - this.newestVersion >= every) void this.write(state);
  }

  async write(state: FoldedState): Promise<void> {
    while (this.#running !== undefined) await this.#running;
    this.#running = this.#write(state)
      .catch((error: unknown) => this.#deps.log.warn({ err: error, version: state.version }, "checkpoint failed, will be tried again"))
      .finally(() => {
        this.#running = undefined;
      });
    await this.#running;
  }

  async close(): Promise<void> {
    await this.#running;
  }

  async #write(state: FoldedState): Promise<void> {
    const { store, shard, clock } = this.#deps;
    if (state.version > this.newestVersion) {
      try {
        await store.create(catalogCheckpointKey(shard, state.version), await encodeCheckpoint(state, () => clock.sleep(0 as DurationMs)));
      } catch (error) {
        if (!isCoded(error, "object_exists")) throw error; // the same version is the same state, whoever wrote it
      }
      this.#standing.push({ version: state.version, sinceMs: clock.monotonicMs() });
    }
    await this.#removeReplaced();
  }

  /** Ascending, and checkpoints only below the newest, so that at every moment one of them and all entries after it are there. */
  async #removeReplaced(): Promise<void> {
    const { store, shard, clock, retentionMs } = this.#deps;
    const replacing = this.#standing.findLast(({ sinceMs }) => clock.monotonicMs() - sinceMs >= retentionMs);
    if (replacing === undefined) return;
    const entries = (await listEntries(this.#deps, 0)).filter((version) => version <= replacing.version);
    const atOnce = retentionMs === 0 ? DELETES_AT_ONCE.exclusive : DELETES_AT_ONCE.shared;
    for (let start = 0; start < entries.length; start += atOnce) {
      await Promise.all(entries.slice(start, start + atOnce).map((version) => store.delete(catalogLogKey(shard, version))));
    }
    const older = (await listCheckpoints(this.#deps)).filter((version) => version < replacing.version);
    for (const version of older) await store.delete(catalogCheckpointKey(shard, version));
    this.#standing = this.#standing.filter(({ version }) => version >= replacing.version);
  }
}
