import { STEP_ELEMENTS, type Steps } from "../../../base/steps.ts";
import { CallTree } from "../../../symbols/call-tree.ts";
import type { MergedStacks } from "../merged-stacks.ts";
import type { GoPgo } from "../question.ts";
import { OTHER_NAME } from "./laid-tree.ts";
import { StacksBuilder } from "./stacks-builder.ts";
import { kthLargest } from "./top-values.ts";

/**
 * Cuts stacks to about `nodesMax` nodes of their call tree by function names (0: all): the leaf side of a stack behind the last
 * node that stays becomes one location `other`. The same nodes stay as in a flame graph of the same limit.
 */
export function* cutStacks(stacks: MergedStacks, nodesMax: number): Steps<MergedStacks> {
  if (nodesMax <= 0) return stacks;
  const tree = yield* nameTree(stacks);
  if (tree.count <= nodesMax) return stacks;
  const totalMin = kthLargest(tree.totals(), tree.count, nodesMax);
  yield;
  const builder = new StacksBuilder(stacks);
  let done = 0;
  for (let stack = 0; stack < stacks.values.length; stack++) {
    const start = stackStart(stacks, stack);
    const end = stacks.stackEnds[stack] as number;
    if (end - done >= STEP_ELEMENTS) {
      done = end;
      yield;
    }
    // Totals only shrink on the way to the leaf.
    let at = end;
    while (at > start && tree.total(at - 1) >= totalMin) at--;
    const kept = stacks.stackLocations.subarray(at, end);
    builder.add(at === start ? kept : [builder.locationNamed(OTHER_NAME), ...kept], stacks.values[stack] as number);
  }
  return builder.finish();
}

/**
 * What Go's compiler reads: only the leaf-most locations, and callees of a line as one when asked: the leaf's line numbers are dropped.
 * Source: api.md 3.5, go_pgo.
 */
export function* pgoStacks(stacks: MergedStacks, { keepLocations, aggregateCallees }: GoPgo): Steps<MergedStacks> {
  const builder = new StacksBuilder(stacks);
  for (let stack = 0; stack < stacks.values.length; stack++) {
    if (stack % STEP_ELEMENTS === 0) yield;
    const start = stackStart(stacks, stack);
    const end = stacks.stackEnds[stack] as number;
    const kept = [...stacks.stackLocations.subarray(start, keepLocations > 0 ? Math.min(end, start + keepLocations) : end)];
    const leaf = kept[0];
    if (aggregateCallees && leaf !== undefined) kept[0] = builder.locationWithoutLines(leaf);
    builder.add(kept, stacks.values[stack] as number);
  }
  return builder.finish();
}

function stackStart(stacks: MergedStacks, stack: number): number {
  return stack === 0 ? 0 : (stacks.stackEnds[stack - 1] as number);
}

/** The call tree of stacks where a node is a location by the names of its functions. */
class NameTree {
  /** By place in stackLocations. */
  readonly #nodes: Uint32Array;
  /** By node. */
  readonly #totals: Float64Array;

  constructor(nodes: Uint32Array, totals: Float64Array) {
    this.#nodes = nodes;
    this.#totals = totals;
  }

  /** Nodes besides the root. */
  get count(): number {
    return this.#totals.length - 1;
  }

  /** Of the node at a place in stackLocations. */
  total(place: number): number {
    return this.#totals[this.#nodes[place] as number] as number;
  }

  totals(): Float64Array {
    return this.#totals.subarray(1);
  }
}

function* nameTree(stacks: MergedStacks): Steps<NameTree> {
  const nameOfLocation = locationNames(stacks);
  yield;
  const { stackLocations, stackEnds, values } = stacks;
  const tree = new CallTree(stackLocations.length / 4);
  const nodes = new Uint32Array(stackLocations.length);
  let done = 0;
  for (let stack = 0; stack < values.length; stack++) {
    const end = stackEnds[stack] as number;
    if (end - done >= STEP_ELEMENTS) {
      done = end;
      yield;
    }
    let node = 0;
    for (let at = end - 1; at >= stackStart(stacks, stack); at--)
      nodes[at] = node = tree.child(node, nameOfLocation[stackLocations[at] as number] as number);
  }
  const totals = new Float64Array(tree.count);
  for (let stack = 0; stack < values.length; stack++) {
    const leaf = stackStart(stacks, stack);
    if (leaf < (stackEnds[stack] as number)) totals[nodes[leaf] as number]! += values[stack] as number;
  }
  for (let node = tree.count - 1; node > 0; node--) totals[tree.parent[node] as number]! += totals[node] as number;
  return new NameTree(nodes, totals);
}

/** Numbers locations by what they are called: two lines of one function are one name, a location without lines is its own. */
function locationNames({ locations, lines, functions }: MergedStacks): Uint32Array {
  const byKey = new Map<string, number>();
  const nameOfLocation = new Uint32Array(locations.mapping.length);
  let start = 0;
  for (let location = 0; location < nameOfLocation.length; location++) {
    const end = locations.lineEnds[location] as number;
    let key = start === end ? `@${location}` : "";
    for (let line = start; line < end; line++) {
      const functionRef = lines.function[line] as number;
      key += `${functionRef === 0 ? "" : functions.name[functionRef - 1]},`;
    }
    start = end;
    let name = byKey.get(key);
    if (name === undefined) byKey.set(key, (name = byKey.size));
    nameOfLocation[location] = name;
  }
  return nameOfLocation;
}
