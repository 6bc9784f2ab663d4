import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Clock, systemClock } from "../../pipeline/base/clock.ts";
import { isCoded } from "../../pipeline/base/errors.ts";
import { systemRandom } from "../../pipeline/base/random.ts";
import { type BucketCatalog, openCatalog } from "../../pipeline/catalog/bucket-catalog.ts";
import type { CatalogChange, CatalogState } from "../../pipeline/catalog/catalog.ts";
import { checkCatalog } from "../../pipeline/catalog/check.ts";
import { change, liveObject } from "../../pipeline/catalog/testing.ts";
import { newObjectId } from "../../pipeline/objects/object-id.ts";
import type { ObjectStore } from "../../pipeline/objects/object-store.ts";
import { catalogCheckpointPrefix, catalogLogPrefix, segmentKey } from "../../pipeline/objects/paths.ts";
import { openS3Store } from "../../pipeline/objects/s3.ts";
import { type S3TestServer, s3Settings, startS3 } from "../harness/s3.ts";

/*
 * Goal: however many commit at once, each commit counts once, and whoever slept notices. Method: committers with clients of their own on a real S3
 * server, each of whose commits adds one object and takes the next number of one sequence; a clock that runs 200 times as fast, so that the ten minutes
 * after which the log goes pass in three seconds.
 */

const SPEED = 200;
const fastClock: Clock = { ...systemClock, monotonicMs: () => performance.now() * SPEED };
const STREAM = "contended@1";

/** One step of the sequence, and one object with the number as its size. Pure, as every change. */
function nextNumber(state: CatalogState, key: string): CatalogChange {
  const sequence = state.consumedSequence(STREAM, 0) + 1;
  return change({ added: [liveObject(key, { sizeBytes: sequence })], consumed: [{ stream: STREAM, partition: 0, sequence }] });
}

async function keysUnder(store: ObjectStore, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix)) keys.push(key);
  return keys;
}

describe("the catalog on S3 under contention", () => {
  let s3: S3TestServer;
  const stores: ObjectStore[] = [];

  beforeAll(async () => {
    s3 = await startS3();
  });

  afterAll(async () => {
    await Promise.all(stores.map((store) => store.close()));
    await s3?.stop();
  });

  const world = async (prefix: string): Promise<ObjectStore> => {
    const store = await openS3Store(s3Settings(s3.url, { prefix, attempts: 8 }));
    stores.push(store);
    return store;
  };
  const open = (store: ObjectStore, clock = fastClock): Promise<BucketCatalog> =>
    openCatalog({ store, clock, random: systemRandom, checkpointEvery: 20 });

  /** Commits as often as that; gives how many of them counted. A process that slept looks again, as every role does. */
  const commitAll = async (catalog: BucketCatalog, times: number): Promise<number> => {
    let counted = 0;
    while (counted < times) {
      const key = segmentKey(newObjectId(systemClock, systemRandom));
      try {
        await catalog.commit((state) => (state.objects.has(key) ? undefined : nextNumber(state, key)));
        counted++;
      } catch (error) {
        if (!isCoded(error, "catalog_conflict")) throw error;
      }
    }
    return counted;
  };

  it("counts each commit of many committers once, while checkpoints are written and the log behind them goes", async () => {
    const [committers, times] = [10, 25];
    const catalogs = await Promise.all(Array.from({ length: committers }, async () => open(await world("contended"))));
    const reader = await open(await world("contended"));
    let isOver = false;
    const versions: number[] = [];
    const reading = (async () => {
      while (!isOver) {
        const state = await reader.refresh();
        versions.push(state.version);
        // Each version of the catalog is whole: as many objects as numbers.
        expect(state.objects.size).toBe(state.consumedSequence(STREAM, 0));
      }
    })();
    const counted = await Promise.all(catalogs.map((catalog) => commitAll(catalog, times))).finally(() => {
      isOver = true;
    });
    await reading;
    expect(counted).toEqual(Array.from({ length: committers }, () => times));
    expect(versions).toEqual(versions.toSorted((a, b) => a - b));
    await Promise.all(catalogs.map((catalog) => catalog.close()));

    const store = await world("contended");
    // The log goes once its checkpoint has stood for a while: quiet times do it.
    const late = await open(store);
    await expect
      .poll(
        async () => {
          await late.checkpoint();
          return (await keysUnder(store, catalogLogPrefix(0))).length;
        },
        { timeout: 60_000, interval: 500 },
      )
      .toBeLessThan(committers * times);
    expect((await keysUnder(store, catalogCheckpointPrefix(0))).length).toBeGreaterThan(0);
    const { state } = await open(await world("contended"));
    const total = committers * times;
    expect([state.version, state.objects.size, state.consumedSequence(STREAM, 0)]).toEqual([total, total, total]);
    expect([...state.objects.values()].map(({ sizeBytes }) => sizeBytes).sort((a, b) => a - b)).toEqual(
      Array.from({ length: total }, (_, i) => i + 1),
    );
    // No bytes were written for these objects, and the check says so of every one.
    expect((await checkCatalog({ store })).findings.map(({ what }) => what)).toEqual(Array.from({ length: total }, () => "missing"));
  }, 300_000);

  it("refuses the entry of a process that slept between looking and writing until the log had gone on and away", async () => {
    const store = await world("slept");
    let wake = (): void => {};
    const slept = new Promise<void>((resolve) => {
      wake = resolve;
    });
    let isAsleep = false;
    const sleepy: ObjectStore = Object.assign(Object.create(store) as ObjectStore, {
      description: store.description,
      get: store.get.bind(store),
      getRange: store.getRange.bind(store),
      list: store.list.bind(store),
      delete: store.delete.bind(store),
      create: async (...args: Parameters<ObjectStore["create"]>) => {
        if (!isAsleep && args[0].startsWith(catalogLogPrefix(0))) {
          isAsleep = true;
          await slept;
        }
        return store.create(...args);
      },
    });
    const awake = await open(store);
    await commitAll(awake, 5);
    const sleeper = await open(sleepy);
    const late = segmentKey(newObjectId(systemClock, systemRandom));
    const outcome = sleeper
      .commit((state) => nextNumber(state, late))
      .then(
        () => "committed",
        (error: unknown) => (isCoded(error) ? error.code : String(error)),
      );
    await expect.poll(() => isAsleep).toBe(true);
    await commitAll(awake, 60);
    await expect
      .poll(
        async () => {
          await commitAll(awake, 1);
          await awake.checkpoint();
          return (await keysUnder(store, catalogLogPrefix(0))).includes(`${catalogLogPrefix(0)}${"6".padStart(20, "0")}`);
        },
        { timeout: 60_000, interval: 500 },
      )
      .toBe(false);
    wake();
    expect(await outcome).toBe("catalog_conflict");
    const { state } = await open(store);
    expect(state.objects.has(late)).toBe(false);
    expect(state.objects.size).toBe(state.version);
    expect(await commitAll(sleeper, 1)).toBe(1);
    await Promise.all([awake.close(), sleeper.close()]);
  }, 300_000);
});
