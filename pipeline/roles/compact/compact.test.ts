import { describe, expect, it } from "vitest";
import type { Clock } from "../../base/clock.ts";
import { CodedError, FaultKind } from "../../base/errors.ts";
import { silentLog } from "../../base/log.ts";
import { createRegistry } from "../../base/metrics.ts";
import { seededRandom } from "../../base/random.ts";
import type { UnixMs } from "../../base/units.ts";
import { openCatalog } from "../../catalog/bucket-catalog.ts";
import { change, liveObject } from "../../catalog/testing.ts";
import { FaultyStore, NO_FAULTS } from "../../objects/faulty.ts";
import { MemoryStore } from "../../objects/memory.ts";
import { newObjectId } from "../../objects/object-id.ts";
import { segmentKey } from "../../objects/paths.ts";
import { type CompactDeps, Compactor } from "./compact.ts";
import type { Merge } from "./compaction-plan.ts";
import { Pins } from "./pins.ts";
import { deleteProfiles } from "./tombstones.ts";

const never = new AbortController().signal;

class TestClock implements Clock {
  atMs = 1_700_000_000_000;
  nowMs = (): UnixMs => this.atMs as UnixMs;
  monotonicMs = (): number => this.atMs;
  sleep = (_: number, signal?: AbortSignal): Promise<void> => new Promise((resolve) => signal?.addEventListener("abort", () => resolve()));
}

/** Names its inputs. */
const fakeMerge: Merge = async function* (request) {
  const datasets = request.inputs.slice(0, 1).map(({ dataset }) => dataset);
  yield { bytes: new TextEncoder().encode(request.inputs.map(({ key }) => key).join(" ")), directory: { level: request.level, datasets } };
};

async function setUp(options: Partial<CompactDeps> = {}) {
  const inner = new MemoryStore();
  const clock = new TestClock();
  const random = seededRandom(5);
  const store = new FaultyStore(inner, { random: seededRandom(6), clock, rates: NO_FAULTS });
  const catalog = await openCatalog({ store, clock, random, exclusive: true });
  const pins = new Pins();
  const deps = {
    store,
    catalog,
    clock,
    random,
    log: silentLog,
    registry: createRegistry(),
    retentionMs: () => 0,
    pins,
    exclusive: true,
    merge: fakeMerge,
  };
  const compactor = new Compactor({ ...deps, ...options });
  const addSegments = async (count: number): Promise<string[]> => {
    const keys = Array.from({ length: count }, () => segmentKey(newObjectId(clock, random)));
    for (const key of keys) await inner.create(key, new Uint8Array(10));
    const added = keys.map((key) =>
      liveObject(key, { createdMs: clock.nowMs(), minTimeNs: BigInt(clock.atMs) * 1_000_000n, maxTimeNs: BigInt(clock.atMs) * 1_000_000n }),
    );
    await catalog.commit(() => change({ added }));
    return keys;
  };
  const objects = async (): Promise<string[]> => {
    const keys: string[] = [];
    for (const prefix of ["segments/", "blocks/"]) for await (const { key } of inner.list(prefix)) keys.push(key);
    return keys;
  };
  return { inner, store, catalog, clock, random, pins, compactor, addSegments, objects };
}

describe("compact role", () => {
  it("replaces segments by a block in one commit, and deletes them ten seconds later", async () => {
    const { catalog, clock, compactor, addSegments, objects } = await setUp();
    const keys = await addSegments(3);
    expect(await compactor.tick(never)).toBe(0);
    clock.atMs += 15_000;
    expect(await compactor.tick(never)).toBe(1);
    const [live] = [...catalog.state.objects.values()];
    expect(catalog.state.objects.size).toBe(1);
    expect(live).toMatchObject({ level: 1, createdMs: clock.atMs - 15_000 });
    expect(await objects()).toEqual([...keys.sort(), live!.key]);
    clock.atMs += 9_999;
    await compactor.tick(never);
    expect(await objects()).toHaveLength(4);
    clock.atMs += 1;
    await compactor.tick(never);
    expect(await objects()).toEqual([live!.key]);
  });

  it("says how much is due, as long as it is", async () => {
    const registry = createRegistry();
    const { clock, compactor, addSegments } = await setUp({ registry });
    const due = async (): Promise<string[]> =>
      [...(await registry.metrics()).matchAll(/^brazier_compaction_due_(\w+) (\d+)$/gm)].map(([, name, value]) => `${name} ${value}`);
    await addSegments(3);
    expect(await due()).toEqual(["objects 0", "bytes 0"]);
    clock.atMs += 15_000;
    expect(await due()).toEqual(["objects 3", "bytes 3000"]);
    await compactor.tick(never);
    expect(await due()).toEqual(["objects 0", "bytes 0"]);
  });

  it("shares plans with another compactor, and neither does the other's", async () => {
    let [merging, finish] = [0, (): void => {}];
    const finished = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const slow: Merge = async function* (request, signal) {
      merging++;
      await finished;
      yield* fakeMerge(request, signal);
    };
    const registry = createRegistry();
    const shared = { exclusive: false, merge: slow };
    const { store, catalog, clock, random, compactor, addSegments } = await setUp({ ...shared, registry });
    const asleep = clock.sleep;
    // Pauses after a lost race pass at once.
    clock.sleep = (ms, signal) => (ms <= 1_000 ? Promise.resolve() : asleep(ms, signal));
    const other = new Compactor({
      ...{ store, catalog, clock, random, log: silentLog, registry: createRegistry(), retentionMs: () => 0 },
      ...shared,
    });
    await addSegments(3);
    clock.atMs += 15_000;
    const first = compactor.tick(never);
    await expect.poll(() => merging).toBe(1);
    expect(await other.tick(never)).toBe(0);
    await addSegments(2);
    clock.atMs += 15_000;
    const second = other.tick(never);
    await expect.poll(() => merging).toBe(2);
    finish();
    expect(await Promise.all([first, second])).toEqual([1, 1]);
    expect([...catalog.state.objects.values()].map(({ level }) => level)).toEqual([1, 1]);
    expect(await registry.metrics()).not.toContain("overtaken");
  });

  it("keeps what a running query may still read", async () => {
    const { catalog, clock, compactor, pins, addSegments, objects } = await setUp();
    await addSegments(2);
    const release = pins.pin(catalog.state.version);
    const releaseToo = pins.pin(catalog.state.version);
    clock.atMs += 15_000;
    await compactor.tick(never);
    pins.pin(catalog.state.version); // of after: does not hold back
    clock.atMs += 3_600_000;
    await compactor.tick(never);
    expect(await objects()).toHaveLength(3);
    release();
    release();
    await compactor.tick(never);
    expect(await objects()).toHaveLength(3);
    releaseToo();
    await compactor.tick(never);
    expect(await objects()).toHaveLength(1);
  });

  it("deletes what a crash left, and nothing else", async () => {
    const { inner, clock, random, compactor, addSegments, objects } = await setUp();
    const [live] = await addSegments(1);
    const orphan = segmentKey(newObjectId(clock, random));
    clock.atMs += 60_000;
    const fresh = segmentKey(newObjectId(clock, random));
    for (const key of [orphan, fresh, "segments/my-own-notes", "blocks/anonymous/readme"]) await inner.create(key, new Uint8Array(1));
    clock.atMs += 61_000;
    await compactor.tick(never);
    const [block] = (await objects()).filter((key) => key.startsWith("blocks/anonymous/0"));
    clock.atMs += 10_000;
    await compactor.tick(never);
    expect(await objects()).toEqual([fresh, "segments/my-own-notes", block, "blocks/anonymous/readme"]);
    expect(live).toBeDefined();
  });

  it("carries out a deletion", async () => {
    const { catalog, clock, compactor, random, addSegments, objects } = await setUp();
    await addSegments(1);
    clock.atMs += 15_000;
    await compactor.tick(never);
    const now = BigInt(clock.atMs) * 1_000_000n;
    await deleteProfiles({ tenant: "anonymous", service: undefined, minTimeNs: 0n, maxTimeNs: now }, { catalog, clock, random });
    await compactor.tick(never);
    expect(catalog.state.objects.size).toBe(0);
    clock.atMs += 3_600_001;
    await compactor.tick(never);
    expect(catalog.state.tombstones).toEqual([]);
    expect(await objects()).toEqual([]);
  });

  it("throws its outputs away when a deletion comes while it merges, and does better the next time", async () => {
    let raced = false;
    const { catalog, clock, compactor, random, addSegments, objects } = await setUp({
      merge: async function* (request, signal) {
        yield* fakeMerge(request, signal);
        if (raced) return;
        raced = true;
        // Made before the youngest input, by a clock that is behind: it would reach the inputs, and miss the output.
        const behind = { ...clock, nowMs: () => (clock.atMs - 16_000) as UnixMs };
        await deleteProfiles(
          { tenant: "anonymous", service: undefined, minTimeNs: 0n, maxTimeNs: 2n ** 62n },
          { catalog, clock: behind, random },
        );
      },
    });
    await addSegments(1);
    clock.atMs += 5_000;
    await addSegments(1);
    clock.atMs += 15_000;
    expect(await compactor.tick(never)).toBe(0);
    expect(await objects()).toHaveLength(2);
    expect(await compactor.tick(never)).toBe(1);
    expect(catalog.state.objects.size).toBe(1);
  });

  it("leaves alone the object that a fault names, and compacts the others", async () => {
    let broken = "";
    const { catalog, clock, compactor, addSegments } = await setUp({
      merge: async function* (request, signal) {
        if (request.inputs.some(({ key }) => key === broken))
          throw new CodedError("block_checksum_mismatch", FaultKind.Corrupt, "damaged", { facts: { key: broken } });
        yield* fakeMerge(request, signal);
      },
    });
    broken = (await addSegments(3))[1]!;
    clock.atMs += 15_000;
    expect(await compactor.tick(never)).toBe(0);
    expect(await compactor.tick(never)).toBe(1);
    expect([...catalog.state.objects.keys()].filter((key) => key.startsWith("segments/"))).toEqual([broken]);
  });

  it("loses nothing when the bucket fails before and after its work", async () => {
    const { inner, store, catalog, clock, compactor, addSegments, objects } = await setUp();
    clock.sleep = async () => {};
    for (let round = 0; round < 20; round++) {
      await addSegments(3);
      store.rates = { before: 0.15, after: 0.15, delay: 0, delayMsMax: 0 };
      clock.atMs += 20_000;
      for (let i = 0; i < 5; i++) await compactor.tick(never).catch(() => 0);
      store.rates = NO_FAULTS;
      for (const key of catalog.state.objects.keys()) await inner.get(key);
    }
    for (let i = 0; i < 10; i++) {
      clock.atMs += 130_000;
      await compactor.tick(never);
    }
    expect(await objects()).toEqual(
      [...catalog.state.objects.keys()].sort((a, b) =>
        a.startsWith("s") === b.startsWith("s") ? (a < b ? -1 : 1) : a.startsWith("s") ? -1 : 1,
      ),
    );
  });

  it("writes nothing once all is done", async () => {
    const { inner, clock, compactor, addSegments } = await setUp();
    for (let i = 0; i < 20; i++) await addSegments(1);
    for (let i = 0; i < 10; i++) {
      clock.atMs += 130_000;
      while ((await compactor.tick(never)) > 0);
    }
    const all = async (): Promise<string[]> => {
      const keys: string[] = [];
      for await (const { key } of inner.list("")) keys.push(key);
      return keys;
    };
    const before = await all();
    for (let i = 0; i < 10; i++) {
      clock.atMs += 130_000;
      await compactor.tick(never);
    }
    expect(await all()).toEqual(before);
  });
});
