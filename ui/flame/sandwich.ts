import { allocate, type FlameGraph, link, nodeCount } from "./flame-graph.ts";

/** A function seen from both sides: who spends time in it, and where that time goes. */
export interface Sandwich {
  /** Root is the function; below it what it calls, all its occurrences merged. */
  readonly callees: FlameGraph;
  /** Root is the function; below it its callers, nearest first. */
  readonly callers: FlameGraph;
}

/**
 * Merges every occurrence of a function. Of a recursive call only the outermost counts, so nothing is summed twice.
 * Undefined when the graph does not have the function.
 */
export function sandwichOf(graph: FlameGraph, functionName: string): Sandwich | undefined {
  const wanted = graph.names.indexOf(functionName, 1);
  if (wanted < 0) return undefined;
  const width = graph.sides === undefined ? 2 : 6;
  const callees = newBranch(wanted, width);
  const callers = newBranch(wanted, width);
  const inside = new Uint8Array(nodeCount(graph));
  let found = false;
  for (let node = 0; node < nodeCount(graph); node++) {
    const parent = graph.parent[node]!;
    const isInside = parent >= 0 && inside[parent] === 1;
    const isWanted = graph.nameIndex[node] === wanted && node > 0;
    inside[node] = isInside || isWanted ? 1 : 0;
    if (!isWanted || isInside) continue;
    found = true;
    addSubtree(callees, graph, node);
    addCallers(callers, graph, node);
  }
  return found ? { callees: layOut(callees, graph), callers: layOut(callers, graph) } : undefined;
}

/** Values of a branch: total, self, and in a diff left total, left self, right total, right self. */
interface Branch {
  readonly nameIndex: number;
  readonly values: Float64Array;
  readonly children: Map<number, Branch>;
}

function newBranch(nameIndex: number, width: number): Branch {
  return { nameIndex, values: new Float64Array(width), children: new Map() };
}

function childOf(branch: Branch, nameIndex: number): Branch {
  let child = branch.children.get(nameIndex);
  if (child === undefined) branch.children.set(nameIndex, (child = newBranch(nameIndex, branch.values.length)));
  return child;
}

function addSubtree(into: Branch, graph: FlameGraph, top: number): void {
  const work: [Branch, number][] = [[into, top]];
  for (let item = work.pop(); item !== undefined; item = work.pop()) {
    const [branch, node] = item;
    addValues(branch.values, graph, node, true);
    const first = graph.firstChild[node]!;
    for (let child = first; child < first + graph.childCount[node]!; child++) work.push([childOf(branch, graph.nameIndex[child]!), child]);
  }
}

function addCallers(into: Branch, graph: FlameGraph, node: number): void {
  let branch = into;
  addValues(branch.values, graph, node, false);
  for (let caller = graph.parent[node]!; caller > 0; caller = graph.parent[caller]!) {
    branch = childOf(branch, graph.nameIndex[caller]!);
    addValues(branch.values, graph, node, false);
  }
}

function addValues(values: Float64Array, graph: FlameGraph, node: number, withSelf: boolean): void {
  const self = withSelf ? 1 : 0;
  values[0]! += graph.total[node]!;
  values[1]! += self * graph.self[node]!;
  if (graph.sides === undefined) return;
  values[2]! += graph.sides.leftTotal[node]!;
  values[3]! += self * graph.sides.leftSelf[node]!;
  values[4]! += graph.sides.rightTotal[node]!;
  values[5]! += self * graph.sides.rightSelf[node]!;
}

function layOut(root: Branch, from: FlameGraph): FlameGraph {
  const levels: { branch: Branch; x: number }[][] = [];
  let count = 0;
  for (let level = [{ branch: root, x: 0 }]; level.length > 0; ) {
    levels.push(level);
    count += level.length;
    const next: { branch: Branch; x: number }[] = [];
    for (const { branch, x } of level) {
      // A node's children start behind its own self value, in name order, as on the wire.
      let at = x + branch.values[1]!;
      const children = [...branch.children.values()].sort((a, b) => (from.names[a.nameIndex]! < from.names[b.nameIndex]! ? -1 : 1));
      for (const child of children) {
        next.push({ branch: child, x: at });
        at += child.values[0]!;
      }
    }
    level = next;
  }
  const columns = allocate(count, levels.length, from.sides !== undefined);
  let node = 0;
  levels.forEach((level, l) => {
    columns.levelStart[l] = node;
    for (const { branch, x } of level) {
      columns.level[node] = l;
      columns.x[node] = x;
      columns.total[node] = branch.values[0]!;
      columns.self[node] = branch.values[1]!;
      columns.nameIndex[node] = branch.nameIndex;
      if (columns.sides !== undefined) {
        columns.sides.leftTotal[node] = branch.values[2]!;
        columns.sides.leftSelf[node] = branch.values[3]!;
        columns.sides.rightTotal[node] = branch.values[4]!;
        columns.sides.rightSelf[node] = branch.values[5]!;
      }
      node++;
    }
  });
  columns.levelStart[levels.length] = node;
  return link({ ...columns, names: from.names });
}
