import { describe, expect, it } from "vitest";
import { systemClock } from "../../base/clock.ts";
import { CodedError, FaultKind } from "../../base/errors.ts";
import { silentLog } from "../../base/log.ts";
import { createRegistry } from "../../base/metrics.ts";
import { seededRandom } from "../../base/random.ts";
import type { BucketCatalog } from "../../catalog/bucket-catalog.ts";
import { openCatalog } from "../../catalog/bucket-catalog.ts";
import { change, liveObject } from "../../catalog/testing.ts";
import { objectError } from "../../objects/errors.ts";
import { FaultyStore, NO_FAULTS } from "../../objects/faulty.ts";
import { MemoryStore } from "../../objects/memory.ts";
import { MemoryQueue } from "../../queue/memory.ts";
import type { SegmentBytes } from "./build.ts";
import { type SegmentDeps, startSegmentRole } from "./segment.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (data: Uint8Array): string => new TextDecoder().decode(data);

/** A build that writes the messages one after the other, rejects those that begin with "bad" and falls over those that begin with "poison". */
async function fakeBuild(messages: readonly Uint8Array[]): Promise<SegmentBytes> {
  const texts = messages.map(text);
  if (texts.some((message) => message.startsWith("poison"))) throw new Error("the thread fell over");
  const rejected = texts.flatMap((message, index) =>
    message.startsWith("bad")
      ? [{ index, fault: { code: "queued_profile_corrupt", kind: FaultKind.Corrupt, message: "no profile", facts: {} } }]
      : [],
  );
  const good = texts.filter((message) => !message.startsWith("bad"));
  if (good.length === 0) return { bytes: undefined, directory: undefined, rejected };
  return { bytes: bytes(good.join("\n")), directory: { level: 0, datasets: liveObject("x").datasets }, rejected };
}

async function start(options: Partial<SegmentDeps> = {}) {
  const store = new MemoryStore();
  const catalog = options.catalog ?? (await openCatalog({ store: options.store ?? store, clock: systemClock, random: seededRandom(9) }));
  const queue = options.queue ?? new MemoryQueue({ clock: systemClock, streamId: "test@1" });
  const deps: SegmentDeps = {
    queue,
    store,
    catalog,
    build: fakeBuild,
    clock: systemClock,
    random: seededRandom(8),
    log: silentLog,
    registry: createRegistry(),
    ...options,
  };
  return { store, catalog, queue, deps, role: startSegmentRole(deps) };
}

/** What a reader of the bucket finds: the lines of all live segments. */
async function stored(store: MemoryStore): Promise<string[]> {
  const catalog: BucketCatalog = await openCatalog({ store, clock: systemClock, random: seededRandom(7) });
  const parts = await Promise.all([...catalog.state.objects.keys()].map((key) => store.get(key)));
  return parts.flatMap((part) => text(part).split("\n")).sort();
}

async function keysUnder(store: MemoryStore, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix)) keys.push(key);
  return keys;
}

describe("segment role", () => {
  it("answers a publisher when the segment is in the catalog, many messages in one commit", async () => {
    const { store, catalog, queue, role } = await start();
    await Promise.all(Array.from({ length: 20 }, (_, i) => queue.publish(i % 4, { id: `${i}`, bytes: bytes(`m${i}`) })));
    expect(catalog.state.version).toBeLessThanOrEqual(2);
    expect((await stored(store)).length).toBe(20);
    expect([0, 1, 2, 3].map((partition) => catalog.state.consumedSequence("test@1", partition))).toEqual([5, 5, 5, 5]);
    await role.stop();
    await role.stop();
  });

  it("takes in what is in the queue before it stops", async () => {
    const { store, queue, role } = await start({ limits: { messagesMax: 2 } });
    const published = Array.from({ length: 9 }, (_, i) => queue.publish(0, { id: `${i}`, bytes: bytes(`m${i}`) }));
    await role.stop();
    await Promise.all(published);
    expect((await stored(store)).length).toBe(9);
  });

  it("puts aside what cannot be read, with its reason, and stores the rest", async () => {
    const { store, catalog, queue, role } = await start();
    const outcomes = await Promise.allSettled(
      ["good 1", "bad 1", "poison 1", "good 2"].map((body) => queue.publish(0, { id: body, bytes: bytes(body) })),
    );
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "rejected", "fulfilled"]);
    expect((outcomes[1] as PromiseRejectedResult).reason).toMatchObject({ code: "queued_profile_corrupt" });
    expect((outcomes[2] as PromiseRejectedResult).reason).toMatchObject({ code: "segment_build_failed" });
    expect(await stored(store)).toEqual(["good 1", "good 2"]);
    const letters = await Promise.all((await keysUnder(store, "dead/")).map(async (key) => text(await store.get(key))));
    expect(letters.map((letter) => letter.slice(letter.indexOf("\n") + 1)).sort()).toEqual(["bad 1", "poison 1"]);
    expect(JSON.parse(letters[0]!.split("\n")[0]!)).toMatchObject({ stream: "test@1", partition: 0, code: expect.any(String) });
    // A batch of nothing but dead messages is progress too.
    await queue.publish(0, { id: "bad 2", bytes: bytes("bad 2") }).catch(() => {});
    expect(catalog.state.consumedSequence("test@1", 0)).toBe(5);
    await role.stop();
  });

  it("drops what a committed segment counts already", async () => {
    const store = new MemoryStore();
    const catalog = await openCatalog({ store, clock: systemClock, random: seededRandom(1) });
    const first = await start({ store, catalog });
    await Promise.all(["a", "b"].map((body) => first.queue.publish(0, { id: body, bytes: bytes(body) })));
    await first.role.stop();
    // The same stream delivers everything again, as after a crash before the acknowledgement.
    const second = await start({ store, catalog });
    await Promise.all(["a", "b", "c"].map((body) => second.queue.publish(0, { id: body, bytes: bytes(body) })));
    await second.role.stop();
    expect(await stored(store)).toEqual(["a", "b", "c"]);
  });

  it("leaves out what another owner commits meanwhile, and deletes the segment that lost", async () => {
    const store = new MemoryStore();
    const other = await openCatalog({ store, clock: systemClock, random: seededRandom(2) });
    const catalog = await openCatalog({ store, clock: systemClock, random: seededRandom(3) });
    let raced = false;
    const build: SegmentDeps["build"] = async (messages) => {
      const built = await fakeBuild(messages);
      if (!raced) {
        raced = true;
        await store.create("segments/other", bytes("a"));
        await other.commit(() =>
          change({ added: [liveObject("segments/other")], consumed: [{ stream: "test@1", partition: 0, sequence: 1 }] }),
        );
      }
      return built;
    };
    const { queue, role } = await start({ store, catalog, build });
    await Promise.all(["a", "b"].map((body) => queue.publish(0, { id: body, bytes: bytes(body) })));
    await role.stop();
    expect(await stored(store)).toEqual(["a", "b"]);
    expect(await keysUnder(store, "segments/")).toHaveLength(2);
  });

  it("counts each message once though the bucket fails before and after its work", async () => {
    const inner = new MemoryStore();
    const clock = { ...systemClock, sleep: (ms: number, signal?: AbortSignal) => systemClock.sleep(Math.min(ms, 5) as never, signal) };
    const catalogStore = new FaultyStore(inner, { random: seededRandom(11), clock, rates: NO_FAULTS });
    const catalog = await openCatalog({ store: catalogStore, clock, random: seededRandom(12) });
    catalogStore.rates = { before: 0.2, after: 0.2, delay: 0, delayMsMax: 0 };
    const { queue, role } = await start({ store: catalogStore, catalog, clock, limits: { messagesMax: 3 }, giveUpAfterMs: 60_000 });
    await Promise.all(
      Array.from({ length: 60 }, (_, i) => queue.publish(i % 3, { id: `${i}`, bytes: bytes(`m${String(i).padStart(2, "0")}`) })),
    );
    await role.stop();
    expect(await stored(inner)).toEqual(Array.from({ length: 60 }, (_, i) => `m${String(i).padStart(2, "0")}`));
  });

  it("gives messages back with the fault when the disk is full, and goes on when it is not", async () => {
    const inner = new MemoryStore();
    let full = true;
    const store = new Proxy(inner, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name);
        if (name === "create" && full) return () => Promise.reject(objectError("object_store_full", "no space", {}));
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    const { queue, role } = await start({ store, giveUpAfterMs: 0, limits: { messagesMax: 1 } });
    const refused = await Promise.allSettled(["a", "b"].map((body) => queue.publish(0, { id: body, bytes: bytes(body) })));
    for (const outcome of refused) {
      expect((outcome as PromiseRejectedResult).reason).toMatchObject({
        code: "object_store_full",
        kind: "unavailable",
        facts: { retryAfterSeconds: 5 },
      });
    }
    // Whatever came before, the next one finds the disk as it is then.
    full = false;
    await queue.publish(0, { id: "a", bytes: bytes("a") });
    full = true;
    await expect(queue.publish(0, { id: "c", bytes: bytes("c") })).rejects.toMatchObject({ code: "object_store_full" });
    full = false;
    await queue.publish(0, { id: "d", bytes: bytes("d") });
    await role.stop();
    expect(await stored(inner)).toEqual(["a", "d"]);
  });

  it("leaves no segment behind when the catalog cannot be written for want of space", async () => {
    const inner = new MemoryStore();
    const store = new Proxy(inner, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name);
        if (name !== "create") return typeof value === "function" ? value.bind(target) : value;
        return (key: string, data: Uint8Array) =>
          key.startsWith("catalog/") ? Promise.reject(objectError("object_store_full", "no space", {})) : target.create(key, data);
      },
    });
    const catalog = await openCatalog({ store, clock: systemClock, random: seededRandom(9) });
    const { queue, role } = await start({ store, catalog, giveUpAfterMs: 0 });
    await expect(queue.publish(0, { id: "a", bytes: bytes("a") })).rejects.toMatchObject({ code: "object_store_full" });
    await role.stop();
    expect(await keysUnder(inner, "")).toEqual([]);
  });

  it("takes a commit whose answer was lost to the last for what it is", async () => {
    const inner = new MemoryStore();
    let lost = true;
    const store = new Proxy(inner, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name);
        if (name !== "create") return typeof value === "function" ? value.bind(target) : value;
        return async (key: string, data: Uint8Array) => {
          await target.create(key, data);
          if (!key.startsWith("catalog/") || !lost) return;
          lost = false;
          throw new CodedError("object_store_unavailable", FaultKind.Corrupt, "of a kind that is not tried again");
        };
      },
    });
    const catalog = await openCatalog({ store, clock: systemClock, random: seededRandom(9) });
    const { queue, role } = await start({ store, catalog, giveUpAfterMs: 0 });
    await queue.publish(0, { id: "a", bytes: bytes("a") });
    await role.stop();
    expect(await stored(inner)).toEqual(["a"]);
  });

  it("gives messages back when no segment can be built at all", async () => {
    const build = async () => {
      throw new CodedError("pool_closed", FaultKind.Unavailable, "no thread");
    };
    let calls = 0;
    const { queue, role } = await start({ build: (messages) => (calls++ === 1 ? fakeBuild(messages) : build()) });
    await expect(queue.publish(0, { id: "a", bytes: bytes("a") })).rejects.toMatchObject({ code: "pool_closed" });
    await role.stop();
  });
});
