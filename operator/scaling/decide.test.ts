import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../pipeline/base/clock.ts";
import { createRegistry } from "../../pipeline/base/metrics.ts";
import type { Catalog } from "../../pipeline/catalog/catalog.ts";
import type { Queue } from "../../pipeline/queue/queue.ts";
import { createCompactMetrics } from "../../pipeline/roles/compact/metrics.ts";
import { createSegmentMetrics } from "../../pipeline/roles/segment/metrics.ts";
import type { ProfilingStackSpec } from "../types/profiling-stack.ts";
import { COMPACT } from "./compact.ts";
import type { CountedPart } from "./counted-part.ts";
import { decideReplicas as decide, type LoadSample, type ScalingBounds } from "./decide.ts";
import { readingOf } from "./reading.ts";
import { SEGMENT } from "./segment.ts";

const BOUNDS: ScalingBounds = { min: 1, max: 20, windowMs: 300_000 };
const EVERY_MS = 15_000;

type Lag = { readonly messages: number; readonly oldestMs: number };
/** Each worker should have 500 messages, none older than 10 s. */
const loadOf = ({ messages, oldestMs }: Lag) => ({ needed: Math.ceil(messages / 500), lateness: oldestMs / 10_000 });

function decideReplicas(samples: readonly LoadSample[], bounds: ScalingBounds, current: number) {
  return decide(samples, bounds, current, SEGMENT.words);
}

/** Looks every 15 s, the last ones as given, each with as many workers as `replicas`. */
function looks(count: number, lag: Lag, replicas: number, fromMs = 0): readonly LoadSample[] {
  return Array.from({ length: count }, (_, at) => ({ ...loadOf(lag), replicas, atMs: fromMs + at * EVERY_MS }));
}
const IDLE = { messages: 0, oldestMs: 0 };

describe("decideReplicas", () => {
  it("holds what is there while nothing is known", () => {
    expect(decideReplicas([], BOUNDS, 7).replicas).toBe(7);
    expect(decideReplicas(looks(1, { messages: 1e6, oldestMs: 1e6 }, 7), BOUNDS, 7).replicas).toBe(7);
  });

  it("goes into the bounds at once, whatever is known", () => {
    expect(decideReplicas([], { ...BOUNDS, min: 3 }, 1).replicas).toBe(3);
    expect(decideReplicas([], { ...BOUNDS, max: 4 }, 9).replicas).toBe(4);
  });

  it("adds workers by the messages that wait, when two looks agree", () => {
    const busy = { messages: 2100, oldestMs: 4000 };
    expect(decideReplicas([...looks(1, IDLE, 3), ...looks(1, busy, 3, EVERY_MS)], BOUNDS, 3).replicas).toBe(3);
    expect(decideReplicas(looks(2, busy, 3), BOUNDS, 3)).toEqual({ replicas: 5, reason: "many profiles wait" });
  });

  it("at most doubles them at once", () => {
    expect(decideReplicas(looks(2, { messages: 1e6, oldestMs: 4000 }, 3), BOUNDS, 3).replicas).toBe(6);
  });

  it("adds workers by age only when those there have had a minute to take their share", () => {
    const late = { messages: 10, oldestMs: 15_000 };
    expect(decideReplicas(looks(3, late, 4), BOUNDS, 4).replicas).toBe(4);
    expect(decideReplicas([...looks(4, late, 2), ...looks(3, late, 4, 4 * EVERY_MS)], BOUNDS, 4).replicas).toBe(4);
    expect(decideReplicas(looks(7, late, 4), BOUNDS, 4)).toEqual({ replicas: 6, reason: "profiles wait too long" });
  });

  it("takes one step for one look", () => {
    expect(decideReplicas(looks(2, { messages: 1e6, oldestMs: 4000 }, 3), BOUNDS, 6).replicas).toBe(6);
  });

  it("says so when the bounds keep it from adding", () => {
    const decision = decideReplicas(looks(2, { messages: 1e6, oldestMs: 0 }, 20), BOUNDS, 20);
    expect(decision).toMatchObject({ replicas: 20, reason: expect.stringContaining("maxReplicas") });
  });

  it("removes workers only when fewer were enough for the whole window, and a quarter of them at most", () => {
    expect(decideReplicas(looks(20, IDLE, 8), BOUNDS, 8).replicas).toBe(8);
    expect(decideReplicas(looks(21, IDLE, 8), BOUNDS, 8)).toEqual({ replicas: 6, reason: "few profiles wait" });
    // After a step the window begins anew: what the fewer can do must show first.
    expect(decideReplicas([...looks(21, IDLE, 8), ...looks(20, IDLE, 6, 21 * EVERY_MS)], BOUNDS, 6).replicas).toBe(6);
    const burst = [
      ...looks(10, IDLE, 8),
      ...looks(1, { messages: 3400, oldestMs: 0 }, 8, 10 * EVERY_MS),
      ...looks(15, IDLE, 8, 11 * EVERY_MS),
    ];
    expect(decideReplicas(burst, BOUNDS, 8).replicas).toBe(7);
  });

  it("keeps the workers while profiles wait for more than half of the target age", () => {
    expect(decideReplicas(looks(40, { messages: 0, oldestMs: 6000 }, 8), BOUNDS, 8).replicas).toBe(8);
  });

  it("stays within its bounds, and says the same of the same", () => {
    const sample = fc.record({
      needed: fc.nat(2000),
      lateness: fc.double({ min: 0, max: 100, noNaN: true }),
      replicas: fc.integer({ min: 0, max: 40 }),
    });
    fc.assert(
      fc.property(fc.array(sample, { maxLength: 50 }), fc.integer({ min: 0, max: 40 }), (given, current) => {
        const samples = given.map((one, at) => ({ ...one, atMs: at * EVERY_MS }));
        const decision = decideReplicas(samples, BOUNDS, current);
        expect(decision.replicas).toBeGreaterThanOrEqual(BOUNDS.min);
        expect(decision.replicas).toBeLessThanOrEqual(BOUNDS.max);
        expect(decideReplicas(samples, BOUNDS, current)).toEqual(decision);
      }),
    );
  });

  it("stays near the ten workers that a steady load needs, with few changes", () => {
    // Each worker takes 100 messages a second; 1000 come, and each is in a segment after 2 s where nothing piles up.
    let [replicas, backlog] = [1, 0];
    const samples: LoadSample[] = [];
    const seen: number[] = [];
    for (let step = 0; step < 200; step++) {
      backlog = Math.max(0, backlog + (1000 - replicas * 100) * (EVERY_MS / 1000));
      const lag = { messages: backlog + 2000, oldestMs: 2000 + (backlog / (replicas * 100)) * 1000 };
      samples.push({ ...loadOf(lag), replicas, atMs: step * EVERY_MS });
      replicas = decideReplicas(samples, BOUNDS, replicas).replicas;
      seen.push(replicas);
    }
    const later = seen.slice(100);
    expect(Math.min(...later)).toBeGreaterThanOrEqual(8);
    expect(Math.max(...later)).toBeLessThanOrEqual(16);
    expect(later.filter((count, at) => at > 0 && count !== later[at - 1]).length).toBeLessThanOrEqual(15);
    expect(backlog).toBeLessThan(5000);
  });
});

describe("readingOf", () => {
  it("reads the metrics that a segment worker really has", async () => {
    const registry = createRegistry();
    const queue = { isDurable: true, depth: async () => ({ messages: 12, bytes: 34, oldestMs: systemClock.nowMs() - 60_000 }) };
    createSegmentMetrics(registry, queue as unknown as Queue, systemClock);
    const reading = readingOf(await registry.metrics(), SEGMENT.metrics);
    expect(reading?.["brazier_queue_waiting_messages"]).toBe(12);
    expect(reading?.["brazier_queue_oldest_seconds"]).toBeGreaterThanOrEqual(60);
  });

  it("reads the metrics that a compactor really has", async () => {
    const registry = createRegistry();
    createCompactMetrics(registry, { state: { objects: new Map(), version: 1 } } as unknown as Catalog, () => ({
      objects: 7,
      sizeBytes: 99,
    }));
    expect(readingOf(await registry.metrics(), COMPACT.metrics)).toEqual({
      brazier_compaction_due_objects: 7,
      brazier_compaction_due_bytes: 99,
    });
  });

  it("reads what is told, with labels or without", () => {
    expect(readingOf('# TYPE a gauge\na{part="a"} 12\nab 3\nb 1.5\n', ["a", "b"])).toEqual({ a: 12, b: 1.5 });
  });

  it("knows when there is nothing to read", () => {
    expect(readingOf("a 12\n", ["a", "b"])).toBeUndefined();
    expect(readingOf("a NaN\nb 0\n", ["a", "b"])).toBeUndefined();
  });
});

describe("what a part needs", () => {
  const rulesOf = (part: CountedPart, spec: object) => part.rulesOf({ size: "small", ...spec } as unknown as ProfilingStackSpec);
  const bounds = { minReplicas: 2, maxReplicas: 40, scaleDownStabilization: "5m" };

  it("is by messages and their age for segment workers, of which no more run than there are partitions", () => {
    const rules = rulesOf(SEGMENT, { segment: { autoscaling: { ...bounds, by: "Operator", targetWaiting: 500, targetAge: "10s" } } });
    expect(rules?.bounds).toEqual({ min: 2, max: 16, windowMs: 300_000 });
    expect(rules?.loadOf({ brazier_queue_waiting_messages: 1001, brazier_queue_oldest_seconds: 15 })).toEqual({ needed: 3, lateness: 1.5 });
  });

  it("is by objects or bytes, whichever asks for more, for compactors", () => {
    const rules = rulesOf(COMPACT, { compact: { autoscaling: { ...bounds, targetDueObjects: 512, targetDueBytes: "256Mi" } } });
    const load = (objects: number, mib: number) =>
      rules?.loadOf({ brazier_compaction_due_objects: objects, brazier_compaction_due_bytes: mib * 1024 * 1024 });
    expect(rules?.bounds).toEqual({ min: 2, max: 40, windowMs: 300_000 });
    expect(load(0, 0)).toEqual({ needed: 0, lateness: 0 });
    expect(load(513, 1)).toEqual({ needed: 2, lateness: 0 });
    expect(load(100, 1025)).toEqual({ needed: 5, lateness: 0 });
  });

  it("is nobody's business where the number is fixed, or others count", () => {
    expect(rulesOf(SEGMENT, { segment: { replicas: 3 } })).toBeUndefined();
    expect(rulesOf(SEGMENT, { segment: { autoscaling: { ...bounds, by: "KEDA", targetWaiting: 500, targetAge: "10s" } } })).toBeUndefined();
    expect(rulesOf(COMPACT, { compact: { replicas: 3 } })).toBeUndefined();
    expect(rulesOf(COMPACT, {})).toBeUndefined();
  });
});
