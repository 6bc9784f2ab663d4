import { fromBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DiffResponseSchema } from "../../../api/gen/querier/v1/querier_pb.ts";
import { atOnce } from "../../../base/steps.ts";
import { encodeDiff } from "./diff.ts";
import { type SlowNode, slowCut, slowTree } from "./testing/slow-tree.ts";
import { type Stack, treeOf } from "./testing/trees.ts";

type DrawnNode = { x: [number, number]; total: [number, number]; self: [number, number]; name: string };

function diffOf(left: readonly Stack[], right: readonly Stack[], nodesMax: number) {
  const graph = fromBinary(DiffResponseSchema, atOnce(encodeDiff(treeOf(left), treeOf(right), nodesMax))).flamegraph;
  if (graph === undefined) throw new Error("no flame graph");
  const levels = graph.levels.map((level) => {
    const values = level.values.map(Number);
    const nodes: DrawnNode[] = [];
    let xLeft = 0;
    let xRight = 0;
    for (let i = 0; i < values.length; i += 7) {
      const [gapLeft, totalLeft, selfLeft, gapRight, totalRight, selfRight, name] = values.slice(i, i + 7) as [
        number,
        number,
        number,
        number,
        number,
        number,
        number,
      ];
      xLeft += gapLeft;
      xRight += gapRight;
      nodes.push({ x: [xLeft, xRight], total: [totalLeft, totalRight], self: [selfLeft, selfRight], name: graph.names[name] ?? "missing" });
      xLeft += totalLeft;
      xRight += totalRight;
    }
    return nodes;
  });
  return { levels, graph };
}

/** The union of both trees, drawn the obvious way. */
function slowDiff(left: SlowNode, right: SlowNode, nodesMax: number): DrawnNode[][] {
  type Pair = { name: string; l: SlowNode; r: SlowNode; children: Pair[] };
  const empty = (name: string): SlowNode => ({ name, self: 0, total: 0, children: [] });
  const pairUp = (l: SlowNode, r: SlowNode): Pair => {
    const names = [...new Set([...l.children, ...r.children].map((child) => child.name))].sort((a, b) =>
      a === "other" ? 1 : b === "other" ? -1 : Buffer.compare(Buffer.from(a), Buffer.from(b)),
    );
    const named = (node: SlowNode, name: string): SlowNode => node.children.find((child) => child.name === name) ?? empty(name);
    return { name: l.name, l, r, children: names.map((name) => pairUp(named(l, name), named(r, name))) };
  };
  const every = (pair: Pair): Pair[] => [pair, ...pair.children.flatMap(every)];
  const size = (pair: Pair): number => Math.max(pair.l.total, pair.r.total);
  const root = pairUp(slowCut(left, nodesMax), slowCut(right, nodesMax));
  const sizes = every(root)
    .map(size)
    .sort((a, b) => b - a);
  const min = nodesMax > 0 && sizes.length > nodesMax ? (sizes[nodesMax - 1] as number) : 0;
  const levels: DrawnNode[][] = [];
  const draw = (pair: Pair, x: [number, number], depth: number): void => {
    (levels[depth] ??= []).push({ x, total: [pair.l.total, pair.r.total], self: [pair.l.self, pair.r.self], name: pair.name });
    const stay = pair.children.filter((child) => size(child) >= min && child.name !== "other");
    const gone = pair.children.filter((child) => !stay.includes(child));
    let at: [number, number] = [x[0] + pair.l.self, x[1] + pair.r.self];
    for (const child of stay) {
      draw(child, at, depth + 1);
      at = [at[0] + child.l.total, at[1] + child.r.total];
    }
    const others: [number, number] = [
      gone.reduce((sum, child) => sum + child.l.total, 0),
      gone.reduce((sum, child) => sum + child.r.total, 0),
    ];
    if (others[0] + others[1] > 0) (levels[depth + 1] ??= []).push({ x: at, total: others, self: others, name: "other" });
  };
  draw(root, [0, 0], 0);
  return levels;
}

const arbitraryStacks: fc.Arbitrary<Stack[]> = fc.array(
  fc.record({
    names: fc.array(fc.constantFrom("a", "b", "é", "other"), { minLength: 1, maxLength: 5 }),
    value: fc.integer({ min: 1, max: 100 }),
  }),
  { maxLength: 25 },
);

describe("encodeDiff", () => {
  it("shows a node that only one side has with zeros for the other", () => {
    const { levels, graph } = diffOf([{ names: ["main", "a"], value: 3 }], [{ names: ["main", "b"], value: 4 }], 0);
    expect(graph.levels.map((level) => level.values.map(Number))).toEqual([
      [0, 3, 0, 0, 4, 0, 0],
      [0, 3, 0, 0, 4, 0, 1],
      [0, 3, 3, 0, 0, 0, 3, 0, 0, 0, 0, 4, 4, 2],
    ]);
    expect(levels[2]?.map((node) => node.name)).toEqual(["a", "b"]);
    expect([graph.total, graph.maxSelf, graph.leftTicks, graph.rightTicks]).toEqual([7n, 4n, 3n, 4n]);
  });

  it("answers two empty sides with a lone total", () => {
    expect(diffOf([], [], 0).levels).toEqual([[{ x: [0, 0], total: [0, 0], self: [0, 0], name: "total" }]]);
  });

  it("equals the obvious implementation, whatever the limit", () => {
    fc.assert(
      fc.property(arbitraryStacks, arbitraryStacks, fc.integer({ min: 0, max: 20 }), (left, right, nodesMax) => {
        const { levels, graph } = diffOf(left, right, nodesMax);
        expect(levels).toEqual(slowDiff(slowTree(left), slowTree(right), nodesMax));
        expect(new Set(graph.names).size).toBe(graph.names.length);
      }),
      { numRuns: 300 },
    );
  });
});
