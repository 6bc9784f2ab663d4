import { describe, expect, it } from "vitest";
import { systemClock } from "../base/clock.ts";
import { silentLog } from "../base/log.ts";
import { seededRandom } from "../base/random.ts";
import { MemoryStore } from "../objects/memory.ts";
import { openCatalog } from "./bucket-catalog.ts";
import type { CatalogHints } from "./follow.ts";
import { followCatalog } from "./follow.ts";
import { change, liveObject } from "./testing.ts";

/** A process: its catalog, followed. */
async function process(store: MemoryStore, seed: number, options: { readonly pollMs: number; readonly hints?: CatalogHints }) {
  const catalog = await openCatalog({ store, clock: systemClock, random: seededRandom(seed) });
  return { catalog, following: followCatalog({ catalog, clock: systemClock, log: silentLog, ...options }) };
}

function bus(): CatalogHints & { readonly published: number[] } {
  const listeners = new Set<(shard: number, version: number) => void>();
  const published: number[] = [];
  return {
    published,
    publish: (shard, version) => {
      published.push(version);
      for (const listener of listeners) listener(shard, version);
    },
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

const addition = () => change({ added: [liveObject("segments/a")] });

describe("following the catalog", () => {
  it("sees what another process commits, without a hint", async () => {
    const store = new MemoryStore();
    const [writer, reader] = [await process(store, 1, { pollMs: 5 }), await process(store, 2, { pollMs: 5 })];
    await writer.catalog.commit(addition);
    await expect.poll(() => reader.catalog.state.version).toBe(1);
    await writer.following.stop();
    await reader.following.stop();
  });

  it("looks at once when it is hinted, and tells each version once", async () => {
    const store = new MemoryStore();
    const hints = bus();
    const never = { pollMs: 3_600_000, hints };
    const [writer, reader, other] = [await process(store, 1, never), await process(store, 2, never), await process(store, 3, never)];
    await writer.catalog.commit(addition);
    await expect.poll(() => [reader, other].map(({ catalog }) => catalog.state.version)).toEqual([1, 1]);
    expect(hints.published).toEqual([1]);
    for (const each of [writer, reader, other]) await each.following.stop();
  });
});
