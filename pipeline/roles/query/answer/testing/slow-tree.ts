import type { Stack } from "./trees.ts";

/*
 * What flame graphs must show, written for the reader and not for the clock: an independent implementation that the fast one is compared with.
 */

export type SlowNode = { readonly name: string; self: number; total: number; children: SlowNode[] };

export function slowTree(stacks: readonly Stack[]): SlowNode {
  const root: SlowNode = { name: "total", self: 0, total: 0, children: [] };
  for (const { names, value } of stacks) {
    let node = root;
    root.total += value;
    for (const name of names) {
      let child = node.children.find((candidate) => candidate.name === name);
      if (child === undefined) node.children.push((child = { name, self: 0, total: 0, children: [] }));
      child.total += value;
      node = child;
    }
    node.self += value;
  }
  return dropEmpty(root);
}

function dropEmpty(node: SlowNode): SlowNode {
  return { ...node, children: node.children.filter((child) => child.total > 0).map(dropEmpty) };
}

export function slowCut(root: SlowNode, nodesMax: number): SlowNode {
  const totals = everyNode(root)
    .slice(1)
    .map((node) => node.total)
    .sort((a, b) => b - a);
  const totalMin = nodesMax > 0 && totals.length > nodesMax ? (totals[nodesMax - 1] as number) : 0;
  const cut = (node: SlowNode): SlowNode => {
    const stay = node.children.filter((child) => child.total >= totalMin && child.name !== "other");
    const gone = node.children.filter((child) => !stay.includes(child));
    const children = stay.map(cut).sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
    const sum = gone.reduce((before, child) => before + child.total, 0);
    if (sum > 0) children.push({ name: "other", self: sum, total: sum, children: [] });
    return { ...node, children };
  };
  return cut(root);
}

export function everyNode(root: SlowNode): SlowNode[] {
  return [root, ...root.children.flatMap(everyNode)];
}

/** Levels as on the wire, names as text: [gap, total, self, name]. */
export function slowLevels(root: SlowNode): (readonly [number, number, number, string])[][] {
  const levels: { x: number; node: SlowNode }[][] = [];
  const place = (node: SlowNode, x: number, depth: number): void => {
    (levels[depth] ??= []).push({ x, node });
    let childX = x + node.self;
    for (const child of node.children) {
      place(child, childX, depth + 1);
      childX += child.total;
    }
  };
  place(root, 0, 0);
  return levels.map((level) => {
    let before = 0;
    return level.map(({ x, node }) => {
      const gap = x - before;
      before = x + node.total;
      return [gap, node.total, node.self, node.name] as const;
    });
  });
}
