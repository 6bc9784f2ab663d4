import { describe, expect, it } from "vitest";
import type { Clock } from "../../pipeline/base/clock.ts";
import type { Log } from "../../pipeline/base/log.ts";
import type { UnixMs } from "../../pipeline/base/units.ts";
import { EVERY_MS, LoadWatch } from "./load-watch.ts";
import { SEGMENT } from "./segment.ts";

/* What is remembered of a part's work. The clock is the test's: each round of looks ends in a sleep that the test ends. */

const KEY = { namespace: "p", name: "main" };
const HOUR_MS = 3_600_000;

class Work {
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
  readonly watch = new LoadWatch({
    clock: this.clock,
    log: { warn: (facts: unknown) => void this.warnings.push(facts) } as unknown as Log,
    targets: () => (this.isThere ? [{ key: KEY, part: SEGMENT, replicas: this.replicas }] : []),
    read: async () => {
      this.reads++;
      if (this.isSilent) throw new Error("no answer");
      return { messages: this.messages, oldestMs: this.messages * 10 };
    },
    onLook: ({ key }) => void this.told.push(key.name),
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

describe("looks at the work of a part", () => {
  it("are remembered with their moment and the workers of then, oldest first, and told", async () => {
    const work = new Work();
    work.messages = 5;
    await work.start();
    [work.messages, work.replicas] = [7, 3];
    await work.rounds(1);
    expect(work.watch.looksOf(KEY, SEGMENT.component)).toEqual([
      { reading: { messages: 5, oldestMs: 50 }, atMs: 0, replicas: 2 },
      { reading: { messages: 7, oldestMs: 70 }, atMs: EVERY_MS, replicas: 3 },
    ]);
    expect(work.told).toEqual(["main", "main"]);
    await work.watch.stop();
  });

  it("are kept for as long as the longest window, and no longer", async () => {
    const work = new Work();
    await work.start();
    await work.rounds((2 * HOUR_MS) / EVERY_MS);
    const looks = work.watch.looksOf(KEY, SEGMENT.component);
    expect(work.nowMs - (looks[0]?.atMs ?? 0)).toBeGreaterThanOrEqual(HOUR_MS);
    expect(work.nowMs - (looks[0]?.atMs ?? 0)).toBeLessThan(1.1 * HOUR_MS);
    await work.watch.stop();
  });

  it("are given as a copy that later looks leave alone", async () => {
    const work = new Work();
    await work.start();
    const before = work.watch.looksOf(KEY, SEGMENT.component);
    await work.rounds(1);
    expect(before).toHaveLength(1);
    await work.watch.stop();
  });

  it("say nothing about now once four in a row were in vain, which is warned of once", async () => {
    const work = new Work();
    await work.start();
    work.isSilent = true;
    await work.rounds(3);
    expect(work.watch.looksOf(KEY, SEGMENT.component)).toHaveLength(1);
    expect(work.warnings).toHaveLength(0);
    await work.rounds(1);
    expect(work.watch.looksOf(KEY, SEGMENT.component)).toHaveLength(0);
    await work.rounds(4);
    expect(work.warnings).toHaveLength(1);
    // One that answers in between begins the count anew.
    work.isSilent = false;
    await work.rounds(1);
    work.isSilent = true;
    await work.rounds(3);
    expect(work.watch.looksOf(KEY, SEGMENT.component)).toHaveLength(1);
    await work.watch.stop();
  });

  it("are not made before there are workers, and are forgotten with the stack", async () => {
    const work = new Work();
    work.replicas = undefined;
    await work.start();
    expect(work.reads).toBe(0);
    work.replicas = 1;
    await work.rounds(1);
    expect(work.watch.looksOf(KEY, SEGMENT.component)).toHaveLength(1);
    work.isThere = false;
    await work.rounds(1);
    expect(work.watch.looksOf(KEY, SEGMENT.component)).toHaveLength(0);
    await work.watch.stop();
  });

  it("end with the watch", async () => {
    const work = new Work();
    await work.start();
    await work.watch.stop();
    const { reads } = work;
    expect(reads).toBe(1);
    expect(work.watch.looksOf(KEY, SEGMENT.component)).toHaveLength(1);
  });
});
