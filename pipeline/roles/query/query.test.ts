import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../base/clock.ts";
import { createRegistry, type Registry } from "../../base/metrics.ts";
import type { Bytes, TenantId, UnixMs } from "../../base/units.ts";
import type { Catalog, CatalogState, LiveObject } from "../../catalog/catalog.ts";
import { openDirectoryStore } from "../../objects/directory.ts";
import { segmentKey } from "../../objects/paths.ts";
import { testQueuedProfile } from "../../profile/testing/test-queued-profile.ts";
import { buildSegment } from "../segment/build.ts";
import { type QueryRole, startQueryRole, type TenantQueryLimits } from "./query.ts";
import type { Question } from "./question.ts";

/* The role over a real directory and a catalog that is moved by hand. */

const T0 = 1_700_000_000_000;
/** Threads start slowly where many tests run. */
const PATIENCE_MS = 120_000;
const folder = mkdtempSync(join(tmpdir(), "brazier-query-"));
const asking = { tenants: ["t" as TenantId], signal: new AbortController().signal };
let live: LiveObject;
let role: QueryRole;
let registry: Registry;
let state: CatalogState;
let newer: CatalogState;
let limits: TenantQueryLimits = { concurrencyMax: 0, readBytesMax: 0 };
const pinned = new Set<number>();

const stateOf = (version: number, objects: readonly LiveObject[]): CatalogState => ({
  version,
  objects: new Map(objects.map((object) => [object.key, object])),
  tombstones: [],
  consumedSequence: () => 0,
});

beforeAll(async () => {
  const store = await openDirectoryStore({ path: folder, fsync: false });
  const { bytes, directory } = buildSegment([testQueuedProfile({ tenant: "t", service: "s", timeMs: T0, stacks: ["main;f 5"] })]);
  const key = segmentKey("0190000000-00000001");
  await store.create(key, bytes);
  live = { key, sizeBytes: bytes.length, level: 0, createdMs: 0 as UnixMs, datasets: directory.datasets };
  await store.close();
  registry = createRegistry();
  const catalog = {
    get state() {
      return state;
    },
    refresh: async () => (state = newer),
  } as unknown as Catalog;
  role = startQueryRole({
    catalog,
    pin: (version) => {
      pinned.add(version);
      return () => pinned.delete(version);
    },
    threads: { location: { kind: "directory", path: folder }, threads: 1, cacheBytes: 1 as Bytes, idleMs: 1000 },
    diskCache: undefined,
    peers: undefined,
    clock: systemClock,
    registry,
    limits: { datasetsMax: 0, bytesMax: 0, durationMsMax: 0 },
    limitsOf: () => limits,
    waitingMax: 8,
  });
}, PATIENCE_MS);
afterAll(async () => {
  await role.stop();
  rmSync(folder, { recursive: true, force: true });
});

const names: Question = {
  kind: "label_names",
  utf8Names: false,
  selection: { tenants: asking.tenants, matchers: [], startMs: (T0 - 1) as UnixMs, endMs: (T0 + 1) as UnixMs },
};

describe("the query role", { timeout: PATIENCE_MS }, () => {
  it("looks at the catalog again when an object has been put into another one meanwhile", async () => {
    state = stateOf(1, [{ ...live, key: segmentKey("0190000000-00000002") }]);
    newer = stateOf(2, [live]);
    expect(Buffer.from(await role.ask(names, asking)).toString()).toContain("service_name");
    expect(pinned.size).toBe(0);
  });

  it("says so when an object is missing that the catalog names", async () => {
    state = newer = stateOf(3, [{ ...live, key: segmentKey("0190000000-00000003") }]);
    await expect(role.ask(names, asking)).rejects.toMatchObject({ code: "object_not_found" });
  });

  it("holds tenants to their limits, and counts outcomes", async () => {
    state = stateOf(4, [live]);
    limits = { concurrencyMax: 1, readBytesMax: 0 };
    const [first, second] = await Promise.allSettled([role.ask(names, asking), role.ask(names, asking)]);
    expect(first.status).toBe("fulfilled");
    expect(second).toMatchObject({ reason: { code: "query_limit_concurrency", kind: "limited" } });
    limits = { concurrencyMax: 0, readBytesMax: 10 };
    await expect(role.ask(names, asking)).rejects.toMatchObject({ code: "query_limit_bytes", kind: "too_large" });
    const counted = (await registry.getSingleMetric("brazier_queries_total")!.get()).values.map(({ labels, value }) => [
      labels["outcome"],
      value,
    ]);
    expect(Object.fromEntries(counted)).toEqual({ answered: 2, object_not_found: 1, query_limit_concurrency: 1, query_limit_bytes: 1 });
  });
});
