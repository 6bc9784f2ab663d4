import type { FlameTree } from "../../flame-tree.ts";
import { nameTable } from "../names.ts";

/** Names root first, and what was measured at the end of them. */
export type Stack = { readonly names: readonly string[]; readonly value: number };

/** The merged tree of some stacks, built the obvious way. */
export function treeOf(stacks: readonly Stack[]): FlameTree {
  const names = ["total"];
  const rows: { parent: number; name: number; self: number; total: number; children: Map<string, number> }[] = [
    { parent: -1, name: 0, self: 0, total: 0, children: new Map() },
  ];
  for (const stack of stacks) {
    if (stack.value === 0) continue;
    let at = 0;
    rows[0]!.total += stack.value;
    for (const name of stack.names) {
      let child = rows[at]!.children.get(name);
      if (child === undefined) {
        child = rows.length;
        if (!names.includes(name)) names.push(name);
        rows.push({ parent: at, name: names.indexOf(name), self: 0, total: 0, children: new Map() });
        rows[at]!.children.set(name, child);
      }
      at = child;
      rows[at]!.total += stack.value;
    }
    rows[at]!.self += stack.value;
  }
  return {
    count: rows.length,
    parent: Int32Array.from(rows, (row) => row.parent),
    name: Int32Array.from(rows, (row) => row.name),
    self: Float64Array.from(rows, (row) => row.self),
    total: Float64Array.from(rows, (row) => row.total),
    names: nameTable(names),
  };
}
