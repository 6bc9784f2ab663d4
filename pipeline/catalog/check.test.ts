import { describe, expect, it } from "vitest";
import { systemClock } from "../base/clock.ts";
import { seededRandom } from "../base/random.ts";
import { DatasetBuilder } from "../block/dataset-builder.ts";
import { ObjectWriter } from "../block/writer.ts";
import { MemoryStore } from "../objects/memory.ts";
import { newObjectId } from "../objects/object-id.ts";
import { catalogLogKey, segmentKey } from "../objects/paths.ts";
import { testQueuedProfile } from "../profile/testing/test-queued-profile.ts";
import { openCatalog } from "./bucket-catalog.ts";
import { checkCatalog } from "./check.ts";
import { change } from "./testing.ts";

const random = seededRandom(1);

/** A bucket with three segments, and the way to put other bytes in the place of one. */
async function bucketOfThree() {
  const store = new MemoryStore();
  const catalog = await openCatalog({ store, clock: systemClock, random });
  const keys: string[] = [];
  for (const service of ["shop", "cart", "search"]) {
    const builder = new DatasetBuilder("anonymous", service);
    builder.addProfile(testQueuedProfile({ service, stacks: ["main;f 1"] }));
    const writer = new ObjectWriter({ level: 0, compressionLevel: 1 });
    writer.add(builder.finish()!);
    const { bytes, directory } = writer.finish();
    const key = segmentKey(newObjectId(systemClock, random));
    await store.create(key, bytes);
    const object = { key, sizeBytes: bytes.length, level: 0, createdMs: systemClock.nowMs(), datasets: directory.datasets };
    await catalog.commit(() => change({ added: [object] }));
    keys.push(key);
  }
  const replace = async (key: string, make: (bytes: Uint8Array) => Uint8Array): Promise<void> => {
    const bytes = make((await store.get(key)).slice());
    await store.delete(key);
    await store.create(key, bytes);
  };
  return { store, catalog, keys, replace };
}

const flipped = (at: (size: number) => number) => (bytes: Uint8Array) => {
  bytes[at(bytes.length)]! ^= 1;
  return bytes;
};

describe("checking the catalog", () => {
  it("finds nothing in a sound bucket, and counts what no entry names", async () => {
    const { store } = await bucketOfThree();
    await store.create(segmentKey(newObjectId(systemClock, random)), new Uint8Array(7));
    await store.create("segments/readme", new Uint8Array(9));
    const seen: number[] = [];
    const checked = await checkCatalog({ store, deep: true, onProgress: (done) => seen.push(done) });
    expect(checked).toMatchObject({ version: 3, objects: 3, findings: [], unreferenced: { objects: 1, sizeBytes: 7 } });
    expect(seen).toEqual([1, 2, 3]);
  });

  it("names each object that is missing, of another size, or damaged", async () => {
    const { store, keys, replace } = await bucketOfThree();
    const [gone, cut, spoilt] = keys as [string, string, string];
    await store.delete(gone);
    await replace(cut, (bytes) => bytes.slice(0, -1));
    await replace(
      spoilt,
      flipped((size) => size - 5),
    );
    const { findings } = await checkCatalog({ store });
    expect(new Map(findings.map(({ key, what }) => [key, what]))).toEqual(
      new Map([
        [gone, "missing"],
        [cut, "size_differs"],
        [spoilt, "damaged"],
      ]),
    );
  });

  it("finds a flipped bit in a section only when asked to read all", async () => {
    const { store, keys, replace } = await bucketOfThree();
    await replace(
      keys[1]!,
      flipped(() => 3),
    );
    expect((await checkCatalog({ store })).findings).toEqual([]);
    expect((await checkCatalog({ store, deep: true })).findings).toMatchObject([{ what: "damaged", key: keys[1] }]);
  });

  it("finds an object that says something else of itself than the catalog does", async () => {
    const { store, keys, replace } = await bucketOfThree();
    const other = await store.get(keys[0]!);
    const { sizeBytes } = (await openCatalog({ store, clock: systemClock, random })).state.objects.get(keys[1]!)!;
    await replace(keys[1]!, () => other);
    const what = other.length === sizeBytes ? "directory_differs" : "size_differs";
    expect((await checkCatalog({ store })).findings).toMatchObject([{ what, key: keys[1] }]);
  });

  it("takes what is replaced while it looks for sound", async () => {
    const { store, catalog, keys } = await bucketOfThree();
    let raced = false;
    const racing = new Proxy(store, {
      get: (target, name) => {
        if (name === "list" && !raced) {
          return async function* (...args: Parameters<MemoryStore["list"]>) {
            if (args[0] === "segments/" && !raced) {
              raced = true;
              await catalog.commit(() => change({ retired: [keys[0]!] }));
              await store.delete(keys[0]!);
            }
            yield* target.list(...args);
          };
        }
        const value = Reflect.get(target, name) as unknown;
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    expect((await checkCatalog({ store: racing })).findings).toEqual([]);
    expect(raced).toBe(true);
  });

  it("says what is wrong with a catalog that cannot be read", async () => {
    const { store } = await bucketOfThree();
    await store.delete(catalogLogKey(0, 2));
    await expect(checkCatalog({ store })).rejects.toMatchObject({ code: "catalog_entry_corrupt" });
  });
});
