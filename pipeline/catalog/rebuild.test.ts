import { describe, expect, it } from "vitest";
import { systemClock } from "../base/clock.ts";
import { seededRandom } from "../base/random.ts";
import { DatasetBuilder } from "../block/dataset-builder.ts";
import { ObjectWriter } from "../block/writer.ts";
import { MemoryStore } from "../objects/memory.ts";
import { newObjectId } from "../objects/object-id.ts";
import { blockKey, catalogLogKey, segmentKey } from "../objects/paths.ts";
import { testQueuedProfile } from "../profile/testing/test-queued-profile.ts";
import { openCatalog } from "./bucket-catalog.ts";
import { rebuildCatalog } from "./rebuild.ts";
import { change } from "./testing.ts";

const random = seededRandom(1);

function smallObject(level: number, service: string) {
  const builder = new DatasetBuilder("anonymous", service);
  builder.addProfile(testQueuedProfile({ service, stacks: ["main;f 1"] }));
  const writer = new ObjectWriter({ level, compressionLevel: 1 });
  writer.add(builder.finish()!);
  return writer.finish();
}

async function bucketOfThree() {
  const store = new MemoryStore();
  const catalog = await openCatalog({ store, clock: systemClock, random });
  for (const [level, service] of [
    [0, "shop"],
    [1, "cart"],
    [2, "search"],
  ] as const) {
    const { bytes, directory } = smallObject(level, service);
    const id = newObjectId(systemClock, random);
    const key = level === 0 ? segmentKey(id) : blockKey("anonymous", id);
    await store.create(key, bytes);
    const object = { key, sizeBytes: bytes.length, level, createdMs: systemClock.nowMs(), datasets: directory.datasets };
    await catalog.commit(() => change({ added: [object] }));
  }
  return { store, catalog };
}

describe("rebuilding the catalog", () => {
  it("finds all objects again after damage that keeps the catalog from being read", async () => {
    const { store, catalog } = await bucketOfThree();
    await store.delete(catalogLogKey(0, 2));
    await expect(openCatalog({ store, clock: systemClock, random })).rejects.toMatchObject({ code: "catalog_entry_corrupt" });
    const rebuilt = await rebuildCatalog({ store });
    expect(rebuilt).toMatchObject({ version: 4, objects: 3, skipped: [] });
    const { state } = await openCatalog({ store, clock: systemClock, random });
    const sorted = (objects: typeof state.objects) => [...objects.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
    const timeless = (objects: typeof state.objects) => sorted(objects).map(({ createdMs: _, ...object }) => object);
    expect(timeless(state.objects)).toEqual(timeless(catalog.state.objects));
    const left: string[] = [];
    for await (const { key } of store.list("catalog/")) left.push(key);
    expect(left).toHaveLength(1);
  });

  it("leaves damaged and foreign objects where they are, names the damaged ones, and takes the rest", async () => {
    const { store } = await bucketOfThree();
    const cut = segmentKey(newObjectId(systemClock, random));
    await store.create(cut, smallObject(0, "x").bytes.slice(0, -5));
    const empty = segmentKey(newObjectId(systemClock, random));
    await store.create(empty, new Uint8Array(0));
    await store.create("segments/readme", new Uint8Array(100));
    const { objects, skipped } = await rebuildCatalog({ store });
    expect(objects).toBe(3);
    expect(skipped.map(({ key }) => key).sort()).toEqual([cut, empty].sort());
    expect((await store.get(cut)).byteLength).toBeGreaterThan(0);
  });

  it("goes on from there", async () => {
    const { store } = await bucketOfThree();
    await rebuildCatalog({ store });
    const catalog = await openCatalog({ store, clock: systemClock, random });
    const [first] = catalog.state.objects.keys();
    await catalog.commit(() => change({ retired: [first!] }));
    expect((await openCatalog({ store, clock: systemClock, random })).state.objects.size).toBe(2);
    expect(await rebuildCatalog({ store })).toMatchObject({ version: 6, objects: 3 });
  });
});
