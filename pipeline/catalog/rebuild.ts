import { crc32 } from "node:zlib";
import { type CodedError, isCoded } from "../base/errors.ts";
import { ByteReader } from "../block/column/byte-reader.ts";
import type { ObjectDirectory } from "../block/directory.ts";
import { decodeDirectory } from "../block/directory-codec.ts";
import { blockError } from "../block/errors.ts";
import { FOOTER_SIZE } from "../block/layout.ts";
import { decodeFooter } from "../block/reader.ts";
import { objectIdTimeMs } from "../objects/object-id.ts";
import type { ObjectInfo, ObjectStore } from "../objects/object-store.ts";
import { BLOCKS_PREFIX, catalogCheckpointKey, catalogLogKey, objectIdOfKey, SEGMENTS_PREFIX } from "../objects/paths.ts";
import type { LiveObject } from "./catalog.ts";
import { encodeCheckpoint } from "./codec.ts";
import { LayeredMap } from "./layered-map.ts";
import { listCheckpoints, listEntries } from "./log.ts";
import { makeState } from "./state.ts";

/** What a rebuild found. `skipped`: objects whose own directory cannot be read; they stay in the bucket, and in no answer. */
export type Rebuilt = {
  readonly version: number;
  readonly objects: number;
  readonly sizeBytes: number;
  readonly skipped: readonly { readonly key: string; readonly fault: CodedError }[];
};

/**
 * Makes a new catalog from what the objects say of themselves, for a bucket whose catalog is damaged beyond reading. Nobody else may be
 * using the bucket.
 *
 * What only the catalog knew is lost: deletions not yet carried out come back, and so do objects that compaction had replaced and the
 * sweeper not yet removed; what is then there twice counts once, as duplicates do, until compaction drops it.
 */
export async function rebuildCatalog({ store, shard = 0 }: { readonly store: ObjectStore; readonly shard?: number }): Promise<Rebuilt> {
  const place = { store, shard };
  const live: LiveObject[] = [];
  const skipped: { key: string; fault: CodedError }[] = [];
  for (const prefix of [SEGMENTS_PREFIX, BLOCKS_PREFIX]) {
    for await (const info of store.list(prefix)) {
      const id = objectIdOfKey(info.key);
      if (id === undefined) continue;
      try {
        const { level, datasets } = await readDirectoryOf(store, info);
        live.push({ ...info, level, createdMs: objectIdTimeMs(id), datasets });
      } catch (error) {
        if (!isCoded(error) || !error.code.startsWith("block_")) throw error;
        skipped.push({ key: info.key, fault: error });
      }
    }
  }
  const [entries, checkpoints] = [await listEntries(place, 0), await listCheckpoints(place)];
  const version = Math.max(0, ...entries, ...checkpoints) + 1;
  const state = makeState({ version, objects: LayeredMap.of(live.map((object) => [object.key, object])), tombstones: [], consumed: [] });
  // The newest checkpoint is the catalog from here on: what it replaces may go, in any order and only in part.
  await store.create(catalogCheckpointKey(shard, version), await encodeCheckpoint(state, async () => {}));
  for (const old of entries) await store.delete(catalogLogKey(shard, old));
  for (const old of checkpoints) await store.delete(catalogCheckpointKey(shard, old));
  return { version, objects: live.length, sizeBytes: live.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0), skipped };
}

/** Errors: `block_…`. */
async function readDirectoryOf(store: ObjectStore, { key, sizeBytes }: ObjectInfo): Promise<ObjectDirectory> {
  const tailSize = Math.min(sizeBytes, FOOTER_SIZE);
  const footer = decodeFooter(await store.getRange(key, sizeBytes - tailSize, tailSize));
  const bytes = await store.getRange(key, footer.directoryOffset, footer.directorySize);
  if (crc32(bytes) !== footer.directoryCrc32) throw blockError("block_checksum_mismatch", "the directory's checksum is wrong", { key });
  const reader = new ByteReader(bytes);
  const directory = decodeDirectory(reader);
  reader.end();
  return directory;
}
