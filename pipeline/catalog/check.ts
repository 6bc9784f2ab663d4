import { isDeepStrictEqual } from "node:util";
import { crc32 } from "node:zlib";
import { isCoded } from "../base/errors.ts";
import type { ObjectStore } from "../objects/object-store.ts";
import { BLOCKS_PREFIX, objectIdOfKey, SEGMENTS_PREFIX } from "../objects/paths.ts";
import type { LiveObject } from "./catalog.ts";
import { loadState } from "./log.ts";
import { forEachAtOnce, HEADS_AT_ONCE, readDirectoryOf } from "./object-head.ts";

/** What is wrong with an object that the catalog names. */
export type Finding = {
  readonly what: "missing" | "size_differs" | "damaged" | "directory_differs";
  readonly key: string;
  readonly message: string;
};

export type Checked = {
  readonly version: number;
  readonly checkpointVersion: number;
  readonly objects: number;
  readonly sizeBytes: number;
  readonly findings: readonly Finding[];
  /** Objects that no entry names: being written just now, retired and not yet swept, or left by a crash. No fault: the sweeper removes them. */
  readonly unreferenced: { readonly objects: number; readonly sizeBytes: number };
};

export type CheckOptions = {
  readonly store: ObjectStore;
  readonly shard?: number;
  /** Reads every section too, and compares checksums: all bytes of the bucket. */
  readonly deep?: boolean;
  readonly onProgress?: (done: number, total: number) => void;
};

/**
 * Compares the catalog with the bucket, while servers use both or not. Only reads.
 *
 * Errors: `catalog_entry_corrupt`, `catalog_version_unknown` when the catalog itself cannot be read; those of the store.
 */
export async function checkCatalog({ store, shard = 0, deep = false, onProgress }: CheckOptions): Promise<Checked> {
  const place = { store, shard };
  const { state, checkpointVersion } = await loadState(place);
  // After the state: whatever it names was put before.
  const sizes = await sizesByKey(store);
  const suspects: { readonly object: LiveObject; readonly finding: Finding }[] = [];
  const objects = [...state.objects.values()];
  let [done, unreferenced, unreferencedBytes] = [0, 0, 0];
  await forEachAtOnce(objects, deep ? 2 : HEADS_AT_ONCE, async (object) => {
    const finding = await checkObject(object, { store, sizeBytes: sizes.get(object.key), deep });
    if (finding !== undefined) suspects.push({ object, finding });
    onProgress?.(++done, objects.length);
  });
  for (const [key, sizeBytes] of sizes) {
    if (state.objects.has(key)) continue;
    unreferenced++;
    unreferencedBytes += sizeBytes;
  }
  // What was replaced and swept while we looked is not missing.
  const now = suspects.length === 0 ? state : (await loadState(place)).state;
  const findings = suspects.filter(({ object }) => now.objects.has(object.key)).map(({ finding }) => finding);
  return {
    version: state.version,
    checkpointVersion,
    objects: objects.length,
    sizeBytes: objects.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    findings: findings.sort((a, b) => (a.key < b.key ? -1 : 1)),
    unreferenced: { objects: unreferenced, sizeBytes: unreferencedBytes },
  };
}

/** Sizes of all segments and blocks in the bucket; what has another name is not ours. */
async function sizesByKey(store: ObjectStore): Promise<ReadonlyMap<string, number>> {
  const sizes = new Map<string, number>();
  for (const prefix of [SEGMENTS_PREFIX, BLOCKS_PREFIX]) {
    for await (const { key, sizeBytes } of store.list(prefix)) if (objectIdOfKey(key) !== undefined) sizes.set(key, sizeBytes);
  }
  return sizes;
}

type Look = { readonly store: ObjectStore; readonly sizeBytes: number | undefined; readonly deep: boolean };

async function checkObject(object: LiveObject, { store, sizeBytes, deep }: Look): Promise<Finding | undefined> {
  const { key } = object;
  const found = (what: Finding["what"], message: string): Finding => ({ what, key, message });
  if (sizeBytes === undefined) return found("missing", "the catalog names it, and it is not in the bucket");
  if (sizeBytes !== object.sizeBytes) return found("size_differs", `${sizeBytes} bytes, where the catalog says ${object.sizeBytes}`);
  try {
    const { level, datasets } = await readDirectoryOf(store, { key, sizeBytes });
    if (level !== object.level || !isDeepStrictEqual(datasets, object.datasets)) {
      return found("directory_differs", "its own directory says something else than the catalog");
    }
    const section = deep ? await damagedSection(store, object) : undefined;
    return section === undefined ? undefined : found("damaged", section);
  } catch (error) {
    if (isCoded(error, "object_not_found")) return found("missing", "it went away while it was looked at");
    if (!isCoded(error) || !error.code.startsWith("block_")) throw error;
    return found("damaged", error.rawMessage);
  }
}

/** The first section whose bytes are not those that were written. */
async function damagedSection(store: ObjectStore, { key, datasets }: LiveObject): Promise<string | undefined> {
  for (const { tenant, service, sections } of datasets) {
    for (const section of sections) {
      const bytes = await store.getRange(key, section.offset, section.sizeBytes);
      if (bytes.byteLength === section.sizeBytes && crc32(bytes) === section.crc32) continue;
      return `the checksum of a section of ${tenant}/${service} at byte ${section.offset} is wrong`;
    }
  }
  return undefined;
}
