import { describe, expect, it } from "vitest";
import { baselineOf } from "./compare.ts";
import { momentOf, resolveRange, stepSecondsFor, titleOfRange, widenRange } from "./time-range.ts";
import { addressOfView, changeView, DEFAULT_VIEW, type View, viewFromAddress } from "./view.ts";

describe("the address", () => {
  const view: View = {
    service: "checkout & co",
    type: "process_cpu:cpu:nanoseconds:cpu:nanoseconds",
    filter: 'pod=~"a.*",zone="eu"',
    from: "1795389300000",
    until: "1795389600000",
    groupBy: "pod",
    top: 20,
    refreshSeconds: 30,
    compare: "previous",
    search: "/^main/",
    zoom: "00ff00ff",
    focus: "main.(*T).f",
    show: "flame",
    sort: "totalChange",
    descending: false,
    maxNodes: 65_536,
    tenant: "a|b",
  };
  it("brings back every part of a view", () => expect(viewFromAddress(addressOfView(view))).toEqual(view));
  it("is empty for the defaults", () => {
    expect(addressOfView(DEFAULT_VIEW)).toBe("");
    expect(viewFromAddress("")).toEqual(DEFAULT_VIEW);
  });
  it("answers nonsense with the defaults", () => {
    expect(viewFromAddress("?top=-3&show=sideways&sort=colour&nodes=9e9&refresh=x")).toEqual(DEFAULT_VIEW);
  });
});

describe("changeView", () => {
  const zoomed = { ...DEFAULT_VIEW, service: "a", zoom: "12345678", focus: "f", search: "x", maxNodes: 99 };
  it("lets go of what was pointed at when another service is asked for", () => {
    expect(changeView(zoomed, { service: "b" })).toMatchObject({
      service: "b",
      zoom: "",
      focus: "",
      search: "",
      maxNodes: DEFAULT_VIEW.maxNodes,
    });
  });
  it("keeps it when only the time changes", () => {
    expect(changeView(zoomed, { from: "now-1h" })).toMatchObject({ zoom: "12345678", focus: "f", search: "x" });
  });
});

describe("time ranges", () => {
  const nowMs = 1_795_389_600_000;
  it("reads relative words, ms and dates", () => {
    expect(momentOf("now", nowMs)).toBe(nowMs);
    expect(momentOf("now-2h", nowMs)).toBe(nowMs - 7_200_000);
    expect(momentOf("1795389300000", nowMs)).toBe(1_795_389_300_000);
    expect(momentOf("2026-11-23T04:00:00Z", nowMs)).toBe(Date.UTC(2026, 10, 23, 4));
    expect(momentOf("soon", nowMs)).toBeUndefined();
  });
  it("falls back to 15 minutes when a range is upside down or unreadable", () => {
    expect(resolveRange("now", "now-1h", nowMs)).toEqual({ startMs: nowMs - 900_000, endMs: nowMs });
    expect(resolveRange("x", "now", nowMs)).toEqual({ startMs: nowMs - 900_000, endMs: nowMs });
  });
  it("titles quick ranges by name", () => {
    expect(titleOfRange("now-15m", "now", resolveRange("now-15m", "now", nowMs))).toBe("Last 15 minutes");
    expect(titleOfRange("now-45m", "now", resolveRange("now-45m", "now", nowMs))).toBe("Last 45 min");
  });
  it("widens around the middle and never into the future", () => {
    expect(widenRange({ startMs: nowMs - 200_000, endMs: nowMs - 100_000 }, nowMs)).toEqual({
      startMs: nowMs - 250_000,
      endMs: nowMs - 50_000,
    });
    expect(widenRange({ startMs: nowMs - 100_000, endMs: nowMs }, nowMs)).toEqual({ startMs: nowMs - 200_000, endMs: nowMs });
  });
  it("never steps finer than profiles arrive, nor asks for more than 200 points", () => {
    const step = (lengthMs: number): number => stepSecondsFor({ startMs: 0, endMs: lengthMs });
    expect([300_000, 900_000, 3_600_000, 86_400_000].map(step)).toEqual([15, 15, 30, 600]);
    for (let hours = 1; hours <= 24; hours++) expect((hours * 3_600) / step(hours * 3_600_000)).toBeLessThanOrEqual(200);
  });
});

describe("baselineOf", () => {
  const range = { startMs: 1_000_000_000, endMs: 1_000_900_000 };
  it("is the window before, or the same window earlier", () => {
    expect(baselineOf("previous", range)).toEqual({ startMs: 999_100_000, endMs: 1_000_000_000 });
    expect(baselineOf("1d", range)).toEqual({ startMs: 913_600_000, endMs: 914_500_000 });
    expect(baselineOf("", range)).toBeUndefined();
    expect(baselineOf("sometime", range)).toBeUndefined();
  });
});
