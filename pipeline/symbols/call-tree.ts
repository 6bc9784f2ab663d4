import { type Arena, FRESH_MEMORY } from "./arena.ts";
import { InternTable } from "./intern-table.ts";
import { mix } from "./string-hash.ts";

/** Children of one node found by walking from one to the next; those beyond are found by hash. */
const WALKED_CHILDREN_MAX = 8;

/**
 * A tree of calls that grows: each (parent, label) is one node. Node 0 is the root; parents come before children.
 *
 * Most nodes have one child or two, and a path lies in memory in the order it was first walked: following children beats hashing. A dispatcher with
 * hundreds of children gets a hash table.
 */
export class CallTree {
  parent: Uint32Array;
  label: Uint32Array;
  /** Nodes, the root included. */
  count = 1;
  #firstChild: Uint32Array;
  #nextSibling: Uint32Array;
  #childCount: Uint8Array;
  readonly #arena: Arena;
  /** Entries number the hashed nodes; `#hashed` says which node each is. */
  #table: InternTable | undefined;
  #hashed: number[] = [];

  constructor(expected = 1024, arena: Arena = FRESH_MEMORY) {
    this.#arena = arena;
    const capacity = Math.max(Math.ceil(expected), 2);
    this.parent = arena.uint32(capacity);
    this.label = arena.uint32(capacity);
    this.#firstChild = arena.uint32(capacity);
    this.#nextSibling = arena.uint32(capacity);
    this.#childCount = arena.bytes(capacity);
    this.#clearNode(0);
  }

  /** The child of a node with the label, made if it is not there. */
  child(parent: number, label: number): number {
    const labels = this.label;
    const first = this.#firstChild[parent]!;
    if (first !== 0) {
      if (labels[first] === label) return first;
      const next = this.#nextSibling;
      for (let before = first, node = next[first]!; node !== 0; before = node, node = next[node]!) {
        if (labels[node] !== label) continue;
        // What was called is called again soon: it comes first from now on, which saves a third of the steps.
        next[before] = next[node]!;
        next[node] = first;
        this.#firstChild[parent] = node;
        return node;
      }
    }
    if (this.#childCount[parent]! < WALKED_CHILDREN_MAX) return this.#link(parent, label);
    return this.#hashedChild(parent, label);
  }

  /**
   * The node at the end of a path: path[from .. end] are the labels below `start`, callers first. Leaves in `path` the node of each. The same as `child` for
   * one after the other, in a loop that asks the tree for its columns only when they may have changed.
   */
  descend(start: number, path: Uint32Array, from: number, end: number): number {
    let node = start;
    let labels = this.label;
    let firsts = this.#firstChild;
    for (let at = from; at < end; at++) {
      const label = path[at]!;
      const first = firsts[node]!;
      if (first !== 0 && labels[first] === label) {
        node = first;
      } else {
        node = this.child(node, label);
        labels = this.label;
        firsts = this.#firstChild;
      }
      path[at] = node;
    }
    return node;
  }

  #link(parent: number, label: number): number {
    const node = this.#append(parent, label);
    this.#nextSibling[node] = this.#firstChild[parent]!;
    this.#firstChild[parent] = node;
    this.#childCount[parent]!++;
    return node;
  }

  #hashedChild(parent: number, label: number): number {
    const table = (this.#table ??= new InternTable(256, this.#arena));
    const hash = mix(parent, label);
    let slot = table.start(hash);
    for (let entry = table.at(slot); entry >= 0; slot = table.next(slot), entry = table.at(slot)) {
      const node = this.#hashed[entry]!;
      if (this.parent[node] === parent && this.label[node] === label) return node;
    }
    const node = this.#append(parent, label);
    table.put(slot, this.#hashed.push(node) - 1, hash);
    return node;
  }

  #append(parent: number, label: number): number {
    if (this.count === this.parent.length) this.#grow();
    const node = this.count++;
    this.parent[node] = parent;
    this.label[node] = label;
    this.#clearNode(node);
    return node;
  }

  #clearNode(node: number): void {
    this.#firstChild[node] = 0;
    this.#nextSibling[node] = 0;
    this.#childCount[node] = 0;
  }

  #grow(): void {
    const capacity = this.parent.length * 2;
    const enlarged = (column: Uint32Array): Uint32Array => {
      const grown = this.#arena.uint32(capacity);
      grown.set(column.subarray(0, this.count));
      return grown;
    };
    this.parent = enlarged(this.parent);
    this.label = enlarged(this.label);
    this.#firstChild = enlarged(this.#firstChild);
    this.#nextSibling = enlarged(this.#nextSibling);
    const counts = this.#arena.bytes(capacity);
    counts.set(this.#childCount.subarray(0, this.count));
    this.#childCount = counts;
  }
}
