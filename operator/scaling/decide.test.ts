import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../pipeline/base/clock.ts";
import { createRegistry } from "../../pipeline/base/metrics.ts";
import type { Queue } from "../../pipeline/queue/queue.ts";
import { createSegmentMetrics } from "../../pipeline/roles/segment/metrics.ts";
import { decideReplicas, type ScalingBounds } from "./decide.ts";
import { type LagSample, lagOf } from "./lag.ts";

const BOUNDS: ScalingBounds = { min: 1, max: 20, targetWaiting: 500, targetAgeMs: 10_000, windowMs: 300_000 };
const EVERY_MS = 15_000;

/** Looks every 15 s, the last ones as given, each with as many workers as `replicas`. */
function looks(count: number, lag: { messages: number; oldestMs: number }, replicas: number, fromMs = 0): readonly LagSample[] {
  return Array.from({ length: count }, (_, at) => ({ ...lag, replicas, atMs: fromMs + at * EVERY_MS }));
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
    const sample = fc.record({ messages: fc.nat(1e6), oldestMs: fc.nat(1e6), replicas: fc.integer({ min: 0, max: 40 }) });
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
    const samples: LagSample[] = [];
    const seen: number[] = [];
    for (let step = 0; step < 200; step++) {
      backlog = Math.max(0, backlog + (1000 - replicas * 100) * (EVERY_MS / 1000));
      const lag = { messages: backlog + 2000, oldestMs: 2000 + (backlog / (replicas * 100)) * 1000 };
      samples.push({ ...lag, replicas, atMs: step * EVERY_MS });
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

describe("lagOf", () => {
  it("reads the metrics that a segment worker really has", async () => {
    const registry = createRegistry();
    const queue = { isDurable: true, depth: async () => ({ messages: 12, bytes: 34, oldestMs: systemClock.nowMs() - 60_000 }) };
    createSegmentMetrics(registry, queue as unknown as Queue, systemClock);
    const lag = lagOf(await registry.metrics());
    expect(lag?.messages).toBe(12);
    expect(lag?.oldestMs).toBeGreaterThanOrEqual(60_000);
  });

  it("reads what a segment worker tells, with labels or without", () => {
    const text =
      '# TYPE brazier_queue_waiting_messages gauge\nbrazier_queue_waiting_messages{part="a"} 12\nbrazier_queue_oldest_seconds 1.5\n';
    expect(lagOf(text)).toEqual({ messages: 12, oldestMs: 1500 });
  });

  it("knows when there is nothing to read", () => {
    expect(lagOf("brazier_queue_waiting_messages 12\n")).toBeUndefined();
    expect(lagOf("brazier_queue_waiting_messages NaN\nbrazier_queue_oldest_seconds 0\n")).toBeUndefined();
  });
});
