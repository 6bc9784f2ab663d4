import { type FlameGraph, grandTotal, nodeCount } from "../flame/flame-graph.ts";
import type { SortKey } from "../state/view.ts";

/** One function over the whole answer. Values are raw; in a diff `self` and `total` are of the right (newer) side. */
export interface FunctionRow {
  readonly name: string;
  readonly self: number;
  readonly total: number;
  /** Change of share from the left window to the right, −1 to 1; 0 outside a diff. */
  readonly selfChange: number;
  readonly totalChange: number;
}

/**
 * Self is the sum over all frames of a function; total counts a recursive function once per stack: of frames on
 * one path only the outermost adds its total.
 */
export function functionRows(graph: FlameGraph): FunctionRow[] {
  const outermost = outermostFrames(graph);
  const sum = (column: Float64Array, only?: Uint8Array): Float64Array => {
    const sums = new Float64Array(graph.names.length);
    for (let node = 1; node < nodeCount(graph); node++)
      if (only === undefined || only[node] === 1) sums[graph.nameIndex[node]!]! += column[node]!;
    return sums;
  };
  const present = new Uint8Array(graph.names.length);
  for (let node = 1; node < nodeCount(graph); node++) present[graph.nameIndex[node]!] = 1;

  const rows: FunctionRow[] = [];
  const { sides } = graph;
  if (sides === undefined) {
    const self = sum(graph.self);
    const total = sum(graph.total, outermost);
    for (let index = 0; index < present.length; index++) {
      if (present[index] === 1)
        rows.push({ name: graph.names[index]!, self: self[index]!, total: total[index]!, selfChange: 0, totalChange: 0 });
    }
    return rows;
  }
  const left = { self: sum(sides.leftSelf), total: sum(sides.leftTotal, outermost), whole: sides.leftTotal[0] ?? 0 };
  const right = { self: sum(sides.rightSelf), total: sum(sides.rightTotal, outermost), whole: sides.rightTotal[0] ?? 0 };
  // With nothing on one side there is nothing to compare.
  const comparable = left.whole > 0 && right.whole > 0;
  const change = (before: number, now: number): number => (comparable ? now / right.whole - before / left.whole : 0);
  for (let index = 0; index < present.length; index++) {
    if (present[index] === 0) continue;
    rows.push({
      name: graph.names[index]!,
      self: right.self[index]!,
      total: right.total[index]!,
      selfChange: change(left.self[index]!, right.self[index]!),
      totalChange: change(left.total[index]!, right.total[index]!),
    });
  }
  return rows;
}

/** The whole that the shares of rows refer to: all of it, or the newer side of a diff. */
export function wholeOf(graph: FlameGraph): number {
  return graph.sides === undefined ? grandTotal(graph) : (graph.sides.rightTotal[0] ?? 0);
}

/** By the key, equal ones by name, so that the order never depends on how the answer was laid out. */
export function sortRows(rows: readonly FunctionRow[], key: SortKey, descending: boolean): FunctionRow[] {
  const sign = descending ? -1 : 1;
  const byName = (a: FunctionRow, b: FunctionRow): number => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
  return [...rows].sort((a, b) => (key === "name" ? sign * byName(a, b) : sign * (a[key] - b[key]) || byName(a, b)));
}

/** One byte per node: 1 when no ancestor is the same function. Depth-first, with a counter per name on the path. */
function outermostFrames(graph: FlameGraph): Uint8Array {
  const outermost = new Uint8Array(nodeCount(graph));
  const onPath = new Uint32Array(graph.names.length);
  // A node is pushed twice: once to enter (node), once to leave (~node).
  const work: number[] = nodeCount(graph) === 0 ? [] : [0];
  for (let item = work.pop(); item !== undefined; item = work.pop()) {
    if (item < 0) {
      onPath[graph.nameIndex[~item]!]!--;
      continue;
    }
    const name = graph.nameIndex[item]!;
    if (onPath[name] === 0) outermost[item] = 1;
    onPath[name]!++;
    work.push(~item);
    const first = graph.firstChild[item]!;
    for (let child = first; child < first + graph.childCount[item]!; child++) work.push(child);
  }
  return outermost;
}
