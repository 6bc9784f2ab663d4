import { STEP_ELEMENTS, type Steps } from "../../../base/steps.ts";
import type { FlameTree, NameTable } from "../flame-tree.ts";
import { compareNames, findName } from "./names.ts";
import { kthLargest } from "./top-values.ts";

/** In place of a name index: the synthetic node that stands for the children left out. */
export const OTHER_NODE = -1;
/** The name of that node on the wire; a real function of this name folds into it. */
export const OTHER_NAME = "other";

/**
 * A tree cut to size and laid out as it is drawn: level after level, siblings in bytewise order of their names, `other` last.
 *
 * Shape: node 0 is the root; the children of node i are childStart[i] .. childEnd[i] (all nodes of a level are contiguous, in
 * ascending x). name: index into names, or {@link OTHER_NODE}.
 */
export type LaidTree = {
  readonly count: number;
  readonly name: Int32Array;
  readonly self: Float64Array;
  readonly total: Float64Array;
  readonly childStart: Int32Array;
  readonly childEnd: Int32Array;
  readonly names: NameTable;
};

/**
 * Cuts a tree to about `nodesMax` nodes (0: all) and lays it out.
 *
 * Kept are the nodes whose total is at least the nodesMax-th largest (the root does not count), so ties may keep a few more, and the
 * same nodes are kept whatever the order they come in. The children of a node that are left out become one `other` with self = total = their sum.
 * Source: api.md 3.5, "Truncation".
 */
export function* layOutTree(tree: FlameTree, nodesMax: number): Steps<LaidTree> {
  const totalMin = nodesMax > 0 && tree.count - 1 > nodesMax ? kthLargest(tree.total.subarray(1), tree.count - 1, nodesMax) : 0;
  yield;
  const cut = cutTree(tree, totalMin);
  yield;
  return yield* layOut(tree, cut);
}

type Cut = { readonly kept: Uint8Array; readonly keptCount: number; readonly others: Float64Array; readonly othersCount: number };

/** Marks the nodes to keep. `others`: per kept node, the sum of the totals of its children left out. */
function cutTree(tree: FlameTree, totalMin: number): Cut {
  const kept = new Uint8Array(tree.count);
  const others = new Float64Array(tree.count);
  const otherName = findName(tree.names, OTHER_NAME);
  const { parent, total, name } = tree;
  kept[0] = 1;
  let keptCount = 1;
  let othersCount = 0;
  for (let i = 1; i < tree.count; i++) {
    const above = parent[i] as number;
    if (kept[above] === 0) continue;
    if ((total[i] as number) >= totalMin && name[i] !== otherName) {
      kept[i] = 1;
      keptCount++;
    } else {
      if (others[above] === 0) othersCount++;
      others[above] = (others[above] as number) + (total[i] as number);
    }
  }
  return { kept, keptCount, others, othersCount };
}

function* layOut(tree: FlameTree, { kept, keptCount, others, othersCount }: Cut): Steps<LaidTree> {
  const count = keptCount + othersCount;
  const children = new KeptChildren(tree, kept, keptCount);
  const name = new Int32Array(count);
  const self = new Float64Array(count);
  const total = new Float64Array(count);
  const childStart = new Int32Array(count);
  const childEnd = new Int32Array(count);
  /** Node of the tree behind each laid node, -1 for `other`. */
  const source = new Int32Array(count);
  let end = 1;
  let yieldAt = STEP_ELEMENTS;
  for (let at = 0; at < count; at++) {
    // What takes time is to sort children, and a node may have thousands.
    if (at + end >= yieldAt) {
      yieldAt = at + end + STEP_ELEMENTS;
      yield;
    }
    const node = source[at] as number;
    childStart[at] = end;
    if (node < 0) {
      name[at] = OTHER_NODE;
    } else {
      name[at] = tree.name[node] as number;
      self[at] = tree.self[node] as number;
      total[at] = tree.total[node] as number;
      end = children.copySorted(node, source, end);
      const other = others[node] as number;
      if (other > 0) {
        source[end] = -1;
        self[end] = other;
        total[end] = other;
        end++;
      }
    }
    childEnd[at] = end;
  }
  return { count, name, self, total, childStart, childEnd, names: tree.names };
}

/** Children of each kept node, one after the other in one array. */
class KeptChildren {
  readonly #tree: FlameTree;
  readonly #starts: Int32Array;
  readonly #list: Int32Array;

  constructor(tree: FlameTree, kept: Uint8Array, keptCount: number) {
    this.#tree = tree;
    const starts = new Int32Array(tree.count + 1);
    for (let i = 1; i < tree.count; i++) if (kept[i] === 1) starts[(tree.parent[i] as number) + 1]!++;
    for (let i = 0; i < tree.count; i++) starts[i + 1] = (starts[i + 1] as number) + (starts[i] as number);
    const fill = starts.slice();
    const list = new Int32Array(keptCount);
    for (let i = 1; i < tree.count; i++) if (kept[i] === 1) list[fill[tree.parent[i] as number]!++] = i;
    this.#starts = starts;
    this.#list = list;
  }

  /** Copies the children of a node in order of their names to target[at ..]; gives the end. */
  copySorted(node: number, target: Int32Array, at: number): number {
    const start = this.#starts[node] as number;
    const end = this.#starts[node + 1] as number;
    const size = end - start;
    if (size === 0) return at;
    const { name, names } = this.#tree;
    const byName = (a: number, b: number): number => compareNames(names, name[a] as number, names, name[b] as number);
    const list = this.#list;
    if (size > INSERTION_SORT_MAX) {
      target.set(list.subarray(start, end).sort(byName), at);
      return at + size;
    }
    for (let i = 0; i < size; i++) {
      const child = list[start + i] as number;
      let hole = at + i;
      while (hole > at && byName(target[hole - 1] as number, child) > 0) {
        target[hole] = target[hole - 1] as number;
        hole--;
      }
      target[hole] = child;
    }
    return at + size;
  }
}

/** Most nodes have one or two children: sorting those in place needs no call and no allocation. */
const INSERTION_SORT_MAX = 12;
