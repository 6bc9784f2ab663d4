import { fromBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DiffResponseSchema, SelectMergeStacktracesResponseSchema } from "../../../api/gen/querier/v1/querier_pb.ts";
import { atOnce } from "../../../base/steps.ts";
import type { FunctionTreeRequest } from "../question.ts";
import { encodeFunctionTree } from "./function-tree.ts";
import { encodeFunctions, encodeFunctionsDiff } from "./functions.ts";
import { type Stack, treeOf } from "./testing/trees.ts";

function functions(stacks: readonly Stack[], limit = 0) {
  const table = fromBinary(SelectMergeStacktracesResponseSchema, atOnce(encodeFunctions(treeOf(stacks), limit))).functions;
  return {
    rows: table?.functions.map((row) => [row.name, Number(row.self), Number(row.total)]),
    total: Number(table?.total),
    count: Number(table?.totalFunctions),
  };
}

const arbitraryStacks: fc.Arbitrary<Stack[]> = fc.array(
  fc.record({ names: fc.array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 6 }), value: fc.integer({ min: 1, max: 9 }) }),
  { maxLength: 20 },
);

describe("encodeFunctions", () => {
  it("counts recursion once and sorts by self, then name", () => {
    const stacks = [
      { names: ["main", "f", "f", "f"], value: 5 },
      { names: ["main", "g"], value: 5 },
      { names: ["main"], value: 1 },
    ];
    expect(functions(stacks)).toEqual({
      rows: [
        ["f", 5, 5],
        ["g", 5, 5],
        ["main", 1, 11],
      ],
      total: 11,
      count: 3,
    });
    expect(functions(stacks, 1)).toEqual({ rows: [["f", 5, 5]], total: 11, count: 3 });
  });

  it("equals a count over the stacks themselves", () => {
    fc.assert(
      fc.property(arbitraryStacks, (stacks) => {
        for (const [name, self, total] of functions(stacks).rows ?? []) {
          const sum = (wanted: (stack: Stack) => boolean): number =>
            stacks.filter(wanted).reduce((before, stack) => before + stack.value, 0);
          expect(self).toBe(sum((stack) => stack.names.at(-1) === name));
          expect(total).toBe(sum((stack) => stack.names.includes(name as string)));
        }
      }),
      { numRuns: 100 },
    );
  });

  it("aligns two sides and cuts after joining", () => {
    const left = treeOf([
      { names: ["a"], value: 3 },
      { names: ["b"], value: 2 },
    ]);
    const right = treeOf([
      { names: ["b"], value: 9 },
      { names: ["c"], value: 1 },
    ]);
    const rows = fromBinary(DiffResponseSchema, atOnce(encodeFunctionsDiff(left, right, 2, "rows"))).functions;
    expect(rows?.functions.map((row) => [row.name, Number(row.leftSelf), Number(row.rightSelf)])).toEqual([
      ["b", 2, 9],
      ["a", 3, 0],
    ]);
    expect([rows?.leftTotal, rows?.rightTotal]).toEqual([5n, 10n]);
    const tables = fromBinary(DiffResponseSchema, atOnce(encodeFunctionsDiff(left, right, 2, "tables"))).functions;
    expect(tables?.left?.functions.map((row) => row.name)).toEqual(["b", "a"]);
    expect(tables?.right?.functions.map((row) => row.name)).toEqual(["b"]);
  });
});

describe("encodeFunctionTree", () => {
  const STACKS: Stack[] = [
    { names: ["main", "A", "F", "X", "leaf"], value: 5 },
    { names: ["top", "A", "F", "X"], value: 7 },
    { names: ["main", "B", "F"], value: 3 },
    { names: ["main", "X", "unrelated"], value: 100 },
  ];
  const trees = (path: readonly string[], more: Partial<FunctionTreeRequest>, stacks = STACKS) =>
    fromBinary(
      SelectMergeStacktracesResponseSchema,
      atOnce(encodeFunctionTree(treeOf(stacks), { path, anchored: false, callers: true, callees: true, depthMax: 1, ...more })),
    ).functionTree;

  it("finds a function anywhere, with what calls it and what it calls", () => {
    const both = trees(["F"], {});
    expect(both?.callees?.root).toMatchObject({ name: "F", total: 15n, self: 3n, hasChildren: true });
    expect(both?.callees?.root?.children).toMatchObject([{ name: "X", total: 12n, self: 7n, hasChildren: true, children: [] }]);
    expect(both?.callers?.root).toMatchObject({ name: "F", total: 15n, self: 3n });
    expect(both?.callers?.root?.children.map((child) => [child.name, child.total, child.self])).toEqual([
      ["A", 12n, 0n],
      ["B", 3n, 0n],
    ]);
  });

  it("extends a chain on either side", () => {
    const chain = trees(["A", "F"], {});
    expect(chain?.callers?.root).toMatchObject({ name: "A", total: 12n });
    expect(chain?.callers?.root?.children.map((child) => [child.name, child.total])).toEqual([
      ["top", 7n],
      ["main", 5n],
    ]);
    expect(chain?.callees?.root).toMatchObject({ name: "F", total: 12n });
    expect(trees(["F", "A"], {})?.callers?.root).toBeUndefined();
    expect(trees(["missing"], {})?.callees?.root).toBeUndefined();
  });

  it("follows a path from the root, and to no depth at all", () => {
    const rooted = trees(["main", "A", "F"], { anchored: true, callers: false, depthMax: 0 });
    expect(rooted?.callees?.root).toMatchObject({ name: "F", total: 5n, hasChildren: true, children: [] });
    expect(rooted?.callers).toBeUndefined();
    expect(trees([], { anchored: true, callers: false })?.callees?.root).toMatchObject({ total: 115n, hasChildren: true });
  });

  it("counts each occurrence of a recursive function", () => {
    const recursive = trees(["F"], { depthMax: 5 }, [{ names: ["main", "F", "F"], value: 5 }]);
    expect(recursive?.callees?.root).toMatchObject({ total: 10n, self: 5n });
    expect(recursive?.callers?.root).toMatchObject({ total: 10n, self: 5n });
  });
});
