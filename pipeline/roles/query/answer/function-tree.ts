import { STEP_ELEMENTS, type Steps } from "../../../base/steps.ts";
import type { FlameTree } from "../flame-tree.ts";
import type { FunctionTreeRequest } from "../question.ts";
import { findName, nameText } from "./names.ts";
import { ProtoWriter } from "./proto-writer.ts";

/**
 * querier.v1.SelectMergeStacktracesResponse with what calls a reference and what it calls, to a depth.
 *
 * A chain counts wherever it occurs in a stack, so a recursive function counts once per occurrence. The reference of callees is the last
 * function of the path, that of callers the first. Children: total descending, then name.
 */
export function* encodeFunctionTree(tree: FlameTree, request: FunctionTreeRequest): Steps<Uint8Array> {
  const trees = yield* functionTrees(tree, request);
  const writer = new ProtoWriter(4096);
  const mark = writer.begin(1002);
  for (const [field, wanted, root] of [
    [1, request.callers, trees.callers],
    [2, request.callees, trees.callees],
  ] as const) {
    if (!wanted) continue;
    const side = writer.begin(field);
    if (root !== undefined) writeNode(writer, 1, tree, root);
    writer.end(side);
  }
  writer.end(mark);
  return writer.finish();
}

type CallNode = { readonly name: number; total: number; self: number; hasChildren: boolean; readonly children: Map<number, CallNode> };
type FunctionTrees = { readonly callers: CallNode | undefined; readonly callees: CallNode | undefined };

function* functionTrees(tree: FlameTree, request: FunctionTreeRequest): Steps<FunctionTrees> {
  const path = request.path.map((name) => findName(tree.names, name));
  // A name that no stack has, or nothing measured at all: no reference.
  if (path.includes(-1) || tree.total[0] === 0) return { callers: undefined, callees: undefined };
  let callers: CallNode | undefined;
  let callees: CallNode | undefined;
  const stack: number[] = [];
  for (let node = 1; node < tree.count; node++) {
    if (node % STEP_ELEMENTS === 0) yield;
    const value = tree.self[node] as number;
    if (value === 0) continue;
    stack.length = 0;
    for (let at = node; at > 0; at = tree.parent[at] as number) stack.push(tree.name[at] as number);
    stack.reverse();
    for (const start of occurrences(stack, path, request.anchored)) {
      if (request.callees) {
        callees ??= newNode(path.at(-1) ?? 0);
        insert(callees, stack.slice(start + path.length), value, request.depthMax, true);
      }
      if (request.callers) {
        callers ??= newNode(path[0] ?? 0);
        if (start === stack.length - 1) callers.self += value;
        insert(callers, stack.slice(0, start).reverse(), value, request.depthMax, false);
      }
    }
  }
  return { callers, callees };
}

/** Where the path begins in the stack. Anchored: at its root only. */
function occurrences(stack: readonly number[], path: readonly number[], anchored: boolean): number[] {
  const starts: number[] = [];
  const last = anchored ? Math.min(0, stack.length - path.length) : stack.length - path.length;
  for (let start = 0; start <= last; start++) if (path.every((name, i) => stack[start + i] === name)) starts.push(start);
  return starts;
}

/** Adds a value along names below a reference. `endIsSelf`: the value was measured in the last of them (true of callees only). */
function insert(reference: CallNode, names: readonly number[], value: number, depthMax: number, endIsSelf: boolean): void {
  let node = reference;
  node.total += value;
  if (endIsSelf && names.length === 0) node.self += value;
  for (let i = 0; i < names.length; i++) {
    node.hasChildren = true;
    if (i === depthMax) return;
    const name = names[i] as number;
    let child = node.children.get(name);
    if (child === undefined) node.children.set(name, (child = newNode(name)));
    child.total += value;
    if (endIsSelf && i === names.length - 1) child.self += value;
    node = child;
  }
}

function newNode(name: number): CallNode {
  return { name, total: 0, self: 0, hasChildren: false, children: new Map() };
}

function writeNode(writer: ProtoWriter, field: number, tree: FlameTree, node: CallNode): void {
  const mark = writer.begin(field);
  writer.string(1, nameText(tree.names, node.name));
  writer.uint(2, node.total);
  writer.uint(3, node.self);
  const children = [...node.children.values()].map((child) => ({ child, text: nameText(tree.names, child.name) }));
  children.sort((a, b) => b.child.total - a.child.total || (a.text < b.text ? -1 : 1));
  for (const { child } of children) writeNode(writer, 4, tree, child);
  writer.bool(5, node.hasChildren);
  writer.end(mark);
}
