import { describe, expect, it } from "vitest";
import type { Clock } from "../../base/clock.ts";
import type { UnixMs } from "../../base/units.ts";
import { Pace } from "./pace.ts";

function handClock(): Clock & { ms: number } {
  return {
    ms: 0,
    nowMs: () => 0 as UnixMs,
    monotonicMs() {
      return this.ms;
    },
    sleep: async () => {},
  };
}

describe("Pace", () => {
  it("lets others go on once it has computed for a while, and not before", async () => {
    const clock = handClock();
    const pace = new Pace({ clock, durationMsMax: 0 });
    clock.ms = 4;
    expect(pace.step()).toBeUndefined();
    clock.ms = 6;
    let othersRan = false;
    setImmediate(() => {
      othersRan = true;
    });
    await pace.step();
    expect(othersRan).toBe(true);
    expect(pace.step()).toBeUndefined();
  });

  it("ends a question that takes too long", () => {
    const clock = handClock();
    const pace = new Pace({ clock, durationMsMax: 1000 });
    clock.ms = 300;
    expect(pace.leftMs).toBe(700);
    clock.ms = 1001;
    expect(() => pace.step()).toThrow(expect.objectContaining({ code: "query_limit_duration", kind: "expired" }));
    expect(pace.leftMs).toBe(0);
  });

  it("ends a question that nobody waits for, also when that became so while others went on", async () => {
    const clock = handClock();
    const gone = new AbortController();
    const pace = new Pace({ clock, durationMsMax: 0, signal: gone.signal });
    clock.ms = 50;
    const turn = pace.step();
    gone.abort();
    await expect(turn).rejects.toMatchObject({ code: "query_cancelled" });
    expect(() => pace.step()).toThrow(expect.objectContaining({ code: "query_cancelled", kind: "expired" }));
  });
});
