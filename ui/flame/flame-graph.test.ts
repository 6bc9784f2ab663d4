import { describe, expect, it } from "vitest";
import { EXAMPLE } from "./example.fixture.ts";
import {
  decodeFlameGraph,
  decodeFlameGraphDiff,
  findZoom,
  foldedShare,
  grandTotal,
  nameOf,
  nodeCount,
  pathOf,
  zoomWord,
} from "./flame-graph.ts";

/* Goal: what the wire says is what the columns hold. Method: small graphs whose columns can be worked out by hand. */

describe("decodeFlameGraph", () => {
  const graph = decodeFlameGraph(EXAMPLE);

  it("undoes the delta coding of x", () => {
    expect([...graph.x]).toEqual([0, 0, 7, 1, 5]);
    expect([...graph.total]).toEqual([10, 7, 3, 4, 2]);
    expect([...graph.self]).toEqual([0, 1, 3, 4, 2]);
  });

  it("hangs every frame under the one that spans it", () => {
    expect([...graph.parent]).toEqual([-1, 0, 0, 1, 1]);
    expect([...graph.childCount]).toEqual([2, 2, 0, 0, 0]);
    expect(pathOf(graph, 4)).toEqual(["a", "b"]);
  });

  it("calls the synthetic root all", () => {
    expect(nameOf(graph, 0)).toBe("all");
    expect(nameOf(graph, 4)).toBe("b");
  });

  it("takes the answer without data as an empty graph", () => {
    const empty = decodeFlameGraph({ names: ["total"], levels: [{ values: ["0", "0", "0", "0"] }] });
    expect(grandTotal(empty)).toBe(0);
    expect(nodeCount(decodeFlameGraph({}))).toBe(0);
  });

  it("keeps nanoseconds exact where 32 bits would not", () => {
    const large = decodeFlameGraph({ names: ["total"], levels: [{ values: ["0", "9007199254740991", "9007199254740991", "0"] }] });
    expect(grandTotal(large)).toBe(Number.MAX_SAFE_INTEGER);
  });
});

describe("decodeFlameGraphDiff", () => {
  it("adds the sides for the drawing and keeps each for the facts", () => {
    // left: total 10 → a 10; right: total 6 → a 2, b 4
    const graph = decodeFlameGraphDiff({
      names: ["total", "a", "b"],
      levels: [
        { values: ["0", "10", "0", "0", "6", "0", "0"] },
        { values: ["0", "10", "10", "0", "2", "2", "1", "0", "0", "0", "0", "4", "4", "2"] },
      ],
    });
    expect([...graph.total]).toEqual([16, 12, 4]);
    expect([...graph.x]).toEqual([0, 0, 12]);
    expect([...graph.sides!.leftTotal]).toEqual([10, 10, 0]);
    expect([...graph.sides!.rightTotal]).toEqual([6, 2, 4]);
    expect([...graph.parent]).toEqual([-1, 0, 0]);
  });
});

describe("zoom words", () => {
  it("find the same frame in an answer that is laid out differently", () => {
    const word = zoomWord(decodeFlameGraph(EXAMPLE), 4);
    const later = decodeFlameGraph({
      names: ["total", "b", "c", "a"],
      levels: [{ values: ["0", "20", "0", "0"] }, { values: ["0", "9", "0", "3", "0", "11", "11", "2"] }, { values: ["0", "9", "9", "1"] }],
    });
    expect(word).toMatch(/^[0-9a-f]{8}$/);
    expect(pathOf(later, findZoom(later, word))).toEqual(["a", "b"]);
  });

  it("fall back to everything when the frame is gone", () => {
    expect(findZoom(decodeFlameGraph(EXAMPLE), "00000001")).toBe(0);
    expect(findZoom(decodeFlameGraph(EXAMPLE), "")).toBe(0);
  });
});

describe("foldedShare", () => {
  it("is the part of the total that stands in frames called other", () => {
    expect(foldedShare(decodeFlameGraph(EXAMPLE))).toBe(0);
    const folded = decodeFlameGraph({ ...EXAMPLE, names: ["total", "a", "other"] });
    expect(foldedShare(folded)).toBe(0.5);
  });
});
