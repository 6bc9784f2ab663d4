import { describe, expect, it } from "vitest";
import { table, verdict } from "./table.ts";

describe("verdict", () => {
  const target = { floor: 100, goal: 10 };
  it("says goal, floor or missed for a figure that should be small", () => {
    expect([10, 11, 100, 101].map((ours) => verdict({ figure: "x", unit: "ms", ours, target }))).toEqual([
      "goal",
      "floor",
      "floor",
      "**missed**",
    ]);
  });
  it("turns round for a figure that should be large", () => {
    const more = { floor: 400, goal: 800 };
    expect([900, 500, 300].map((ours) => verdict({ figure: "x", unit: "/s", ours, target: more, moreIsBetter: true }))).toEqual([
      "goal",
      "floor",
      "**missed**",
    ]);
  });
});

describe("table", () => {
  it("aligns its columns", () => {
    const lines = table([
      { figure: "a", ours: 1, unit: "ms" },
      { figure: "longer", ours: 12345, unit: "ms", target: { floor: 2, goal: 1 } },
    ]).split("\n");
    expect(new Set(lines.map((line) => line.length)).size).toBe(1);
    expect(lines[3]).toContain("12,345 ms");
  });
});
