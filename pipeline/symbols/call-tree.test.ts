import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CallTree } from "./call-tree.ts";

describe("CallTree", () => {
  it("gives one node to each path, parents before children, however wide a node gets", () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.nat(40), { minLength: 1, maxLength: 4 }), { maxLength: 400 }), (paths) => {
        const tree = new CallTree(2);
        const known = new Map<string, number>();
        for (const path of paths) {
          const nodes = Uint32Array.from(path);
          const last = tree.descend(0, nodes, 0, path.length);
          let node = 0;
          for (let depth = 0; depth < path.length; depth++) {
            const parent = node;
            node = tree.child(node, path[depth]!);
            const key = path.slice(0, depth + 1).join("/");
            expect(known.get(key) ?? node).toBe(node);
            known.set(key, node);
            expect(tree.parent[node]).toBe(parent);
            expect(tree.label[node]).toBe(path[depth]);
            expect(parent).toBeLessThan(node);
            expect(nodes[depth]).toBe(node);
          }
          expect(last).toBe(node);
        }
        expect(new Set(known.values()).size).toBe(known.size);
        expect(tree.count).toBe(known.size + 1);
      }),
      { seed: 5, numRuns: 100 },
    );
  });
});
