import { isCoded } from "../base/errors.ts";
import type { ObjectStore } from "../objects/object-store.ts";
import { catalogCheckpointKey, catalogCheckpointPrefix, catalogLogKey, catalogLogPrefix, catalogVersion } from "../objects/paths.ts";
import { DAMAGED_REMEDY, decodeCheckpoint, decodeLogEntry, type LogEntry } from "./codec.ts";
import { catalogError } from "./errors.ts";
import { applyChange, EMPTY_STATE, type FoldedState } from "./state.ts";

/** Where the log of one shard is. */
export type LogPlace = { readonly store: ObjectStore; readonly shard: number };

/** The state, and how much of the log a reader had to fold onto the newest checkpoint for it. */
export type LoadedState = { readonly state: FoldedState; readonly checkpointVersion: number };

/** 32 reads at once: a tail of a thousand entries takes a second on a store that answers in 30 ms. */
const READS_AT_ONCE = 32;
/** A committer may replace the checkpoint and remove entries while this reads them. */
const LOAD_ATTEMPTS = 5;

/** One entry; undefined when there is none (yet). */
export async function readEntry({ store, shard }: LogPlace, version: number, signal?: AbortSignal): Promise<LogEntry | undefined> {
  const key = catalogLogKey(shard, version);
  const bytes = await readIfThere(store, key, signal);
  if (bytes === undefined) return undefined;
  const entry = decodeLogEntry(bytes, key);
  if (entry.version !== version) throw catalogError("catalog_entry_corrupt", `${key} holds version ${entry.version}`, { key });
  return entry;
}

/** Folds an entry that the log already has. Errors: `catalog_entry_corrupt` when it cannot follow. */
export function foldEntry(state: FoldedState, entry: LogEntry, shard: number): FoldedState {
  try {
    return applyChange(state, entry.change);
  } catch (error) {
    if (!isCoded(error, "catalog_conflict")) throw error;
    const key = catalogLogKey(shard, entry.version);
    throw catalogError(
      "catalog_entry_corrupt",
      `${key} cannot follow the entries before it: ${error.rawMessage}. ${DAMAGED_REMEDY}`,
      { key },
      error,
    );
  }
}

/**
 * The newest checkpoint and all entries after it.
 *
 * Errors: `catalog_entry_corrupt`, `catalog_version_unknown`, those of the store.
 */
export async function loadState(place: LogPlace, signal?: AbortSignal): Promise<LoadedState> {
  for (let attempt = 1; ; attempt++) {
    const loaded = await tryLoad(place, signal);
    if (loaded.gapAt === undefined) return loaded;
    if (attempt === LOAD_ATTEMPTS) {
      const key = catalogLogKey(place.shard, loaded.gapAt);
      throw catalogError("catalog_entry_corrupt", `${key} is missing, and no checkpoint covers it. ${DAMAGED_REMEDY}`, {
        key,
      });
    }
  }
}

/** Versions of the checkpoints, ascending. */
export async function listCheckpoints({ store, shard }: LogPlace, signal?: AbortSignal): Promise<number[]> {
  return versionsUnder(store, catalogCheckpointPrefix(shard), undefined, signal);
}

/** Versions of the entries after one, ascending. */
export async function listEntries({ store, shard }: LogPlace, afterVersion: number, signal?: AbortSignal): Promise<number[]> {
  return versionsUnder(store, catalogLogPrefix(shard), catalogLogKey(shard, afterVersion), signal);
}

async function tryLoad(place: LogPlace, signal?: AbortSignal): Promise<LoadedState & { readonly gapAt: number | undefined }> {
  const { store, shard } = place;
  const checkpointVersion = (await listCheckpoints(place, signal)).at(-1) ?? 0;
  let state = EMPTY_STATE;
  if (checkpointVersion > 0) {
    const key = catalogCheckpointKey(shard, checkpointVersion);
    const bytes = await readIfThere(store, key, signal);
    if (bytes === undefined) return { state, checkpointVersion, gapAt: checkpointVersion };
    state = decodeCheckpoint(bytes, key);
    if (state.version !== checkpointVersion) throw catalogError("catalog_entry_corrupt", `${key} holds version ${state.version}`, { key });
  }
  const versions = await listEntries(place, checkpointVersion, signal);
  for (let start = 0; start < versions.length; start += READS_AT_ONCE) {
    const entries = await Promise.all(versions.slice(start, start + READS_AT_ONCE).map((version) => readEntry(place, version, signal)));
    for (const entry of entries) {
      if (entry?.version !== state.version + 1) return { state, checkpointVersion, gapAt: state.version + 1 };
      state = foldEntry(state, entry, shard);
    }
  }
  return { state, checkpointVersion, gapAt: undefined };
}

async function versionsUnder(store: ObjectStore, prefix: string, startAfter: string | undefined, signal?: AbortSignal): Promise<number[]> {
  const versions: number[] = [];
  const options = { ...(startAfter !== undefined && { startAfter }), ...(signal && { signal }) };
  for await (const { key } of store.list(prefix, options)) {
    const version = catalogVersion(key, prefix);
    if (version !== undefined) versions.push(version); // what is not a version is a foreign object: not ours to judge
  }
  return versions;
}

async function readIfThere(store: ObjectStore, key: string, signal?: AbortSignal): Promise<Uint8Array | undefined> {
  try {
    return await store.get(key, signal);
  } catch (error) {
    if (isCoded(error, "object_not_found")) return undefined;
    throw error;
  }
}
