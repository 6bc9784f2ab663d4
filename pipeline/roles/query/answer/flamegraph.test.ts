import { fromBinary, toJson } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SelectMergeStacktracesResponseSchema } from "../../../api/gen/querier/v1/querier_pb.ts";
import { atOnce } from "../../../base/steps.ts";
import { encodeFlamegraph } from "./flamegraph.ts";
import { everyNode, slowCut, slowLevels, slowTree } from "./testing/slow-tree.ts";
import { type Stack, treeOf } from "./testing/trees.ts";
import { encodeTreeBytes } from "./tree-bytes.ts";

function flamegraphOf(stacks: readonly Stack[], nodesMax: number) {
  const response = fromBinary(SelectMergeStacktracesResponseSchema, atOnce(encodeFlamegraph(treeOf(stacks), nodesMax)));
  const graph = response.flamegraph;
  if (graph === undefined) throw new Error("no flame graph");
  const levels = graph.levels.map(({ values }) => {
    const nodes: [number, number, number, string][] = [];
    for (let i = 0; i < values.length; i += 4) {
      nodes.push([Number(values[i]), Number(values[i + 1]), Number(values[i + 2]), graph.names[Number(values[i + 3])] ?? "missing"]);
    }
    return nodes;
  });
  return { levels, names: graph.names, total: Number(graph.total), maxSelf: Number(graph.maxSelf) };
}

const arbitraryStacks: fc.Arbitrary<Stack[]> = fc.array(
  fc.record({
    names: fc.array(fc.constantFrom("a", "b", "ab", "é", "other", "total", "z"), { minLength: 1, maxLength: 6 }),
    value: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 2 ** 40 })),
  }),
  { maxLength: 40 },
);

describe("encodeFlamegraph", () => {
  it("answers a selection without samples with a lone total", () => {
    const response = fromBinary(SelectMergeStacktracesResponseSchema, atOnce(encodeFlamegraph(treeOf([]), 0)));
    expect(toJson(SelectMergeStacktracesResponseSchema, response)).toEqual({
      flamegraph: { names: ["total"], levels: [{ values: ["0", "0", "0", "0"] }] },
    });
  });

  it("begins the children of a node behind its own self", () => {
    const { levels, total, maxSelf } = flamegraphOf(
      [
        { names: ["main"], value: 5 },
        { names: ["main", "b"], value: 2 },
        { names: ["main", "a"], value: 3 },
        { names: ["init"], value: 1 },
      ],
      0,
    );
    expect(levels).toEqual([
      [[0, 11, 0, "total"]],
      [
        [0, 1, 1, "init"],
        [0, 10, 5, "main"],
      ],
      [
        [6, 3, 3, "a"],
        [0, 2, 2, "b"],
      ],
    ]);
    expect({ total, maxSelf }).toEqual({ total: 11, maxSelf: 5 });
  });

  it("folds what is below the limit, and functions called other, into one node per parent", () => {
    const stacks: Stack[] = [
      { names: ["a", "x"], value: 10 },
      { names: ["a", "y"], value: 1 },
      { names: ["a", "other", "deep"], value: 4 },
      { names: ["b"], value: 2 },
    ];
    expect(flamegraphOf(stacks, 2).levels).toEqual([
      [[0, 17, 0, "total"]],
      [
        [0, 15, 0, "a"],
        [0, 2, 2, "other"],
      ],
      [
        [0, 10, 10, "x"],
        [0, 5, 5, "other"],
      ],
    ]);
  });

  it("equals the obvious implementation, whatever the limit", () => {
    fc.assert(
      fc.property(arbitraryStacks, fc.integer({ min: 0, max: 30 }), (stacks, nodesMax) => {
        const expected = slowCut(slowTree(stacks), nodesMax);
        const graph = flamegraphOf(stacks, nodesMax);
        expect(graph.levels).toEqual(slowLevels(expected));
        expect(graph.total).toBe(expected.total);
        expect(graph.maxSelf).toBe(Math.max(...everyNode(expected).map((node) => node.self)));
        expect(graph.names[0]).toBe("total");
        expect(new Set(graph.names).size).toBe(graph.names.length);
      }),
      { numRuns: 300 },
    );
  });

  it("keeps the same nodes whatever the order of the samples", () => {
    fc.assert(
      fc.property(arbitraryStacks, fc.integer({ min: 1, max: 10 }), (stacks, nodesMax) => {
        expect(flamegraphOf([...stacks].reverse(), nodesMax).levels).toEqual(flamegraphOf(stacks, nodesMax).levels);
      }),
      { numRuns: 100 },
    );
  });
});

describe("encodeTreeBytes", () => {
  it("lists nodes depth first, the last sibling first", () => {
    const bytes = atOnce(
      encodeTreeBytes(
        treeOf([
          { names: ["a", "c"], value: 300 },
          { names: ["b"], value: 1 },
        ]),
        0,
      ),
    );
    const tree = fromBinary(SelectMergeStacktracesResponseSchema, bytes).tree;
    const a = 97;
    expect([...tree]).toEqual([0, 0, 2, 1, a + 1, 1, 0, 1, a, 0, 1, 1, a + 2, 0xac, 0x02, 0]);
  });

  it("is empty for an empty tree", () => {
    expect(atOnce(encodeTreeBytes(treeOf([]), 0)).length).toBe(0);
  });
});
