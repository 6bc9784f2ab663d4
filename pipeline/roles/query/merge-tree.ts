import { STEP_ELEMENTS, type Steps } from "../../base/steps.ts";
import { CallTree } from "../../symbols/call-tree.ts";
import { StringInterner } from "../../symbols/string-interner.ts";
import type { FlameTree } from "./flame-tree.ts";
import type { NameColumns, StackNames } from "./stack-names.ts";

const ROOT_NAME = new TextEncoder().encode("total");

/** Merges call trees of datasets by function name, comparing names by their hash. */
export class TreeMerger {
  // Name 0 is the root's. It is not interned: a function may be called "total" too.
  readonly #names = new StringInterner();
  readonly #tree = new CallTree();
  #self = new Float64Array(1024);

  /** Adds values by node of a dataset's tree; they are added up here, so a node's own value only. */
  *add(stacks: Pick<StackNames, "parent" | "name" | "names">, self: Float64Array): Steps<void> {
    const { parent, name } = stacks;
    const used = usedNodes(parent, self);
    yield;
    const merged = new Uint32Array(parent.length);
    const nameIds = new Int32Array(stacks.names.count).fill(-1);
    for (let node = 1; node < parent.length; node++) {
      if (node % STEP_ELEMENTS === 0) yield;
      if (used[node] === 0) continue;
      let nameId = nameIds[name[node]!]!;
      if (nameId < 0) nameId = nameIds[name[node]!] = this.#internName(stacks.names, name[node]!);
      const to = this.#tree.child(merged[parent[node]!]!, nameId);
      merged[node] = to;
      if (self[node]! > 0) this.#addSelf(to, self[node]!);
    }
  }

  *finish(): Steps<FlameTree> {
    const { count } = this.#tree;
    const self = this.#self.slice(0, count);
    const total = self.slice();
    const parent = new Int32Array(this.#tree.parent.subarray(0, count));
    for (let node = count - 1; node > 0; node--) total[parent[node]!]! += total[node]!;
    yield;
    return { count, parent, name: new Int32Array(this.#tree.label.subarray(0, count)), self, total, names: this.#nameTable() };
  }

  /** Interned ids start at 0 for the empty string; ours are one more, since 0 is the root's name. */
  #internName(names: NameColumns, index: number): number {
    return (
      this.#names.internHashed(names.bytes, names.starts[index]!, names.lengths[index]!, names.hashLo[index]!, names.hashHi[index]!) + 1
    );
  }

  #addSelf(node: number, value: number): void {
    if (node >= this.#self.length) {
      const grown = new Float64Array(Math.max(this.#self.length * 2, node + 1));
      grown.set(this.#self);
      this.#self = grown;
    }
    this.#self[node]! += value;
  }

  #nameTable(): FlameTree["names"] {
    const strings = this.#names;
    const bytes = new Uint8Array(strings.sizeBytes + ROOT_NAME.length);
    bytes.set(strings.bytes.subarray(0, strings.sizeBytes));
    bytes.set(ROOT_NAME, strings.sizeBytes);
    const count = strings.count + 1;
    const starts = new Uint32Array(count);
    const lengths = new Uint32Array(count);
    starts[0] = strings.sizeBytes;
    lengths[0] = ROOT_NAME.length;
    for (let id = 0; id < strings.count; id++) {
      starts[id + 1] = strings.start(id);
      lengths[id + 1] = strings.ends.data[id]! - strings.start(id);
    }
    return { count, bytes, starts, lengths };
  }
}

/** 1 for the nodes that have a value or lead to one. */
function usedNodes(parent: Uint32Array, self: Float64Array): Uint8Array {
  const used = new Uint8Array(parent.length);
  for (let node = parent.length - 1; node > 0; node--) {
    if (self[node]! > 0) used[node] = 1;
    if (used[node] === 1) used[parent[node]!] = 1;
  }
  return used;
}
