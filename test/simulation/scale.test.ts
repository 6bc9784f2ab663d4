import { describe, expect, it } from "vitest";
import { type DurationMs, MIB, MINUTE_MS } from "../../pipeline/base/units.ts";
import { batchMs, type Fleet, runShard, sharesOf } from "./scale.ts";

/*
 * Goal: the planners keep up with 100,000 nodes, 20 profiles each every 15 s: 133,000 profiles a second over 60 segment workers and 4 shards of the catalog.
 * Method: scale.ts runs the planners alone, in simulated time.
 */

const FLEET: Fleet = {
  profilesPerSecond: (100_000 * 20) / 15,
  services: 5_000,
  workers: 60,
  partitions: 256,
  shards: 4,
  compactorsPerShard: 16,
  limits: { bytesMax: 64 * MIB, messagesMax: 65_536, flushIntervalMs: 2_000, idleMs: 100 },
};

describe("a hundred thousand nodes", () => {
  it("are shared out so that no worker has more than twice its share", () => {
    const { busiestPartition, busiestWorker } = sharesOf(FLEET);
    expect(busiestPartition).toBeLessThan(2.5);
    expect(busiestWorker).toBeLessThan(2);
  });

  it("let a worker commit about once a second", () => {
    const { ms, messages } = batchMs(FLEET);
    expect(ms).toBeGreaterThanOrEqual(1_000);
    expect(ms).toBeLessThanOrEqual(2_000);
    expect(messages).toBeGreaterThan(2_000);
  });

  it("stay within what one log of the catalog takes, with all bytes read about three times and few segments waiting", () => {
    const report = runShard(FLEET, (15 * MINUTE_MS) as DurationMs);
    expect(report.commitsPerSecond).toBeLessThan(20);
    expect(report.readPerByte).toBeLessThan(4);
    expect(report.segmentsMax).toBeLessThan(600);
    expect(report.objectsMax).toBeLessThan(1_000);
  });

  it("would not, were there no compactors", () => {
    const report = runShard({ ...FLEET, compactorsPerShard: 0 }, (2 * MINUTE_MS) as DurationMs);
    expect(report.segmentsMax).toBeGreaterThan(600);
  });
});
