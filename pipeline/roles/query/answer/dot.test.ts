import { describe, expect, it } from "vitest";
import { dotText, shortName } from "./dot.ts";
import { percentage, valueLabel } from "./measurement.ts";
import { stacksOf } from "./testing/stacks.ts";

/* The whole text against Pyroscope's is a recorded answer (test/golden); here are the parts that one profile does not have. */

describe("dotText", () => {
  const STACKS = stacksOf([
    { locations: ["c:3", "b:2", "a:1"], value: 60 },
    { locations: ["b:2", "a:1"], value: 30 },
    { locations: ["d:4<b:2", "a:1"], value: 10 },
  ]);
  const dot = (nodesMax: number) =>
    dotText(STACKS, { profileTypeId: "memory:alloc_space:bytes:space:bytes", endMs: Date.UTC(2026, 0, 2, 0, 5), nodesMax });

  it("says in the legend what is shown", () => {
    expect(dot(100)).toContain(
      'label="File: app\\lBuild ID: build-1\\lType: alloc_space\\lTime: Jan 2, 2026 at 12:05am (UTC)\\lShowing nodes accounting for 100B, 100% of 100B total\\l\\lSee',
    );
    expect(dot(2)).toContain("Showing top 2 nodes out of 4");
  });

  it("marks inlined calls, and dots edges over nodes left out", () => {
    expect(dot(100)).toMatch(/N\d -> N\d \[label=" 10B\\n \(inline\)"/);
    expect(dot(100)).not.toContain('style="dotted"');
    const bridged = stacksOf([
      { locations: ["c:3", "between:2", "a:1"], value: 60 },
      { locations: ["a:1"], value: 40 },
    ]);
    expect(dotText(bridged, { profileTypeId: "a:b:count:d:e", endMs: 1, nodesMax: 2 })).toMatch(
      /tooltip="a [^"]* \.\.\. c [^"]*".* style="dotted"\]/,
    );
  });

  it("is empty when nothing was selected", () => {
    expect(dotText(stacksOf([]), { profileTypeId: "a:b:c:d:e", endMs: 1, nodesMax: 10 })).toBe("");
  });

  it("names frames without a function by address and binary", () => {
    const text = dotText(stacksOf([{ locations: ["0x1f"], value: 1 }]), { profileTypeId: "a:b:count:d:e", endMs: 1, nodesMax: 10 });
    expect(text).toContain('label="000000000000001f\\n[app]\\n1 (100%)"');
  });
});

describe("shortName", () => {
  it.each([
    ["github.com/a/b/v2/pkg.(*T).Do", "pkg.(*T).Do"],
    ["net/http.(*conn).serve", "http.(*conn).serve"],
    ["main.main.func1", "main.main.func1"],
    ["java.util.concurrent.Worker.run(int)", "Worker.run"],
    ["(anonymous namespace)::Bar::Foo", "Bar::Foo"],
    ["ns::inner::Class::method", "Class::method"],
  ])("shortens %s to %s", (name, short) => {
    expect(shortName(name)).toBe(short);
  });
});

describe("values as text", () => {
  it.each([
    [1_230_000_000, "nanoseconds", "1.23s"],
    [5, "nanoseconds", "0"],
    [7_200_000, "milliseconds", "7200s"],
    [1_000_000_000, "nanosecond", "1s"],
    [2048, "bytes", "2048B"],
    [3, "kilobyte", "3072B"],
    [42, "count", "42"],
    [0, "bytes", "0"],
    [0.125, "count", "0.12"],
    [0.375, "count", "0.38"],
  ])("%d %s is %s", (value, unit, text) => {
    expect(valueLabel(value, unit)).toBe(text);
  });

  it.each([
    [1, 1, "100%"],
    [99_949, 100_000, "99.95%"],
    [99_951, 100_000, "100%"],
    [2481, 10_000, "24.81%"],
    [15, 10_000, "0.15%"],
    [5, 1000, "0.5%"],
    [12, 100_000_000, "1.2e-05%"],
    [0, 5, "0%"],
    [5, 0, "0%"],
  ])("%d of %d is %s", (value, total, text) => {
    expect(percentage(value, total)).toBe(text);
  });
});
