import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Bytes, TenantId, UnixMs } from "../../base/units.ts";
import type { CatalogState, LiveObject } from "../../catalog/catalog.ts";
import { openDirectoryStore } from "../../objects/directory.ts";
import { segmentKey } from "../../objects/paths.ts";
import { profileTypeId } from "../../profile/profile-type.ts";
import { CPU_KIND, testQueuedProfile } from "../../profile/testing/test-queued-profile.ts";
import { buildSegment } from "../segment/build.ts";
import { EVERY_STACK } from "./engine-interface.ts";
import type { QueryCost } from "./query-thread.ts";
import { QueryThreads } from "./query-threads.ts";
import type { Question } from "./question.ts";

/* Real threads over a real directory. */

const T0 = 1_700_000_000_000;
/** Threads start slowly where many tests run. */
const PATIENCE_MS = 120_000;
const OBJECTS = 150;
const NO_LIMITS = { datasetsMax: 0, bytesMax: 0, durationMsMax: 0 };
const NOBODY_LEAVES = new AbortController().signal;

const folder = mkdtempSync(join(tmpdir(), "brazier-threads-"));
let threads: QueryThreads;
let state: CatalogState;

beforeAll(async () => {
  const store = await openDirectoryStore({ path: folder, fsync: false });
  const objects = new Map<string, LiveObject>();
  for (let i = 0; i < OBJECTS; i++) {
    const { bytes, directory } = buildSegment([
      testQueuedProfile({ tenant: "t", service: `s${i}`, idSeed: i + 1, timeMs: T0, stacks: ["main;f 5"] }),
    ]);
    const key = segmentKey(`0190000000-${String(i).padStart(8, "0")}`);
    await store.create(key, bytes);
    objects.set(key, { key, sizeBytes: bytes.length, level: 0, createdMs: 0 as UnixMs, datasets: directory.datasets });
  }
  await store.close();
  state = { version: 1, objects, tombstones: [], consumedSequence: () => 0 };
  threads = new QueryThreads({
    location: { kind: "directory", path: folder },
    threads: 1,
    cacheBytes: 1 as Bytes,
    questionsPerThread: 4,
    partsPerThread: 1,
    rangeFiles: undefined,
    sharing: undefined,
    idleMs: 1000,
  });
}, PATIENCE_MS);
afterAll(async () => {
  await threads.close();
  rmSync(folder, { recursive: true, force: true });
});

const everything: Question = {
  kind: "flamegraph",
  nodesMax: 100,
  stacks: EVERY_STACK,
  selection: {
    tenants: ["t" as TenantId],
    matchers: [],
    startMs: (T0 - 1) as UnixMs,
    endMs: (T0 + 1) as UnixMs,
    profileTypeId: profileTypeId(CPU_KIND, 0),
  },
};

async function ask(signal: AbortSignal, limits = NO_LIMITS): Promise<{ readonly bytes: Uint8Array; readonly cost: QueryCost }> {
  let cost: QueryCost | undefined;
  const onCost = (told: QueryCost): void => {
    cost = told;
  };
  const bytes = await threads.ask({ question: everything, state, limits, signal, onCost });
  return { bytes, cost: cost! };
}

describe("QueryThreads", { timeout: PATIENCE_MS }, () => {
  it("answers, and says what the answer cost", async () => {
    const { bytes, cost } = await ask(NOBODY_LEAVES);
    expect(bytes.length).toBeGreaterThan(20);
    expect(cost.cacheMisses).toBeGreaterThan(OBJECTS);
    expect(cost.bytesRead).toBeGreaterThan(OBJECTS * 50);
  });

  it("stops a question that nobody waits for, and answers others beside it", async () => {
    const gone = new AbortController();
    const costs: QueryCost[] = [];
    const left = threads.ask({ question: everything, state, limits: NO_LIMITS, signal: gone.signal, onCost: (cost) => costs.push(cost) });
    const stays = ask(NOBODY_LEAVES);
    gone.abort();
    await expect(left).rejects.toMatchObject({ code: "query_cancelled", kind: "expired" });
    const { cost } = await stays;
    expect(costs[0]!.bytesRead).toBeLessThan(cost.bytesRead);
  });

  it("holds each question to its own bound of bytes", async () => {
    const small = ask(NOBODY_LEAVES, { ...NO_LIMITS, bytesMax: 100 });
    const large = ask(NOBODY_LEAVES);
    await expect(small).rejects.toMatchObject({ code: "query_limit_bytes", kind: "too_large" });
    expect((await large).bytes.length).toBeGreaterThan(20);
  });
});
