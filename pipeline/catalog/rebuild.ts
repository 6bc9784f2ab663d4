import { type CodedError, isCoded } from "../base/errors.ts";
import { objectIdTimeMs } from "../objects/object-id.ts";
import type { ObjectInfo, ObjectStore } from "../objects/object-store.ts";
import { BLOCKS_PREFIX, catalogCheckpointKey, catalogLogKey, objectIdOfKey, SEGMENTS_PREFIX } from "../objects/paths.ts";
import type { LiveObject } from "./catalog.ts";
import { encodeCheckpoint } from "./codec.ts";
import { LayeredMap } from "./layered-map.ts";
import { listCheckpoints, listEntries } from "./log.ts";
import { forEachAtOnce, HEADS_AT_ONCE, readDirectoryOf } from "./object-head.ts";
import { makeState } from "./state.ts";

/** What a rebuild found. `skipped`: objects whose own directory cannot be read; they stay in the bucket, and in no answer. */
export type Rebuilt = {
  readonly version: number;
  readonly objects: number;
  readonly sizeBytes: number;
  readonly skipped: readonly { readonly key: string; readonly fault: CodedError }[];
};

export type RebuildOptions = {
  readonly store: ObjectStore;
  readonly shard?: number;
  readonly onProgress?: (done: number, total: number) => void;
};

/**
 * Makes a new catalog from what the objects say of themselves, for a bucket whose catalog is damaged beyond reading. Nobody else may be
 * using the bucket.
 *
 * What only the catalog knew is lost: deletions not yet carried out come back, and so do objects that compaction had replaced and the
 * sweeper not yet removed; what is then there twice counts once, as duplicates do, until compaction drops it.
 */
export async function rebuildCatalog({ store, shard = 0, onProgress }: RebuildOptions): Promise<Rebuilt> {
  const place = { store, shard };
  const found: ObjectInfo[] = [];
  for (const prefix of [SEGMENTS_PREFIX, BLOCKS_PREFIX]) {
    for await (const info of store.list(prefix)) if (objectIdOfKey(info.key) !== undefined) found.push(info);
  }
  const live: LiveObject[] = [];
  const skipped: { key: string; fault: CodedError }[] = [];
  let done = 0;
  await forEachAtOnce(found, HEADS_AT_ONCE, async (info) => {
    try {
      const { level, datasets } = await readDirectoryOf(store, info);
      live.push({ ...info, level, createdMs: objectIdTimeMs(objectIdOfKey(info.key)!), datasets });
    } catch (error) {
      if (!isCoded(error) || !error.code.startsWith("block_")) throw error;
      skipped.push({ key: info.key, fault: error });
    }
    onProgress?.(++done, found.length);
  });
  const [entries, checkpoints] = [await listEntries(place, 0), await listCheckpoints(place)];
  const version = Math.max(0, ...entries, ...checkpoints) + 1;
  const state = makeState({ version, objects: LayeredMap.of(live.map((object) => [object.key, object])), tombstones: [], consumed: [] });
  // The newest checkpoint is the catalog from here on: what it replaces may go, in any order and only in part.
  await store.create(catalogCheckpointKey(shard, version), await encodeCheckpoint(state, async () => {}));
  for (const old of entries) await store.delete(catalogLogKey(shard, old));
  for (const old of checkpoints) await store.delete(catalogCheckpointKey(shard, old));
  return { version, objects: live.length, sizeBytes: live.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0), skipped };
}
