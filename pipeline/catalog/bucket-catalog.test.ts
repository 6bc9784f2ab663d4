import { describe, expect, it } from "vitest";
import { type Clock, systemClock } from "../base/clock.ts";
import { seededRandom } from "../base/random.ts";
import { MINUTE_MS, type UnixMs } from "../base/units.ts";
import { objectError } from "../objects/errors.ts";
import { FaultyStore, NO_FAULTS } from "../objects/faulty.ts";
import { MemoryStore } from "../objects/memory.ts";
import { catalogLogKey } from "../objects/paths.ts";
import { type BucketCatalog, type CatalogDeps, openCatalog } from "./bucket-catalog.ts";
import { change, liveObject } from "./testing.ts";

/** A clock that only tests move; sleeping takes no time. */
class TestClock implements Clock {
  atMs = 1_700_000_000_000;
  nowMs = (): UnixMs => this.atMs as UnixMs;
  monotonicMs = (): number => this.atMs;
  sleep = async (): Promise<void> => {};
}

let seed = 1;
function open(store: CatalogDeps["store"], options: Partial<CatalogDeps> = {}): Promise<BucketCatalog> {
  return openCatalog({ store, clock: systemClock, random: seededRandom(seed++), ...options });
}

const add = (key: string) => () => change({ added: [liveObject(key)] });
const keysOf = (catalog: BucketCatalog): string[] => [...catalog.state.objects.keys()].sort();

async function keysUnder(store: MemoryStore, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix)) keys.push(key);
  return keys;
}

describe("catalog in a bucket", () => {
  it("shows a commit to its maker at once, to others when they look, and to who opens later", async () => {
    const store = new MemoryStore();
    const [a, b] = [await open(store), await open(store)];
    const seen: number[] = [];
    const stop = b.onChange(({ version }) => seen.push(version));
    await a.commit(add("segments/1"));
    await a.commit(add("segments/2"));
    expect(keysOf(a)).toEqual(["segments/1", "segments/2"]);
    expect(keysOf(b)).toEqual([]);
    await b.refresh();
    expect(keysOf(b)).toEqual(["segments/1", "segments/2"]);
    expect(seen).toEqual([1, 2]);
    stop();
    expect(keysOf(await open(store))).toEqual(["segments/1", "segments/2"]);
  });

  it("makes the change again on the winner's state after a lost race", async () => {
    const store = new MemoryStore();
    const catalogs = await Promise.all(Array.from({ length: 6 }, () => open(store)));
    const versionsSeen: number[] = [];
    await Promise.all(
      catalogs.map((catalog, i) =>
        catalog.commit(({ version }) => {
          versionsSeen.push(version);
          return change({ added: [liveObject(`segments/${i}`)] });
        }),
      ),
    );
    expect(versionsSeen.length).toBeGreaterThan(6);
    await catalogs[0]!.refresh();
    expect(keysOf(catalogs[0]!)).toEqual([0, 1, 2, 3, 4, 5].map((i) => `segments/${i}`));
    expect(catalogs[0]!.state.version).toBe(6);
  });

  it("lets one of two workers count the same messages, and tells the other", async () => {
    const store = new MemoryStore();
    const [a, b] = [await open(store), await open(store)];
    const consume = (key: string) => () => change({ added: [liveObject(key)], consumed: [{ stream: "s@1", partition: 0, sequence: 5 }] });
    const outcomes = await Promise.allSettled([a.commit(consume("segments/a")), b.commit(consume("segments/b"))]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    const refused = outcomes.find(({ status }) => status === "rejected") as PromiseRejectedResult;
    expect(refused.reason).toMatchObject({ code: "catalog_conflict" });
    expect(keysOf(await open(store))).toHaveLength(1);
  });

  it("writes nothing when there is nothing to do", async () => {
    const store = new MemoryStore();
    const catalog = await open(store);
    await catalog.commit(() => undefined);
    expect(await keysUnder(store, "")).toEqual([]);
  });

  it("does not commit twice when the answer to a write is lost", async () => {
    const inner = new MemoryStore();
    const store = new FaultyStore(inner, {
      random: seededRandom(3),
      clock: new TestClock(),
      rates: { ...NO_FAULTS, after: 0.5, before: 0.3 },
    });
    const catalog = await openCatalog({ store: inner, clock: new TestClock(), random: seededRandom(4) }).then(() =>
      openUntilItWorks({ store, clock: new TestClock(), random: seededRandom(5) }),
    );
    let committed = 0;
    for (let i = 0; i < 40; i++) {
      const makeChange = (state: { objects: ReadonlyMap<string, unknown> }) =>
        state.objects.has(`segments/${i}`) ? undefined : change({ added: [liveObject(`segments/${i}`)] });
      for (let tries = 0; tries < 50; tries++) {
        try {
          await catalog.commit(makeChange);
          committed++;
          break;
        } catch (error) {
          expect(error).toMatchObject({ code: "object_store_unavailable" });
        }
      }
    }
    expect(committed).toBe(40);
    store.rates = NO_FAULTS;
    expect((await openCatalog({ store: inner, clock: systemClock, random: seededRandom(1) })).state.version).toBe(40);
  });

  it("says so at once when the disk is full, and works again when it is not", async () => {
    const inner = new MemoryStore();
    let full = true;
    const store = new Proxy(inner, {
      get: (target, name) =>
        name === "create" && full
          ? () => Promise.reject(objectError("object_store_full", "no space", {}))
          : (Reflect.get(target, name) as () => unknown).bind?.(target),
    });
    const catalog = await open(store);
    await expect(catalog.commit(add("segments/1"))).rejects.toMatchObject({ code: "object_store_full", kind: "unavailable" });
    full = false;
    await catalog.commit(add("segments/2"));
    expect(keysOf(catalog)).toEqual(["segments/2"]);
  });
});

describe("checkpoints", () => {
  it("replace the log where nobody else reads it, and open as the same state", async () => {
    const store = new MemoryStore();
    const catalog = await open(store, { exclusive: true, checkpointEvery: 10 });
    for (let i = 0; i < 25; i++) await catalog.commit(add(`segments/${String(i).padStart(2, "0")}`));
    await catalog.close();
    const left = await keysUnder(store, "catalog/");
    expect(left.filter((key) => key.includes("checkpoint"))).toHaveLength(1);
    expect(left.filter((key) => key.includes("log")).length).toBeLessThan(16);
    const again = await open(store, { exclusive: true });
    expect(keysOf(again)).toEqual(keysOf(catalog));
    expect(again.state.version).toBe(25);
    await again.commit(add("segments/99"));
    expect(again.state.version).toBe(26);
  });

  it("are written in quiet times once, and not again while nothing changes", async () => {
    const store = new MemoryStore();
    const catalog = await open(store, { exclusive: true });
    await catalog.checkpoint();
    expect(await keysUnder(store, "")).toEqual([]);
    await catalog.commit(add("segments/1"));
    expect(catalog.entriesSinceCheckpoint).toBe(1);
    await catalog.checkpoint();
    await catalog.checkpoint();
    expect(await keysUnder(store, "")).toEqual(["catalog/0/checkpoint/00000000000000000001"]);
    expect(catalog.entriesSinceCheckpoint).toBe(0);
  });

  it("leave the log for ten minutes where others read it, and a reader that slept longer starts from the checkpoint", async () => {
    const store = new MemoryStore();
    const clock = new TestClock();
    const writer = await open(store, { clock });
    const sleeper = await open(store, { clock });
    await writer.commit(add("segments/1"));
    await sleeper.refresh();
    await writer.commit(add("segments/2"));
    await writer.commit(add("segments/3"));
    await writer.checkpoint();
    expect(await keysUnder(store, "catalog/0/log/")).toHaveLength(3);
    clock.atMs += 11 * MINUTE_MS;
    await writer.checkpoint();
    expect(await keysUnder(store, "catalog/0/log/")).toEqual([]);
    // Version 2's name is free again: without a look at the checkpoint this commit would go where nobody reads.
    await sleeper.commit(add("segments/4"));
    expect(keysOf(sleeper)).toEqual(["segments/1", "segments/2", "segments/3", "segments/4"]);
    expect(keysOf(await open(store, { clock }))).toEqual(keysOf(sleeper));
  });

  /** The store of a process that falls asleep in one call, before or after its work; what happens meanwhile has 11 minutes. */
  function sleepy(
    inner: MemoryStore,
    call: "create" | "get" | "list",
    at: "before" | "after",
    clock: TestClock,
    meanwhile: () => Promise<void>,
  ) {
    let asleep = true;
    const sleep = async (): Promise<void> => {
      asleep = false;
      await meanwhile();
      clock.atMs += 11 * MINUTE_MS;
      await meanwhile();
    };
    const store = new Proxy(inner, {
      get: (target, name) => {
        const value = Reflect.get(target, name) as (...args: unknown[]) => unknown;
        if (name !== call || !asleep) return typeof value === "function" ? value.bind(target) : value;
        if (call === "list")
          return async function* (...args: unknown[]) {
            if (at === "before") await sleep();
            yield* value.apply(target, args) as AsyncIterable<unknown>;
            if (asleep) await sleep();
          };
        return async (...args: unknown[]) => {
          if (at === "before") await sleep();
          try {
            return await value.apply(target, args);
          } finally {
            if (asleep) await sleep();
          }
        };
      },
    });
    return { store, wake: () => (asleep = false), doze: () => (asleep = true) };
  }

  async function worldWithSleeper(call: "create" | "get" | "list", at: "before" | "after") {
    const inner = new MemoryStore();
    const clock = new TestClock();
    const writer = await open(inner, { clock });
    await writer.commit(add("segments/1"));
    let number = 1;
    const { store, wake, doze } = sleepy(inner, call, at, clock, async () => {
      await writer.commit(add(`segments/${++number}`));
      await writer.checkpoint();
    });
    wake();
    const sleeper = await open(store, { clock });
    doze();
    return { inner, clock, writer, sleeper };
  }

  it("catches a committer that fell asleep between looking and writing", async () => {
    const { inner, clock, sleeper } = await worldWithSleeper("create", "before");
    await expect(sleeper.commit(add("segments/x"))).rejects.toMatchObject({ code: "catalog_conflict" });
    await sleeper.commit(add("segments/x"));
    expect(keysOf(await open(inner, { clock }))).toEqual(["segments/1", "segments/2", "segments/3", "segments/x"]);
  });

  it("lets a committer that fell asleep after writing look again, whose entry counts", async () => {
    const { inner, clock, sleeper, writer } = await worldWithSleeper("create", "after");
    await writer.refresh();
    await expect(sleeper.commit(add("segments/x"))).rejects.toMatchObject({ code: "catalog_conflict" });
    expect(keysOf(await open(inner, { clock }))).toContain("segments/x");
    await sleeper.commit((state) => (state.objects.has("segments/x") ? undefined : add("segments/x")()));
    expect(keysOf(sleeper)).toEqual(["segments/1", "segments/2", "segments/3", "segments/x"]);
  });

  it.each([
    ["get", "before"],
    ["get", "after"],
    ["list", "before"],
    ["list", "after"],
  ] as const)("does not take for fresh what a look found that slept in %s, %s its work", async (call, at) => {
    const { clock, writer, sleeper } = await worldWithSleeper(call, at);
    if (call === "list") clock.atMs += 2 * MINUTE_MS; // so that it begins with the checkpoint
    await sleeper.refresh();
    expect(keysOf(sleeper)).toEqual(["segments/1", "segments/2", "segments/3"]);
    await writer.commit(add("segments/y"));
    await sleeper.refresh();
    expect(keysOf(sleeper)).toContain("segments/y");
  });
});

/** A bucket whose next create waits until it is woken. */
function sleepyStore(inner: MemoryStore): { readonly store: MemoryStore; readonly asleep: Promise<void>; readonly wake: () => void } {
  const [falling, waking] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const store = new Proxy(inner, {
    get: (target, name) => {
      const value = Reflect.get(target, name) as (...args: unknown[]) => unknown;
      if (name !== "create") return typeof value === "function" ? value.bind(target) : value;
      return async (...args: unknown[]) => {
        falling.resolve();
        await waking.promise;
        return value.apply(target, args);
      };
    },
  });
  return { store, asleep: falling.promise, wake: waking.resolve };
}

describe("several committers that slept at once", () => {
  it("are all refused, also when the entry of one lies before the name that another one takes", async () => {
    const inner = new MemoryStore();
    const clock = new TestClock();
    const writer = await open(inner, { clock });
    const sleepers: { readonly outcome: Promise<unknown>; readonly wake: () => void }[] = [];
    for (const name of ["a", "b", "c"]) {
      await writer.commit(add(`segments/${name}`));
      const { store, asleep, wake } = sleepyStore(inner);
      const sleeper = await open(store, { clock });
      const outcome = sleeper.commit(add(`segments/late-${name}`)).catch((error: unknown) => error);
      await asleep;
      sleepers.push({ outcome, wake });
    }
    for (let i = 0; i < 5; i++) await writer.commit(add(`segments/${i}`));
    await writer.checkpoint();
    clock.atMs += 11 * MINUTE_MS;
    await writer.checkpoint();
    for (const { outcome, wake } of sleepers) {
      wake();
      expect(await outcome).toMatchObject({ code: "catalog_conflict" });
    }
    const whole = await open(inner, { clock });
    expect(keysOf(whole)).toEqual(keysOf(writer));
  });

  it("are not refused when the log has only gone up to the entry before", async () => {
    const inner = new MemoryStore();
    const clock = new TestClock();
    const writer = await open(inner, { clock });
    await writer.commit(add("segments/1"));
    const { store, asleep, wake } = sleepyStore(inner);
    const sleeper = await open(store, { clock });
    const outcome = sleeper.commit(add("segments/2"));
    await asleep;
    await writer.checkpoint();
    clock.atMs += 11 * MINUTE_MS;
    await writer.checkpoint();
    expect(await keysUnder(inner, "catalog/0/log/")).toEqual([]);
    wake();
    await outcome;
    expect(keysOf(await open(inner, { clock }))).toEqual(["segments/1", "segments/2"]);
  });
});

describe("opening a damaged catalog", () => {
  async function damaged(damage: (store: MemoryStore) => Promise<void>): Promise<unknown> {
    const store = new MemoryStore();
    const catalog = await open(store);
    for (const name of ["1", "2", "3"]) await catalog.commit(add(`segments/${name}`));
    await damage(store);
    return open(store).catch((error: unknown) => error);
  }

  it.each([
    ["a truncated entry", (bytes: Uint8Array) => bytes.subarray(0, bytes.length - 1)],
    ["an empty entry", () => new Uint8Array(0)],
    ["a foreign file with an entry's name", () => new TextEncoder().encode("hello, I am a letter")],
  ])("names %s", async (_, damage) => {
    const key = catalogLogKey(0, 2);
    const outcome = await damaged(async (store) => {
      const bytes = await store.get(key);
      await store.delete(key);
      await store.create(key, damage(bytes));
    });
    expect(outcome).toMatchObject({ code: "catalog_entry_corrupt", kind: "corrupt", facts: { key } });
  });

  it("names a missing entry", async () => {
    const key = catalogLogKey(0, 2);
    expect(await damaged((store) => store.delete(key))).toMatchObject({ code: "catalog_entry_corrupt", facts: { key } });
  });

  it("ignores foreign names under its folders", async () => {
    const opened = await damaged(async (store) => {
      await store.create("catalog/0/log/readme.txt", new Uint8Array(3));
      await store.create("catalog/0/checkpoint/latest", new Uint8Array(3));
    });
    expect(keysOf(opened as BucketCatalog)).toHaveLength(3);
  });
});

async function openUntilItWorks(deps: CatalogDeps): Promise<BucketCatalog> {
  for (;;) {
    const opened = await openCatalog(deps).catch(() => undefined);
    if (opened !== undefined) return opened;
  }
}
