import type { MergedStacks } from "../merged-stacks.ts";
import type { GoPgo } from "../question.ts";
import { OTHER_NAME } from "./laid-tree.ts";
import { StacksBuilder } from "./stacks-builder.ts";
import { kthLargest } from "./top-values.ts";

/**
 * Cuts stacks to about `nodesMax` nodes of their call tree by function names (0: all): the leaf side of a stack behind the last
 * node that stays becomes one location `other`. The same nodes stay as in a flame graph of the same limit.
 */
export function cutStacks(stacks: MergedStacks, nodesMax: number): MergedStacks {
  if (nodesMax <= 0) return stacks;
  const tree = new NameTree(stacks);
  if (tree.count <= nodesMax) return stacks;
  const totalMin = kthLargest(tree.totals(), tree.count, nodesMax);
  const builder = new StacksBuilder(stacks);
  for (let stack = 0; stack < stacks.values.length; stack++) {
    const start = stackStart(stacks, stack);
    const end = stacks.stackEnds[stack] as number;
    // Nodes of the stack's locations, root first; totals only shrink on the way to the leaf.
    let at = end;
    for (const node of tree.path(stack)) {
      if (tree.total(node) < totalMin) break;
      at--;
    }
    const kept = stacks.stackLocations.subarray(at, end);
    builder.add(at === start ? kept : [builder.locationNamed(OTHER_NAME), ...kept], stacks.values[stack] as number);
  }
  return builder.finish();
}

/**
 * What Go's compiler reads: only the leaf-most locations, and callees of a line as one when asked: the leaf's line numbers are dropped.
 * Source: api.md 3.5, go_pgo.
 */
export function pgoStacks(stacks: MergedStacks, { keepLocations, aggregateCallees }: GoPgo): MergedStacks {
  const builder = new StacksBuilder(stacks);
  for (let stack = 0; stack < stacks.values.length; stack++) {
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
  readonly #stacks: MergedStacks;
  readonly #nameOfLocation: Int32Array;
  /** Child by (parent node, name): parent * names + name. */
  readonly #children = new Map<number, number>();
  readonly #nameCount: number;
  readonly #totals: number[] = [];

  constructor(stacks: MergedStacks) {
    this.#stacks = stacks;
    const { nameOfLocation, count } = locationNames(stacks);
    this.#nameOfLocation = nameOfLocation;
    this.#nameCount = count;
    for (let stack = 0; stack < stacks.values.length; stack++) {
      for (const node of this.path(stack)) this.#totals[node] = (this.#totals[node] as number) + (stacks.values[stack] as number);
    }
  }

  get count(): number {
    return this.#totals.length;
  }

  total(node: number): number {
    return this.#totals[node] as number;
  }

  totals(): Float64Array {
    return Float64Array.from(this.#totals);
  }

  /** Nodes of a stack's locations, root first. */
  *path(stack: number): Generator<number> {
    const start = stackStart(this.#stacks, stack);
    let parent = 0;
    for (let i = (this.#stacks.stackEnds[stack] as number) - 1; i >= start; i--) {
      const key = parent * this.#nameCount + (this.#nameOfLocation[this.#stacks.stackLocations[i] as number] as number);
      let node = this.#children.get(key);
      if (node === undefined) {
        node = this.#totals.length;
        this.#totals.push(0);
        this.#children.set(key, node);
      }
      yield node;
      parent = node + 1;
    }
  }
}

/** Numbers locations by what they are called: two lines of one function are one name, a location without lines is its own. */
function locationNames({ locations, lines, functions }: MergedStacks): { readonly nameOfLocation: Int32Array; readonly count: number } {
  const byKey = new Map<string, number>();
  const nameOfLocation = new Int32Array(locations.mapping.length);
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
  return { nameOfLocation, count: byKey.size };
}
