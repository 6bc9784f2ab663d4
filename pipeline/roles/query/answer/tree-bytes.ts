import { STEP_ELEMENTS, type Steps } from "../../../base/steps.ts";
import type { FlameTree } from "../flame-tree.ts";
import { layOutTree, OTHER_NAME, OTHER_NODE } from "./laid-tree.ts";
import { ProtoWriter } from "./proto-writer.ts";

const OTHER_BYTES = Buffer.from(OTHER_NAME);

/** The response with Pyroscope's tree bytes: field 2 of SelectMergeStacktracesResponse and SelectMergeSpanProfileResponse. */
export function* encodeTreeBytes(tree: FlameTree, nodesMax: number): Steps<Uint8Array> {
  const writer = new ProtoWriter(64 + tree.count * 40);
  // An empty tree is no bytes at all.
  if (tree.count <= 1 && (tree.total[0] ?? 0) === 0) return writer.finish();
  const mark = writer.begin(2);
  yield* writeTreeBytes(writer, tree, nodesMax);
  writer.end(mark);
  return writer.finish();
}

/**
 * Depth first: length of the name, name, self, number of children, all varints. The first node is the unnamed root.
 * Of siblings the last comes first, as they leave a stack.
 */
function* writeTreeBytes(writer: ProtoWriter, tree: FlameTree, nodesMax: number): Steps<void> {
  const laid = yield* layOutTree(tree, nodesMax);
  const stack = new Int32Array(laid.count);
  let depth = 1;
  for (let done = 0; depth > 0; done++) {
    if (done % STEP_ELEMENTS === 0) yield;
    const node = stack[--depth] as number;
    const name = laid.name[node] as number;
    if (node === 0) writer.varint(0);
    else if (name === OTHER_NODE) {
      writer.varint(OTHER_BYTES.length);
      writer.raw(OTHER_BYTES);
    } else {
      const length = laid.names.lengths[name] as number;
      writer.varint(length);
      writer.raw(laid.names.bytes, laid.names.starts[name], length);
    }
    writer.varint(laid.self[node] as number);
    const childStart = laid.childStart[node] as number;
    const childEnd = laid.childEnd[node] as number;
    writer.varint(childEnd - childStart);
    for (let child = childStart; child < childEnd; child++) stack[depth++] = child;
  }
}
