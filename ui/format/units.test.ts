import { describe, expect, it } from "vitest";
import { isSnapshot, parseProfileType, preferredType, titleOf } from "./profile-type.ts";
import { measureOf } from "./rate.ts";
import { formatDuration, formatExact, formatPercent, formatPoints, formatValue } from "./units.ts";

describe("formatValue", () => {
  it.each([
    [0, "nanoseconds", "0 ns"],
    [999, "nanoseconds", "999 ns"],
    [1_500_000, "nanoseconds", "1.50 ms"],
    [99_960_000, "nanoseconds", "100 ms"],
    [999_700_000, "nanoseconds", "1,000 ms"],
    [73_150_000_000, "nanoseconds", "1.22 min"],
    [2, "seconds", "2 s"],
    [1023, "bytes", "1023 B"],
    [1024, "bytes", "1 KiB"],
    [3_565_158, "bytes", "3.40 MiB"],
    [9_999, "count", "9999"],
    [12_345, "count", "12.3 k"],
    [-2048, "bytes", "−2 KiB"],
    [7, "furlongs", "7"],
  ])("%d %s reads %s", (value, unit, expected) => expect(formatValue(value, unit)).toBe(expected));
});

describe("the other spellings", () => {
  it("gives all digits when asked", () => {
    expect(formatExact(73_150_000_000, "nanoseconds")).toBe("73,150,000,000 ns");
    expect(formatExact(12, "count")).toBe("12");
  });
  it("gives percent with digits that matter", () => {
    expect([0, 0.00001, 0.0123, 0.4231, 1].map(formatPercent)).toEqual(["0 %", "< 0.01 %", "1.2 %", "42.3 %", "100 %"]);
  });
  it("signs every change", () => {
    expect([0, 0.0123, -0.25].map(formatPoints)).toEqual(["±0 pp", "+1.23 pp", "−25.0 pp"]);
  });
  it("spells durations in two words at most", () => {
    expect([900_000, 5_400_000, 93_784_000].map(formatDuration)).toEqual(["15 min", "1 h 30 min", "1 d 2 h"]);
  });
});

describe("measureOf", () => {
  const measure = (id: string): ReturnType<typeof measureOf> => measureOf(parseProfileType(id));
  it("turns CPU ns per step into cores", () => {
    const cpu = measure("process_cpu:cpu:nanoseconds:cpu:nanoseconds");
    expect(cpu.scale(40_660_000_000, 60)).toBeCloseTo(0.6777, 4);
    expect(cpu.caption).toBe("cores");
  });
  it("turns allocations into a rate and leaves states alone", () => {
    expect(measure("memory:alloc_space:bytes:space:bytes").format(2048)).toBe("2 KiB/s");
    expect(measure("memory:inuse_space:bytes:space:bytes").scale(2048, 15)).toBe(2048);
  });
});

describe("profile types", () => {
  it("prefers CPU, else takes the first", () => {
    expect(preferredType(["memory:alloc_space:bytes:space:bytes", "process_cpu:cpu:nanoseconds:cpu:nanoseconds"])).toMatch(/^process_cpu/);
    expect(preferredType(["x:y:count::"])).toBe("x:y:count::");
    expect(preferredType([])).toBeUndefined();
  });
  it("names unknown types by their id", () => {
    expect(titleOf(parseProfileType("gpu:kernel_time:nanoseconds::"))).toBe("kernel time (gpu)");
    expect(isSnapshot(parseProfileType("goroutine:goroutine:count:goroutine:count"))).toBe(true);
    expect(isSnapshot(parseProfileType("memory:alloc_space:bytes:space:bytes"))).toBe(false);
  });
});
