import { STEP_ELEMENTS, type Steps } from "../../base/steps.ts";
import { MAPPING_SHOWS_ADDRESSES } from "../../profile/decoded-profile.ts";
import { CallTree } from "../../symbols/call-tree.ts";
import { GrowableUint32 } from "../../symbols/growable.ts";
import { StringHash } from "../../symbols/string-hash.ts";
import type { Symbols } from "../../symbols/symbols.ts";

/**
 * The stacks of a dataset as a tree of calls by function name: inlined calls unfolded, lines and addresses forgotten.
 *
 * Shape: node 0 is the root; node i has parent[i] < i and name[i], an index into names. nodeOfStack: the node of each stack of the dataset.
 * Names are distinct bytes, each with its 64-bit hash.
 */
export type StackNames = {
  readonly parent: Uint32Array;
  readonly name: Uint32Array;
  readonly nodeOfStack: Uint32Array;
  readonly names: NameColumns;
  readonly sizeBytes: number;
};

export type NameColumns = {
  readonly count: number;
  readonly bytes: Uint8Array;
  readonly starts: Uint32Array;
  readonly lengths: Uint32Array;
  readonly hashLo: Int32Array;
  readonly hashHi: Int32Array;
};

export function* buildStackNames(symbols: Symbols): Steps<StackNames> {
  const frames = new LocationNames(symbols);
  yield;
  const { parent: stackParent, location } = symbols.nodes;
  const tree = new CallTree(stackParent.length + 16);
  const nodeOfStack = new Uint32Array(stackParent.length + 1);
  // Where a stack goes on once a frame with a name follows: without the addresses it ended in so far.
  const namedNode = new Uint32Array(stackParent.length + 1);
  for (let i = 0; i < stackParent.length; i++) {
    if (i % STEP_ELEMENTS === 0) yield;
    const ofAddress = frames.addressOnly[location[i]!] === 1;
    let node = ofAddress ? nodeOfStack[stackParent[i]!]! : namedNode[stackParent[i]!]!;
    const start = location[i]! === 0 ? 0 : frames.ends[location[i]! - 1]!;
    const end = frames.ends[location[i]!]!;
    // A location that shows nothing changes nothing.
    if (start === end) node = nodeOfStack[stackParent[i]!]!;
    for (let at = start; at < end; at++) node = tree.child(node, frames.names.data[at]!);
    nodeOfStack[i + 1] = node;
    namedNode[i + 1] = ofAddress || start === end ? namedNode[stackParent[i]!]! : node;
  }
  const names = frames.columns();
  const sizeBytes = nodeOfStack.byteLength + tree.count * 8 + names.count * 16 + names.bytes.length;
  return { parent: tree.parent.slice(0, tree.count), name: tree.label.slice(0, tree.count), nodeOfStack, names, sizeBytes };
}

/** The names a location shows, outermost first: those of its lines, or `binary!0xaddress` when nobody knows better. */
class LocationNames {
  readonly ends: Uint32Array;
  /** 1: an address that gives way as soon as a frame with a name was called from it. See docs/decisions/0003-native-frames.md. */
  readonly addressOnly: Uint8Array;
  readonly names = new GrowableUint32();
  readonly #symbols: Symbols;
  /** Names that are not in the dataset's strings. */
  readonly #extra = new Map<string, number>();

  constructor(symbols: Symbols) {
    this.#symbols = symbols;
    const { locations, lines, functions } = symbols;
    this.ends = new Uint32Array(locations.mapping.length);
    this.addressOnly = new Uint8Array(locations.mapping.length);
    let lineStart = 0;
    for (let i = 0; i < locations.mapping.length; i++) {
      const lineEnd = locations.lineEnds[i]!;
      for (let line = lineEnd - 1; line >= lineStart; line--) {
        const fn = lines.function[line]!;
        if (fn > 0) this.names.push(functions.name[fn - 1]!);
      }
      if (lineStart === lineEnd) this.#nameAddress(i);
      this.ends[i] = this.names.length;
      lineStart = lineEnd;
    }
  }

  columns(): NameColumns {
    const { strings } = this.#symbols;
    const known = strings.ends.length;
    const count = known + this.#extra.size;
    const extra = Buffer.from([...this.#extra.keys()].join(""));
    const bytes = extra.length === 0 ? strings.bytes : concat(strings.bytes, extra);
    const starts = new Uint32Array(count);
    const lengths = new Uint32Array(count);
    const hashLo = new Int32Array(count);
    const hashHi = new Int32Array(count);
    const extraLengths = [...this.#extra.keys()].map((text) => Buffer.byteLength(text));
    const hash = new StringHash();
    let start = 0;
    for (let i = 0; i < count; i++) {
      const length = i < known ? strings.ends[i]! - start : extraLengths[i - known]!;
      starts[i] = start;
      lengths[i] = length;
      hash.of(bytes, start, length);
      hashLo[i] = hash.lo;
      hashHi[i] = hash.hi;
      start += length;
    }
    return { count, bytes, starts, lengths, hashLo, hashHi };
  }

  #nameAddress(location: number): void {
    const { locations, mappings } = this.#symbols;
    const low = locations.addressLo[location]!;
    const high = locations.addressHi[location]!;
    const mapping = locations.mapping[location]!;
    if (low === 0 && high === 0) return;
    const binary = mapping === 0 ? "" : binaryName(this.#text(mappings.fileName[mapping - 1]!), this.#text(mappings.buildId[mapping - 1]!));
    if (binary === undefined) return;
    const address = (BigInt(high) << 32n) | BigInt(low);
    const text = `${binary}${binary === "" ? "" : "!"}0x${address.toString(16)}`;
    const known = this.#extra.get(text) ?? this.#symbols.strings.ends.length + this.#extra.size;
    this.#extra.set(text, known);
    this.names.push(known);
    if (mapping === 0 || (mappings.flags[mapping - 1]! & MAPPING_SHOWS_ADDRESSES) === 0) this.addressOnly[location] = 1;
  }

  #text(id: number): string {
    const { bytes, ends } = this.#symbols.strings;
    return Buffer.from(bytes.subarray(id === 0 ? 0 : ends[id - 1]!, ends[id]!)).toString();
  }
}

/**
 * What stands before the `!` of a frame without a function. Undefined hides the frame: its sender says that it knows neither the
 * binary nor its build id, so nobody will ever tell more; see docs/decisions/0003-native-frames.md.
 */
function binaryName(fileName: string, buildId: string): string | undefined {
  if (fileName === "UNKNOWN" && buildId === "") return undefined;
  return fileName.slice(fileName.lastIndexOf("/") + 1) || buildId;
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
