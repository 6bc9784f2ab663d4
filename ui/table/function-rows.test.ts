import { describe, expect, it } from "vitest";
import { EXAMPLE } from "../flame/example.fixture.ts";
import { decodeFlameGraph, decodeFlameGraphDiff } from "../flame/flame-graph.ts";
import { functionRows, sortRows } from "./function-rows.ts";

describe("functionRows", () => {
  it("adds self over all frames and counts recursion once in the total", () => {
    expect(functionRows(decodeFlameGraph(EXAMPLE))).toEqual([
      { name: "a", self: 5, total: 7, selfChange: 0, totalChange: 0 },
      { name: "b", self: 5, total: 5, selfChange: 0, totalChange: 0 },
    ]);
  });
  it("gives nothing for an empty graph", () => expect(functionRows(decodeFlameGraph({}))).toEqual([]));
  it("shows the newer side of a diff and how the shares moved", () => {
    const graph = decodeFlameGraphDiff({
      names: ["total", "a", "b"],
      levels: [
        { values: ["0", "10", "0", "0", "4", "0", "0"] },
        { values: ["0", "10", "10", "0", "1", "1", "1", "0", "0", "0", "0", "3", "3", "2"] },
      ],
    });
    expect(functionRows(graph)).toEqual([
      { name: "a", self: 1, total: 1, selfChange: -0.75, totalChange: -0.75 },
      { name: "b", self: 3, total: 3, selfChange: 0.75, totalChange: 0.75 },
    ]);
  });
  it("claims no change when there was nothing before", () => {
    const graph = decodeFlameGraphDiff({
      names: ["total", "a"],
      levels: [{ values: ["0", "0", "0", "0", "4", "0", "0"] }, { values: ["0", "0", "0", "0", "4", "4", "1"] }],
    });
    expect(functionRows(graph)).toEqual([{ name: "a", self: 4, total: 4, selfChange: 0, totalChange: 0 }]);
  });
});

describe("sortRows", () => {
  const row = (name: string, self: number): Parameters<typeof sortRows>[0][number] => ({
    name,
    self,
    total: self,
    selfChange: 0,
    totalChange: 0,
  });
  it("orders equal values by name, whichever way it sorts", () => {
    const rows = [row("c", 1), row("b", 2), row("a", 1)];
    expect(sortRows(rows, "self", true).map(({ name }) => name)).toEqual(["b", "a", "c"]);
    expect(sortRows(rows, "self", false).map(({ name }) => name)).toEqual(["a", "c", "b"]);
    expect(sortRows(rows, "name", true).map(({ name }) => name)).toEqual(["c", "b", "a"]);
  });
});
