import { malformed, WireCursor } from "../../../profile/wire-cursor.ts";
import type { TextStack } from "./stack-text.ts";

/** Deeper nesting than any stack: what is deeper is an attack or garbage. */
const DEPTH_MAX = 65_536;

/**
 * The two binary forms of the first Pyroscope agents. Both are trees in preorder, each node as length and bytes of its name, its
 * value and its number of children, all numbers varints. In a trie the names along a path are pieces of one folded stack; in a tree
 * each name is a frame, and the root has none.
 *
 * Errors: `malformed_profile`.
 */
export function trieStacks(body: Uint8Array): Iterable<TextStack> {
  return nodeStacks(body, "");
}

export function treeStacks(body: Uint8Array): Iterable<TextStack> {
  return nodeStacks(body, ";");
}

function* nodeStacks(body: Uint8Array, separator: string): Iterable<TextStack> {
  const cursor = new WireCursor();
  cursor.bytes = body;
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const prefixes: string[] = [""];
  const childrenLeft: number[] = [1];
  let position = 0;
  while (childrenLeft.length > 0) {
    const top = childrenLeft.length - 1;
    if (childrenLeft[top] === 0) {
      childrenLeft.pop();
      prefixes.pop();
      continue;
    }
    childrenLeft[top] = (childrenLeft[top] as number) - 1;
    position = cursor.length(position, body.length);
    const name = bytes.toString("utf8", position, position + cursor.lo);
    position = cursor.varint(position + cursor.lo);
    const value = cursor.signed();
    if (Number.isNaN(value)) throw malformed("has a value beyond 2^53 - 1", position);
    position = cursor.varint(position);
    const children = cursor.index();
    const prefix = prefixes[top] as string;
    const stack = prefix === "" ? name : `${prefix}${separator}${name}`;
    if (value > 0 && stack !== "") yield { stack, count: value };
    if (children === 0) continue;
    if (childrenLeft.length > DEPTH_MAX) throw malformed(`is nested deeper than ${DEPTH_MAX}`, position);
    prefixes.push(stack);
    childrenLeft.push(children);
  }
  if (position !== body.length) throw malformed("goes on after its last node", position);
}
