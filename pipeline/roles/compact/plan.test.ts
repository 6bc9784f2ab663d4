import { describe, expect, it } from "vitest";
import { DAY_MS, HOUR_MS, MIB, type UnixMs } from "../../base/units.ts";
import type { CatalogState, LiveObject, Tombstone } from "../../catalog/catalog.ts";
import { applyChange, EMPTY_STATE } from "../../catalog/state.ts";
import { change, liveObject, type ObjectParts, tombstone } from "../../catalog/testing.ts";
import { COMPACTION_LIMITS, type PlanInput, planCompaction } from "./plan.ts";
import { missesDeletion } from "./rewrite.ts";
import { carriedOut } from "./tombstones.ts";

/** 22:13:20 UTC: not near the border of any window. */
const NOW = 1_700_000_000_000;
const limits = { ...COMPACTION_LIMITS, segmentBytes: 10 * MIB, inputBytesMax: 20 * MIB, blockBytesMax: 40 * MIB, segmentsMax: 100 };
const ns = (ms: number): bigint => BigInt(ms) * 1_000_000n;

function stateOf(objects: readonly LiveObject[], tombstones: readonly Tombstone[] = []): CatalogState {
  return applyChange(EMPTY_STATE, change({ added: objects, tombstonesAdded: tombstones }));
}

function plan(objects: readonly LiveObject[], options: Partial<PlanInput> & { readonly tombstones?: readonly Tombstone[] } = {}) {
  const state = stateOf(objects, options.tombstones);
  return planCompaction({
    state,
    nowMs: NOW as UnixMs,
    limits,
    retentionMs: () => 0,
    except: new Set(),
    withExpired: true,
    plansMax: 100,
    ...options,
  });
}

/** Segments of the given ages in seconds. */
function segments(agesSeconds: readonly number[], parts: ObjectParts = {}): LiveObject[] {
  return agesSeconds.map((age, i) =>
    liveObject(`segments/${String(i).padStart(3, "0")}`, {
      createdMs: (NOW - age * 1000) as UnixMs,
      minTimeNs: ns(NOW - age * 1000),
      maxTimeNs: ns(NOW - age * 1000),
      ...parts,
    }),
  );
}

function block(name: string, level: number, ageMs: number, parts: ObjectParts = {}): LiveObject {
  const createdMs = (NOW - ageMs) as UnixMs;
  return liveObject(`blocks/anonymous/${name}`, { level, createdMs, minTimeNs: ns(createdMs), maxTimeNs: ns(createdMs), ...parts });
}

describe("compaction of segments", () => {
  it.each([
    ["none", [], 0],
    ["one that is young", [1], 0],
    ["a few that are young", [4, 3, 2, 1], 0],
    ["a few, and none came for five seconds", [8, 7, 6, 5], 4],
    ["two, and none came for five seconds: they may wait", [8, 6], 0],
    ["the oldest is 15 s old", [15, 2, 1], 3],
    ["very many", Array.from({ length: 100 }, () => 1), 100],
  ])("%s", (_, ages, expected) => {
    const plans = plan(segments(ages));
    expect(plans.map(({ inputKeys }) => inputKeys.length)).toEqual(expected === 0 ? [] : [expected]);
    for (const { reason, merges } of plans) expect([reason, merges[0]!.level]).toEqual(["segments", 1]);
  });

  it("starts when they are large together, and takes the oldest up to its bound", () => {
    expect(plan(segments([3, 2, 1], { sizeBytes: 4 * MIB }))).toHaveLength(1);
    const [bounded] = plan(segments([1, 2, 3, 4, 5, 6], { sizeBytes: 4 * MIB }));
    expect(bounded!.inputKeys).toEqual([5, 4, 3, 2, 1].map((i) => `segments/00${i}`));
  });

  it("makes one merge per tenant, each with its datasets alone", () => {
    const mixed = liveObject("segments/x", { createdMs: (NOW - 20_000) as UnixMs });
    const object = { ...mixed, datasets: ["a", "b", "a"].map((tenant, i) => ({ ...mixed.datasets[0]!, tenant, service: `s${i}` })) };
    const [{ merges }] = plan([object]) as [ReturnType<typeof plan>[0]];
    expect(merges.map(({ inputs }) => inputs.map(({ dataset }) => `${dataset.tenant}/${dataset.service}`))).toEqual([
      ["a/s0", "a/s2"],
      ["b/s1"],
    ]);
  });

  it("leaves alone what failed", () => {
    const [first] = plan(segments([20, 19, 18]), { except: new Set(["segments/001"]) });
    expect(first!.inputKeys).toEqual(["segments/000", "segments/002"]);
  });
});

describe("compaction of blocks", () => {
  it("merges four of a level in one window", () => {
    expect(plan(["a", "b", "c"].map((name) => block(name, 1, 1000)))).toEqual([]);
    const [merged] = plan(["a", "b", "c", "d"].map((name) => block(name, 1, 1000)));
    expect(merged).toMatchObject({ reason: "level", merges: [{ level: 2 }] });
    expect(merged!.inputKeys).toHaveLength(4);
  });

  it("merges what is left of a window that is over", () => {
    expect(plan([block("a", 1, 2 * HOUR_MS), block("b", 1, 2 * HOUR_MS)])).toMatchObject([{ reason: "window", merges: [{ level: 2 }] }]);
    expect(plan([block("a", 1, 2 * HOUR_MS)])).toEqual([]);
    expect(plan([block("a", 2, 2 * HOUR_MS), block("b", 1, 2 * HOUR_MS)])).toEqual([]);
  });

  it("keeps apart tenants, levels and windows", () => {
    const blocks = [
      ...["a", "b"].map((name) => block(name, 1, 1000)),
      ...["c", "d"].map((name) => block(name, 2, 1000)),
      ...["e", "f"].map((name) => block(name, 1, 1000, { tenant: "other" })),
      block("g", 1, 3 * HOUR_MS),
      block("h", 1, 6 * HOUR_MS),
    ];
    expect(plan(blocks)).toEqual([]);
  });

  it("leaves large blocks as they are", () => {
    expect(plan(["a", "b", "c", "d"].map((name) => block(name, 1, 1000, { sizeBytes: 20 * MIB })))).toEqual([]);
  });

  it("reaches an end: carried out to the last, its plans leave one block per level and window at most", () => {
    let objects: LiveObject[] = Array.from({ length: 100 }, (_, i) => block(`a${i}`, 1, 10 * DAY_MS + i * 60_000));
    let rounds = 0;
    for (let plans = plan(objects); plans.length > 0; plans = plan(objects)) {
      rounds++;
      const [first] = plans;
      const kept = objects.filter(({ key }) => !first!.inputKeys.includes(key));
      const times = objects.filter(({ key }) => first!.inputKeys.includes(key)).map(({ datasets }) => datasets[0]!);
      const maxTimeNs = times.reduce((max, { maxTimeNs }) => (maxTimeNs > max ? maxTimeNs : max), 0n);
      objects = [...kept, block(`r${rounds}`, first!.merges[0]!.level, 0, { maxTimeNs, minTimeNs: times[0]!.minTimeNs })];
      expect(rounds).toBeLessThan(100);
    }
    expect(objects.length).toBeLessThanOrEqual(3);
  });
});

describe("deletion and retention", () => {
  const old = block("a", 2, HOUR_MS, { services: ["shop", "cart"], minTimeNs: ns(NOW - HOUR_MS), maxTimeNs: ns(NOW - 1000) });
  const now = NOW as UnixMs;

  it("rewrites a block that a deletion touches, on its level, without the deleted", () => {
    const deletion = tombstone("t", { service: "shop", minTimeNs: ns(NOW - HOUR_MS), maxTimeNs: ns(NOW - 60_000), createdMs: now });
    const [erase] = plan([old], { tombstones: [deletion] });
    expect(erase).toMatchObject({ reason: "erase", inputKeys: [old.key], outputCreatedMs: NOW + 1, merges: [{ level: 2 }] });
    const dropped = erase!.merges[0]!.inputs.map(({ dataset, dropped }) => [dataset.service, dropped]);
    expect(dropped).toEqual([
      ["shop", [{ minNs: deletion.minTimeNs, maxNs: deletion.maxTimeNs }]],
      ["cart", []],
    ]);
  });

  it("leaves out a dataset that is deleted as a whole, and retires an object of nothing else without a merge", () => {
    const all = { minTimeNs: 0n, maxTimeNs: ns(NOW), createdMs: now };
    const [one] = plan([old], { tombstones: [tombstone("t", { service: "shop", ...all })] });
    expect(one!.merges.flatMap(({ inputs }) => inputs.map(({ dataset }) => dataset.service))).toEqual(["cart"]);
    const [both] = plan([old], { tombstones: [tombstone("t", all)] });
    expect(both).toMatchObject({ inputKeys: [old.key], merges: [] });
  });

  it.each([
    ["another tenant's", { tenant: "other" }],
    ["of another service", { service: "search" }],
    ["of other times", { minTimeNs: 0n, maxTimeNs: 5n }],
    ["made before the object", { createdMs: (old.createdMs - 1) as UnixMs }],
  ])("does nothing for a deletion %s", (_, parts) => {
    expect(plan([old], { tombstones: [tombstone("t", { maxTimeNs: ns(NOW), createdMs: now, ...parts })] })).toEqual([]);
  });

  it("does not carry out a deletion twice: the output counts as younger", () => {
    const deletion = tombstone("t", { minTimeNs: ns(NOW - 2000), maxTimeNs: ns(NOW), createdMs: now });
    const [erase] = plan([old], { tombstones: [deletion] });
    expect(plan([{ ...old, key: "blocks/anonymous/b", createdMs: erase!.outputCreatedMs }], { tombstones: [deletion] })).toEqual([]);
  });

  it("notices a deletion that came while it merged and would miss the output", () => {
    const deletion = tombstone("t", { minTimeNs: ns(NOW - 2000), maxTimeNs: ns(NOW), createdMs: now });
    const [erase] = plan([old], { tombstones: [deletion] });
    const alsoNow = tombstone("u", { service: "cart", maxTimeNs: ns(NOW), createdMs: now });
    const later = tombstone("v", { service: "cart", maxTimeNs: ns(NOW), createdMs: (NOW + 1) as UnixMs });
    expect(missesDeletion(erase!, [deletion], stateOf([old], [deletion, alsoNow]))).toBe(true);
    expect(missesDeletion(erase!, [deletion], stateOf([old], [deletion, later]))).toBe(false);
    expect(missesDeletion(erase!, [deletion, alsoNow], stateOf([old], [deletion, alsoNow]))).toBe(false);
  });

  it("forgets a deletion an hour later, once no object has anything of it", () => {
    const deletion = tombstone("t", { maxTimeNs: ns(NOW), createdMs: now });
    const later = (NOW + HOUR_MS + 1) as UnixMs;
    expect(carriedOut(stateOf([old], [deletion]), later)).toEqual([]);
    expect(carriedOut(stateOf([], [deletion]), now)).toEqual([]);
    expect(carriedOut(stateOf([], [deletion]), later)).toEqual(["t"]);
  });

  it("rewrites a block for a whole service that has expired, and retires one that has expired as a whole", () => {
    const [one] = plan([old], { retentionMs: (_, service) => (service === "shop" ? 500 : 0) });
    expect(one!.merges.flatMap(({ inputs }) => inputs.map(({ dataset }) => dataset.service))).toEqual(["cart"]);
    expect(plan([old], { retentionMs: () => 500 })).toMatchObject([{ reason: "erase", merges: [] }]);
    expect(plan([old], { retentionMs: () => 2000 })).toEqual([]);
  });

  it("drops expired rows while it merges anyway, and rewrites for them when they are overdue by a day", () => {
    const long = block("l", 3, 0, { minTimeNs: ns(NOW - 3 * DAY_MS), maxTimeNs: ns(NOW) });
    expect(plan([long], { retentionMs: () => 2.5 * DAY_MS })).toEqual([]);
    const [overdue] = plan([long], { retentionMs: () => DAY_MS });
    expect(overdue!.merges[0]!.inputs[0]!.dropped).toEqual([{ minNs: ns(NOW - 3 * DAY_MS), maxNs: ns(NOW - DAY_MS) - 1n }]);
  });
});
