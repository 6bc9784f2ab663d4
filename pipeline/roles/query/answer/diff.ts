import type { FlameTree } from "../flame-tree.ts";
import { type LaidTree, layOutTree, OTHER_NAME, OTHER_NODE } from "./laid-tree.ts";
import { compareNames, nameKey } from "./names.ts";
import { ProtoWriter } from "./proto-writer.ts";
import { kthLargest } from "./top-values.ts";

/** querier.v1.DiffResponse with the flame graph of two trees side by side. */
export function encodeDiff(left: FlameTree, right: FlameTree, nodesMax: number): Uint8Array {
  // Each side is cut by its own totals first: a side's `other` then means the same here as in its own flame graph.
  const pairs = pairTrees(layOutTree(left, nodesMax), layOutTree(right, nodesMax));
  const writer = new ProtoWriter(64 + pairs.count * 50);
  const mark = writer.begin(1);
  writeDiff(writer, pairs, nodesMax);
  writer.end(mark);
  return writer.finish();
}

/**
 * The union of two trees, level after level, children contiguous and sorted as in each tree, `other` last.
 * leftNode, rightNode: the node in the laid tree of that side, -1 where it has none.
 */
type PairedTree = {
  readonly count: number;
  readonly left: LaidTree;
  readonly right: LaidTree;
  readonly leftNode: Int32Array;
  readonly rightNode: Int32Array;
  readonly childStart: Int32Array;
  readonly childEnd: Int32Array;
};

function pairTrees(left: LaidTree, right: LaidTree): PairedTree {
  const capacity = left.count + right.count - 1;
  const leftNode = new Int32Array(capacity);
  const rightNode = new Int32Array(capacity);
  const childStart = new Int32Array(capacity);
  const childEnd = new Int32Array(capacity);
  let end = 1;
  for (let at = 0; at < end; at++) {
    childStart[at] = end;
    const l = leftNode[at] as number;
    const r = rightNode[at] as number;
    let lc = l < 0 ? 0 : (left.childStart[l] as number);
    const lEnd = l < 0 ? 0 : (left.childEnd[l] as number);
    let rc = r < 0 ? 0 : (right.childStart[r] as number);
    const rEnd = r < 0 ? 0 : (right.childEnd[r] as number);
    while (lc < lEnd || rc < rEnd) {
      const order = lc === lEnd ? 1 : rc === rEnd ? -1 : compareNodes(left, lc, right, rc);
      leftNode[end] = order <= 0 ? lc++ : -1;
      rightNode[end] = order >= 0 ? rc++ : -1;
      end++;
    }
    childEnd[at] = end;
  }
  return { count: end, left, right, leftNode, rightNode, childStart, childEnd };
}

function compareNodes(left: LaidTree, l: number, right: LaidTree, r: number): number {
  const leftName = left.name[l] as number;
  const rightName = right.name[r] as number;
  if (leftName === OTHER_NODE) return rightName === OTHER_NODE ? 0 : 1;
  if (rightName === OTHER_NODE) return -1;
  return compareNames(left.names, leftName, right.names, rightName);
}

/**
 * querier.v1.FlameGraphDiff: 7 numbers a node, x left (gap coded), total left, self left, x right (gap coded), total right, self right, name.
 * A pair is kept when one of its sides is among the nodesMax largest; the rest of a node's children become one `other`.
 */
function writeDiff(writer: ProtoWriter, pairs: PairedTree, nodesMax: number): void {
  const { left, right, leftNode, rightNode } = pairs;
  const largest = new Float64Array(pairs.count);
  for (let i = 0; i < pairs.count; i++) {
    largest[i] = Math.max(valueAt(left.total, leftNode[i] as number), valueAt(right.total, rightNode[i] as number));
  }
  const totalMin = nodesMax > 0 && pairs.count > nodesMax ? kthLargest(largest, pairs.count, nodesMax) : 0;
  const names = new DiffNames(left, right);
  const levels = new ProtoWriter(pairs.count * 24 + 64);
  let selfMax = 0;

  // One level at a time: pairs to draw with their absolute x; OTHER_NODE stands for the sum of children left out.
  let level: DrawnPair[] = [drawPair(pairs, 0, 0, 0)];
  while (level.length > 0) {
    const below: DrawnPair[] = [];
    const levelMark = levels.begin(2);
    const valuesMark = levels.begin(1);
    let leftBefore = 0;
    let rightBefore = 0;
    for (const drawn of level) {
      levels.varint(drawn.leftX - leftBefore);
      levels.varint(drawn.leftTotal);
      levels.varint(drawn.leftSelf);
      levels.varint(drawn.rightX - rightBefore);
      levels.varint(drawn.rightTotal);
      levels.varint(drawn.rightSelf);
      levels.varint(drawn.pair === OTHER_NODE ? names.other() : names.of(leftNode[drawn.pair] as number, rightNode[drawn.pair] as number));
      leftBefore = drawn.leftX + drawn.leftTotal;
      rightBefore = drawn.rightX + drawn.rightTotal;
      selfMax = Math.max(selfMax, drawn.leftSelf, drawn.rightSelf);
      if (drawn.pair !== OTHER_NODE) drawChildren(pairs, largest, totalMin, drawn, below);
    }
    levels.end(valuesMark);
    levels.end(levelMark);
    level = below;
  }

  names.write(writer);
  writer.raw(levels.finish());
  const leftTotal = left.total[0] as number;
  const rightTotal = right.total[0] as number;
  writer.uint(3, leftTotal + rightTotal);
  writer.uint(4, selfMax);
  writer.uint(5, leftTotal);
  writer.uint(6, rightTotal);
}

type DrawnPair = {
  /** Index into the paired tree, or OTHER_NODE. */
  readonly pair: number;
  readonly leftX: number;
  leftTotal: number;
  leftSelf: number;
  readonly rightX: number;
  rightTotal: number;
  rightSelf: number;
};

function drawPair({ left, right, leftNode, rightNode }: PairedTree, pair: number, leftX: number, rightX: number): DrawnPair {
  const l = leftNode[pair] as number;
  const r = rightNode[pair] as number;
  return {
    pair,
    leftX,
    leftTotal: valueAt(left.total, l),
    leftSelf: valueAt(left.self, l),
    rightX,
    rightTotal: valueAt(right.total, r),
    rightSelf: valueAt(right.self, r),
  };
}

function drawChildren(pairs: PairedTree, largest: Float64Array, totalMin: number, parent: DrawnPair, below: DrawnPair[]): void {
  let leftX = parent.leftX + parent.leftSelf;
  let rightX = parent.rightX + parent.rightSelf;
  let otherLeft = 0;
  let otherRight = 0;
  const end = pairs.childEnd[parent.pair] as number;
  for (let child = pairs.childStart[parent.pair] as number; child < end; child++) {
    const drawn = drawPair(pairs, child, leftX, rightX);
    if ((largest[child] as number) >= totalMin && !isOther(pairs, child)) {
      below.push(drawn);
      leftX += drawn.leftTotal;
      rightX += drawn.rightTotal;
    } else {
      otherLeft += drawn.leftTotal;
      otherRight += drawn.rightTotal;
    }
  }
  if (otherLeft > 0 || otherRight > 0) {
    below.push({
      pair: OTHER_NODE,
      leftX,
      leftTotal: otherLeft,
      leftSelf: otherLeft,
      rightX,
      rightTotal: otherRight,
      rightSelf: otherRight,
    });
  }
}

function isOther({ left, right, leftNode, rightNode }: PairedTree, pair: number): boolean {
  const l = leftNode[pair] as number;
  return l >= 0 ? left.name[l] === OTHER_NODE : right.name[rightNode[pair] as number] === OTHER_NODE;
}

function valueAt(values: Float64Array, node: number): number {
  return node < 0 ? 0 : (values[node] as number);
}

/** Names of both sides under one numbering; a name that both have counts once. */
class DiffNames {
  readonly #left: LaidTree;
  readonly #right: LaidTree;
  readonly #leftIndex: Int32Array;
  readonly #rightIndex: Int32Array;
  readonly #byKey = new Map<string, number>();
  /** Side and name index of each numbered name; name OTHER_NODE for `other`. */
  readonly #order: { readonly side: LaidTree; readonly name: number }[] = [];

  constructor(left: LaidTree, right: LaidTree) {
    this.#left = left;
    this.#right = right;
    this.#leftIndex = new Int32Array(left.names.count).fill(-1);
    this.#rightIndex = new Int32Array(right.names.count).fill(-1);
  }

  of(leftNode: number, rightNode: number): number {
    return leftNode >= 0
      ? this.#number(this.#left, this.#leftIndex, this.#left.name[leftNode] as number)
      : this.#number(this.#right, this.#rightIndex, this.#right.name[rightNode] as number);
  }

  other(): number {
    return this.#byKeyOrNext(OTHER_NAME, this.#left, OTHER_NODE);
  }

  write(writer: ProtoWriter): void {
    for (const { side, name } of this.#order) {
      if (name === OTHER_NODE) writer.stringAlways(1, OTHER_NAME);
      else writer.bytes(1, side.names.bytes, side.names.starts[name], side.names.lengths[name]);
    }
  }

  #number(side: LaidTree, index: Int32Array, name: number): number {
    if ((index[name] as number) < 0) index[name] = this.#byKeyOrNext(nameKey(side.names, name), side, name);
    return index[name] as number;
  }

  #byKeyOrNext(key: string, side: LaidTree, name: number): number {
    let number = this.#byKey.get(key);
    if (number === undefined) {
      number = this.#order.length;
      this.#order.push({ side, name });
      this.#byKey.set(key, number);
    }
    return number;
  }
}
