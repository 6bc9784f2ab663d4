import { STEP_ELEMENTS, type Steps } from "../../../base/steps.ts";
import type { FlameTree } from "../flame-tree.ts";
import { type LaidTree, layOutTree, OTHER_NAME, OTHER_NODE } from "./laid-tree.ts";
import { ProtoWriter } from "./proto-writer.ts";

/** Field numbers of querier.v1.SelectMergeStacktracesResponse and SelectMergeSpanProfileResponse (the same in both). */
const RESPONSE_FLAMEGRAPH = 1;

/**
 * The response with a flame graph: SelectMergeStacktracesResponse or SelectMergeSpanProfileResponse, which agree on the field.
 *
 * Shape: see {@link writeFlamegraph}. Units: as the profile type says.
 */
export function* encodeFlamegraph(tree: FlameTree, nodesMax: number): Steps<Uint8Array> {
  const laid = yield* layOutTree(tree, nodesMax);
  // A node takes about 10 bytes of levels and, with its share of names, some 40 in all.
  const writer = new ProtoWriter(64 + laid.count * 40);
  const mark = writer.begin(RESPONSE_FLAMEGRAPH);
  yield* writeFlamegraph(writer, laid);
  writer.end(mark);
  return writer.finish();
}

/**
 * querier.v1.FlameGraph: names, then per level 4 numbers a node: x (as the gap to the end of the node before it in the level),
 * total, self, name. A node's children begin at its own x + self.
 */
function* writeFlamegraph(writer: ProtoWriter, laid: LaidTree): Steps<void> {
  const indexes = yield* writeNames(writer, laid);
  yield* writeLevels(writer, laid, indexes);
  writer.uint(3, laid.total[0] as number);
  let selfMax = 0;
  for (let i = 0; i < laid.count; i++) if ((laid.self[i] as number) > selfMax) selfMax = laid.self[i] as number;
  writer.uint(4, selfMax);
}

/**
 * Writes each name that is used once, and gives the wire index of each laid node's name.
 *
 * Names are numbered depth first, the last child before the others. The order means nothing to clients, but it is Pyroscope's, so that its
 * answers and ours can be compared number by number.
 */
function* writeNames(writer: ProtoWriter, laid: LaidTree): Steps<Int32Array> {
  const { names } = laid;
  const wireIndex = new Int32Array(names.count).fill(-1);
  let otherIndex = -1;
  let next = 0;
  const indexes = new Int32Array(laid.count);
  const stack = new Int32Array(laid.count);
  let depth = 1;
  for (let done = 0; depth > 0; done++) {
    if (done % STEP_ELEMENTS === 0) yield;
    const node = stack[--depth] as number;
    const name = laid.name[node] as number;
    if (name === OTHER_NODE) {
      if (otherIndex < 0) {
        otherIndex = next++;
        writer.stringAlways(1, OTHER_NAME);
      }
      indexes[node] = otherIndex;
      continue;
    }
    if ((wireIndex[name] as number) < 0) {
      wireIndex[name] = next++;
      writer.bytes(1, names.bytes, names.starts[name], names.lengths[name]);
    }
    indexes[node] = wireIndex[name] as number;
    const childEnd = laid.childEnd[node] as number;
    for (let child = laid.childStart[node] as number; child < childEnd; child++) stack[depth++] = child;
  }
  return indexes;
}

function* writeLevels(writer: ProtoWriter, laid: LaidTree, indexes: Int32Array): Steps<void> {
  const x = new Float64Array(laid.count);
  let start = 0;
  let end = 1;
  while (start < end) {
    const levelMark = writer.begin(2);
    const valuesMark = writer.begin(1);
    let before = 0;
    for (let i = start; i < end; i++) {
      if (i % STEP_ELEMENTS === 0) yield;
      const at = x[i] as number;
      const total = laid.total[i] as number;
      const self = laid.self[i] as number;
      writer.varint(at - before);
      writer.varint(total);
      writer.varint(self);
      writer.varint(indexes[i] as number);
      before = at + total;
      let childX = at + self;
      const childEnd = laid.childEnd[i] as number;
      for (let child = laid.childStart[i] as number; child < childEnd; child++) {
        x[child] = childX;
        childX += laid.total[child] as number;
      }
    }
    writer.end(valuesMark);
    writer.end(levelMark);
    const next = laid.childEnd[end - 1] as number;
    start = end;
    end = next;
  }
}
