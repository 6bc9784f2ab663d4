import { CallTree } from "../../../symbols/call-tree.ts";
import { GrowableUint32 } from "../../../symbols/growable.ts";
import type { Symbols } from "../../../symbols/symbols.ts";
import type { MergedStacks } from "../merged-stacks.ts";

/** Merged stacks as a prefix tree, in which they are merged and travel: `stacks[i]` is the node of stack i. */
export function stacksAsTree({ stackLocations, stackEnds, values: _, ...tables }: MergedStacks): {
  readonly symbols: Symbols;
  readonly stacks: Uint32Array;
} {
  const tree = new CallTree(stackLocations.length + 1);
  const stacks = new Uint32Array(stackEnds.length);
  let start = 0;
  for (let i = 0; i < stackEnds.length; i++) {
    let node = 0;
    for (let at = stackEnds[i]! - 1; at >= start; at--) node = tree.child(node, stackLocations[at]!);
    stacks[i] = node;
    start = stackEnds[i]!;
  }
  return {
    symbols: { ...tables, nodes: { parent: tree.parent.subarray(1, tree.count), location: tree.label.subarray(1, tree.count) } },
    stacks,
  };
}

/** Spells stacks of a prefix tree out, leaf first. */
export function flatStacks({ nodes, ...tables }: Symbols, stacks: ArrayLike<number>, values: Float64Array): MergedStacks {
  const locations = new GrowableUint32(1024);
  const ends = new Uint32Array(stacks.length);
  for (let i = 0; i < stacks.length; i++) {
    for (let at = stacks[i]!; at > 0; at = nodes.parent[at - 1]!) locations.push(nodes.location[at - 1]!);
    ends[i] = locations.length;
  }
  return { ...tables, stackLocations: locations.view(), stackEnds: ends, values };
}
