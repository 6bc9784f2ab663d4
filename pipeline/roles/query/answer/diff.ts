import { STEP_ELEMENTS, type Steps } from "../../../base/steps.ts";
import type { FlameTree } from "../flame-tree.ts";
import { type LaidTree, layOutTree, OTHER_NAME, OTHER_NODE } from "./laid-tree.ts";
import { compareNames, nameKey } from "./names.ts";
import { ProtoWriter } from "./proto-writer.ts";
import { kthLargest } from "./top-values.ts";

/** querier.v1.DiffResponse with the flame graph of two trees side by side. */
export function* encodeDiff(left: FlameTree, right: FlameTree, nodesMax: number): Steps<Uint8Array> {
  // Each side is cut by its own totals first: a side's `other` then means the same here as in its own flame graph.
  const pairs = yield* pairTrees(yield* layOutTree(left, nodesMax), yield* layOutTree(right, nodesMax));
  const writer = new ProtoWriter(64 + pairs.count * 50);
  const mark = writer.begin(1);
  yield* writeDiff(writer, pairs, nodesMax);
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

function* pairTrees(left: LaidTree, right: LaidTree): Steps<PairedTree> {
  const capacity = left.count + right.count - 1;
  const leftNode = new Int32Array(capacity);
  const rightNode = new Int32Array(capacity);
  const childStart = new Int32Array(capacity);
  const childEnd = new Int32Array(capacity);
  let end = 1;
  for (let at = 0; at < end; at++) {
    if (at % STEP_ELEMENTS === 0) yield;
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
function* writeDiff(writer: ProtoWriter, pairs: PairedTree, nodesMax: number): Steps<void> {
  const { left, right, leftNode, rightNode } = pairs;
  const largest = new Float64Array(pairs.count);
  for (let i = 0; i < pairs.count; i++) {
    largest[i] = Math.max(valueAt(left.total, leftNode[i] as number), valueAt(right.total, rightNode[i] as number));
  }
  const totalMin = nodesMax > 0 && pairs.count > nodesMax ? kthLargest(largest, pairs.count, nodesMax) : 0;
  const drawn = yield* drawPairs(pairs, largest, totalMin);
  const names = new DiffNames(left, right);
  const nameOf = yield* numberNames(
    drawn,
    (pair) => names.of(leftNode[pair] as number, rightNode[pair] as number),
    () => names.other(),
  );
  names.write(writer);
  yield* writeLevels(writer, drawn, nameOf);
  const leftTotal = left.total[0] as number;
  const rightTotal = right.total[0] as number;
  writer.uint(3, leftTotal + rightTotal);
  writer.uint(
    4,
    drawn.reduce((max, node) => Math.max(max, node.leftSelf, node.rightSelf), 0),
  );
  writer.uint(5, leftTotal);
  writer.uint(6, rightTotal);
}

/** What is drawn, level after level: a node's children are drawn[childStart] .. drawn[childEnd]. */
function* drawPairs(pairs: PairedTree, largest: Float64Array, totalMin: number): Steps<readonly DrawnPair[]> {
  const drawn = [drawPair(pairs, 0, 0, 0)];
  for (let at = 0; at < drawn.length; at++) {
    if (at % STEP_ELEMENTS === 0) yield;
    const node = drawn[at] as DrawnPair;
    node.childStart = drawn.length;
    if (node.pair !== OTHER_NODE) drawChildren(pairs, largest, totalMin, node, drawn);
    node.childEnd = drawn.length;
  }
  return drawn;
}

/** The name index of each drawn node. Numbered as in a flame graph: depth first, the last child before the others. */
function* numberNames(drawn: readonly DrawnPair[], of: (pair: number) => number, other: () => number): Steps<Int32Array> {
  const indexes = new Int32Array(drawn.length);
  const stack = new Int32Array(drawn.length);
  let depth = 1;
  for (let done = 0; depth > 0; done++) {
    if (done % STEP_ELEMENTS === 0) yield;
    const at = stack[--depth] as number;
    const node = drawn[at] as DrawnPair;
    indexes[at] = node.pair === OTHER_NODE ? other() : of(node.pair);
    for (let child = node.childStart; child < node.childEnd; child++) stack[depth++] = child;
  }
  return indexes;
}

function* writeLevels(writer: ProtoWriter, drawn: readonly DrawnPair[], nameOf: Int32Array): Steps<void> {
  let start = 0;
  let end = 1;
  while (start < end) {
    const levelMark = writer.begin(2);
    const valuesMark = writer.begin(1);
    let leftBefore = 0;
    let rightBefore = 0;
    for (let at = start; at < end; at++) {
      if (at % STEP_ELEMENTS === 0) yield;
      const node = drawn[at] as DrawnPair;
      writer.varint(node.leftX - leftBefore);
      writer.varint(node.leftTotal);
      writer.varint(node.leftSelf);
      writer.varint(node.rightX - rightBefore);
      writer.varint(node.rightTotal);
      writer.varint(node.rightSelf);
      writer.varint(nameOf[at] as number);
      leftBefore = node.leftX + node.leftTotal;
      rightBefore = node.rightX + node.rightTotal;
    }
    writer.end(valuesMark);
    writer.end(levelMark);
    const next = (drawn[end - 1] as DrawnPair).childEnd;
    start = end;
    end = next;
  }
}

type DrawnPair = {
  /** Index into the paired tree, or OTHER_NODE. */
  readonly pair: number;
  readonly leftX: number;
  readonly leftTotal: number;
  readonly leftSelf: number;
  readonly rightX: number;
  readonly rightTotal: number;
  readonly rightSelf: number;
  childStart: number;
  childEnd: number;
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
    childStart: 0,
    childEnd: 0,
  };
}

function drawChildren(pairs: PairedTree, largest: Float64Array, totalMin: number, parent: DrawnPair, drawn: DrawnPair[]): void {
  let leftX = parent.leftX + parent.leftSelf;
  let rightX = parent.rightX + parent.rightSelf;
  let otherLeft = 0;
  let otherRight = 0;
  const end = pairs.childEnd[parent.pair] as number;
  for (let child = pairs.childStart[parent.pair] as number; child < end; child++) {
    const node = drawPair(pairs, child, leftX, rightX);
    if ((largest[child] as number) >= totalMin && !isOther(pairs, child)) {
      drawn.push(node);
      leftX += node.leftTotal;
      rightX += node.rightTotal;
    } else {
      otherLeft += node.leftTotal;
      otherRight += node.rightTotal;
    }
  }
  if (otherLeft > 0 || otherRight > 0) {
    drawn.push({
      pair: OTHER_NODE,
      leftX,
      leftTotal: otherLeft,
      leftSelf: otherLeft,
      rightX,
      rightTotal: otherRight,
      rightSelf: otherRight,
      childStart: 0,
      childEnd: 0,
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
