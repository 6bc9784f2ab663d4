import { describe, expect, it } from "vitest";
import { EXAMPLE } from "./example.fixture.ts";
import { decodeFlameGraph, type FlameGraph, nameOf, nodeCount } from "./flame-graph.ts";
import { sandwichOf } from "./sandwich.ts";

describe("sandwichOf", () => {
  const graph = decodeFlameGraph(EXAMPLE);

  it("merges all occurrences of a function into one root", () => {
    const { callees } = sandwichOf(graph, "b")!;
    expect(rowsOf(callees)).toEqual(["0 b 5 (5)"]);
  });
  it("counts a recursive function once and shows the inner call as callee", () => {
    const { callees } = sandwichOf(graph, "a")!;
    expect(rowsOf(callees)).toEqual(["0 a 7 (1)", "1 a 4 (4)", "1 b 2 (2)"]);
  });
  it("hangs callers below the function, nearest first, without the synthetic root", () => {
    const { callers } = sandwichOf(graph, "b")!;
    expect(rowsOf(callers)).toEqual(["0 b 5 (0)", "1 a 2 (0)"]);
  });
  it("knows when the function is not there", () => {
    expect(sandwichOf(graph, "c")).toBeUndefined();
    expect(sandwichOf(graph, "total")).toBeUndefined();
  });
});

function rowsOf(graph: FlameGraph): string[] {
  return Array.from({ length: nodeCount(graph) }, (_, i) => `${graph.level[i]} ${nameOf(graph, i)} ${graph.total[i]} (${graph.self[i]})`);
}
