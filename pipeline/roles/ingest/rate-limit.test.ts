import { describe, expect, it } from "vitest";
import type { UnixMs } from "../../base/units.ts";
import { DEFAULT_LIMITS } from "./limits.ts";
import { type TokenBucket, takeTokens } from "./rate-limit.ts";

const LIMITS = { ...DEFAULT_LIMITS, ingestionRateBytesPerSecond: 100, ingestionBurstBytes: 200 };

describe("the token bucket", () => {
  it("lets the burst through, then the rate", () => {
    const play = new Play();
    expect([play.take(0, 200), play.take(0, 1)]).toEqual([true, false]);
    expect([play.take(1000, 100), play.take(1000, 1)]).toEqual([true, false]);
  });

  it("says in how many seconds the refused bytes fit", () => {
    const play = new Play();
    play.take(0, 200);
    play.take(0, 150);
    expect(play.retryAfterSeconds).toBe(2);
  });

  it("lets a request larger than the burst through when it is full, and counts it in full", () => {
    const play = new Play();
    expect(play.take(0, 1000)).toBe(true);
    expect([play.take(7999, 1), play.take(8100, 1)]).toEqual([false, true]);
  });

  it("never holds more than the burst, and does not mind a clock that steps back", () => {
    const play = new Play();
    play.take(0, 200);
    expect([play.take(1_000_000, 200), play.take(1_000_000, 1), play.take(5, 1)]).toEqual([true, false, false]);
  });

  it("is no bound at a rate of 0", () => {
    expect(takeTokens(undefined, 1e12, 0 as UnixMs, { ...LIMITS, ingestionRateBytesPerSecond: 0 }).admitted).toBe(true);
  });
});

class Play {
  retryAfterSeconds = 0;
  #bucket: TokenBucket | undefined;

  take(atMs: number, bytes: number): boolean {
    const decision = takeTokens(this.#bucket, bytes, atMs as UnixMs, LIMITS);
    this.#bucket = decision.bucket;
    this.retryAfterSeconds = decision.retryAfterSeconds;
    return decision.admitted;
  }
}
