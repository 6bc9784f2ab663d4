import { describe, expect, it } from "vitest";
import { EXAMPLE } from "./example.fixture.ts";
import { decodeFlameGraph } from "./flame-graph.ts";
import { frameAt, levelsInside, stepFrom, visitLevel, windowOf } from "./layout.ts";

describe("layout", () => {
  const graph = decodeFlameGraph(EXAMPLE);
  const whole = windowOf(graph, 0);

  it("gives frames their share of the width", () => {
    expect(visited(1, whole, 1000)).toEqual([
      [1, 0, 700, false],
      [2, 700, 300, false],
    ]);
  });
  it("shows of a zoomed window only what is inside, ancestors at full width", () => {
    const window = windowOf(graph, 4);
    expect(visited(0, window, 100)).toEqual([[0, 0, 100, false]]);
    expect(visited(1, window, 100)).toEqual([[1, 0, 100, false]]);
    expect(visited(2, window, 100)).toEqual([[4, 0, 100, false]]);
  });
  it("merges what is too narrow to see, so that the work is bounded by the pixels", () => {
    const wide = decodeFlameGraph({
      names: ["total", "leaf"],
      levels: [{ values: ["0", "100000", "0", "0"] }, { values: Array.from({ length: 100_000 }, () => ["0", "1", "1", "1"]).flat() }],
    });
    let visits = 0;
    let coveredPx = 0;
    visitLevel(wide, 1, windowOf(wide, 0), 500, (_node, _left, width, isMerged) => {
      visits++;
      coveredPx += width;
      expect(isMerged).toBe(true);
    });
    expect(visits).toBeLessThanOrEqual(500);
    expect(coveredPx).toBeGreaterThan(499);
  });
  it("finds the frame under a pixel, and none beside the frames", () => {
    expect(frameAt(graph, 1, whole, 1000, 699)).toBe(1);
    expect(frameAt(graph, 1, whole, 1000, 701)).toBe(2);
    expect(frameAt(graph, 2, whole, 1000, 50)).toBe(-1);
    expect(frameAt(graph, 2, whole, 1000, 999)).toBe(-1);
    expect(frameAt(graph, 7, whole, 1000, 10)).toBe(-1);
  });
  it("is as tall as what the window shows", () => {
    expect(levelsInside(graph, whole)).toBe(3);
    expect(levelsInside(graph, windowOf(graph, 2))).toBe(2);
  });
  it("walks with the arrow keys: caller, widest callee, neighbours", () => {
    expect(stepFrom(graph, 0, "child", whole)).toBe(1);
    expect(stepFrom(graph, 1, "child", whole)).toBe(3);
    expect(stepFrom(graph, 3, "next", whole)).toBe(4);
    expect(stepFrom(graph, 4, "next", whole)).toBe(4);
    expect(stepFrom(graph, 4, "parent", whole)).toBe(1);
    expect(stepFrom(graph, 0, "parent", whole)).toBe(0);
    expect(stepFrom(graph, 1, "next", windowOf(graph, 1))).toBe(1);
  });

  function visited(level: number, window: { from: number; to: number }, widthPx: number): unknown[] {
    const seen: unknown[] = [];
    visitLevel(graph, level, window, widthPx, (...visit) => seen.push(visit));
    return seen;
  }
});
