import { describe, expect, it } from "vitest";
import type { UnixMs } from "../../base/units.ts";
import { parseTime } from "./time-grammar.ts";

const NOW_MS = 1_795_389_600_000 as UnixMs;

describe("parseTime", () => {
  it.each([
    ["now", 0],
    ["now-30s", -30_000],
    ["now-5m", -300_000],
    ["now-5min", -300_000],
    ["now-1h", -3_600_000],
    ["now-1h30m", -5_400_000],
    ["now-1d+2h", -22 * 3_600_000],
    ["now-1w", -7 * 86_400_000],
    ["now-1M", -30 * 86_400_000],
    ["now-1mon", -30 * 86_400_000],
    ["now-1y", -365 * 86_400_000],
  ])("reads %s relative to now", (text, offsetMs) => {
    expect(parseTime(text, NOW_MS) - NOW_MS).toBe(offsetMs);
  });

  it.each([
    ["20261122", Date.UTC(2026, 10, 22)],
    ["1795389600", 1_795_389_600_000],
    ["1795389600123", 1_795_389_600_123],
    ["1795389600123456", 1_795_389_600_123],
    ["1795389600123456789", 1_795_389_600_123],
    ["7", 7000],
  ])("reads the digits %s by their number", (text, timeMs) => {
    expect(parseTime(text, NOW_MS)).toBe(timeMs);
  });

  it.each([["yesterday"], ["now-"], ["now-1q"], ["now 1h"], ["99999999"], ["-5"]])("refuses %s", (text) => {
    expect(() => parseTime(text, NOW_MS)).toThrow("time_invalid");
  });
});
