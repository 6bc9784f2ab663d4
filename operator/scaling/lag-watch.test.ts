import { describe, expect, it } from "vitest";
import type { Clock } from "../../pipeline/base/clock.ts";
import type { Log } from "../../pipeline/base/log.ts";
import type { UnixMs } from "../../pipeline/base/units.ts";
import { EVERY_MS, LagWatch } from "./lag-watch.ts";

/* What is remembered of a stack's queue. The clock is the test's: each round of looks ends in a sleep that the test ends. */

const KEY = { namespace: "p", name: "main" };
const HOUR_MS = 3_600_000;

class Queue {
  messages = 0;
  isSilent = false;
  replicas: number | undefined = 2;
  isThere = true;
  reads = 0;
  nowMs = 0;
  readonly told: string[] = [];
  readonly warnings: unknown[] = [];
  #wake = (): void => {};
  #asleep = Promise.withResolvers<void>();
  readonly clock: Clock = {
    nowMs: () => 0 as UnixMs,
    monotonicMs: () => this.nowMs,
    sleep: (durationMs, signal) =>
      new Promise((resolve) => {
        this.#wake = () => {
          this.nowMs += durationMs;
          resolve();
        };
        if (signal?.aborted === true) resolve();
        signal?.addEventListener("abort", () => resolve(), { once: true });
        this.#asleep.resolve();
      }),
  };
  readonly watch = new LagWatch({
    clock: this.clock,
    log: { warn: (facts: unknown) => void this.warnings.push(facts) } as unknown as Log,
    targets: () => (this.isThere ? [{ key: KEY, replicas: this.replicas }] : []),
    read: async () => {
      this.reads++;
      if (this.isSilent) throw new Error("no answer");
      return { messages: this.messages, oldestMs: this.messages * 10 };
    },
    onSample: ({ name }) => void this.told.push(name),
  });

  async start(): Promise<void> {
    this.watch.start();
    await this.#asleep.promise;
  }

  async rounds(count: number): Promise<void> {
    for (let round = 0; round < count; round++) {
      this.#asleep = Promise.withResolvers();
      this.#wake();
      await this.#asleep.promise;
    }
  }
}

describe("looks at the lag of a stack", () => {
  it("are remembered with their moment and the workers of then, oldest first, and told", async () => {
    const queue = new Queue();
    queue.messages = 5;
    await queue.start();
    [queue.messages, queue.replicas] = [7, 3];
    await queue.rounds(1);
    expect(queue.watch.samplesOf(KEY)).toEqual([
      { messages: 5, oldestMs: 50, atMs: 0, replicas: 2 },
      { messages: 7, oldestMs: 70, atMs: EVERY_MS, replicas: 3 },
    ]);
    expect(queue.told).toEqual(["main", "main"]);
    await queue.watch.stop();
  });

  it("are kept for as long as the longest window, and no longer", async () => {
    const queue = new Queue();
    await queue.start();
    await queue.rounds((2 * HOUR_MS) / EVERY_MS);
    const samples = queue.watch.samplesOf(KEY);
    expect(queue.nowMs - (samples[0]?.atMs ?? 0)).toBeGreaterThanOrEqual(HOUR_MS);
    expect(queue.nowMs - (samples[0]?.atMs ?? 0)).toBeLessThan(1.1 * HOUR_MS);
    await queue.watch.stop();
  });

  it("are given as a copy that later looks leave alone", async () => {
    const queue = new Queue();
    await queue.start();
    const before = queue.watch.samplesOf(KEY);
    await queue.rounds(1);
    expect(before).toHaveLength(1);
    await queue.watch.stop();
  });

  it("say nothing about now once four in a row were in vain, which is warned of once", async () => {
    const queue = new Queue();
    await queue.start();
    queue.isSilent = true;
    await queue.rounds(3);
    expect(queue.watch.samplesOf(KEY)).toHaveLength(1);
    expect(queue.warnings).toHaveLength(0);
    await queue.rounds(1);
    expect(queue.watch.samplesOf(KEY)).toHaveLength(0);
    await queue.rounds(4);
    expect(queue.warnings).toHaveLength(1);
    // One that answers in between begins the count anew.
    queue.isSilent = false;
    await queue.rounds(1);
    queue.isSilent = true;
    await queue.rounds(3);
    expect(queue.watch.samplesOf(KEY)).toHaveLength(1);
    await queue.watch.stop();
  });

  it("are not made before there are workers, and are forgotten with the stack", async () => {
    const queue = new Queue();
    queue.replicas = undefined;
    await queue.start();
    expect(queue.reads).toBe(0);
    queue.replicas = 1;
    await queue.rounds(1);
    expect(queue.watch.samplesOf(KEY)).toHaveLength(1);
    queue.isThere = false;
    await queue.rounds(1);
    expect(queue.watch.samplesOf(KEY)).toHaveLength(0);
    await queue.watch.stop();
  });

  it("end with the watch", async () => {
    const queue = new Queue();
    await queue.start();
    await queue.watch.stop();
    const { reads } = queue;
    expect(reads).toBe(1);
    expect(queue.watch.samplesOf(KEY)).toHaveLength(1);
  });
});
