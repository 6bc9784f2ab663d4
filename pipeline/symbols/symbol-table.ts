import { atOnce, STEP_ELEMENTS, type Steps } from "../base/steps.ts";
import type { SymbolTables } from "../profile/symbol-tables.ts";
import { type Arena, FRESH_MEMORY } from "./arena.ts";
import { CallTree } from "./call-tree.ts";
import { GrowableUint32 } from "./growable.ts";
import { InternTable } from "./intern-table.ts";
import { mix } from "./string-hash.ts";
import { StringInterner } from "./string-interner.ts";
import type { Symbols } from "./symbols.ts";

/** How many of each there will be, about; stringBytes in bytes. */
export type SymbolSizes = {
  readonly strings: number;
  readonly stringBytes: number;
  readonly functions: number;
  readonly locations: number;
  readonly lines: number;
  readonly nodes: number;
};

type Columns<Name extends string> = Readonly<Record<Name, GrowableUint32>>;

/** Where the locations of something added are in the table: the table's location at the index + 1 of its own. */
type LocationMap = Uint32Array;

/**
 * Interns the symbols of many profiles or datasets of one service: each string, mapping, function, location and stack
 * node once. Grows; read it out with `view`.
 */
export class SymbolTable {
  readonly strings: StringInterner;
  readonly #mappings: readonly GrowableUint32[];
  readonly #functions: Columns<"name" | "systemName" | "fileName" | "startLine">;
  readonly #locations: Columns<"mapping" | "addressLo" | "addressHi">;
  readonly #lineEnds: GrowableUint32;
  readonly #lineFunction: GrowableUint32;
  readonly #lineNumber: GrowableUint32;
  readonly #nodes: CallTree;
  readonly #mappingTable: InternTable;
  readonly #functionTable: InternTable;
  readonly #locationTable: InternTable;

  /** Memory is taken for `sizes` at once; more comes by doubling. */
  constructor(sizes: SymbolSizes = SMALL, arena: Arena = FRESH_MEMORY) {
    this.strings = new StringInterner(sizes, arena);
    const column = (capacity: number): GrowableUint32 => new GrowableUint32(capacity, arena);
    this.#mappings = Array.from({ length: 9 }, () => column(8));
    this.#mappingTable = new InternTable(8, arena);
    this.#functions = {
      name: column(sizes.functions),
      systemName: column(sizes.functions),
      fileName: column(sizes.functions),
      startLine: column(sizes.functions),
    };
    this.#functionTable = new InternTable(sizes.functions, arena);
    this.#locations = { mapping: column(sizes.locations), addressLo: column(sizes.locations), addressHi: column(sizes.locations) };
    this.#locationTable = new InternTable(sizes.locations, arena);
    this.#lineEnds = column(sizes.locations);
    this.#lineFunction = column(sizes.lines);
    this.#lineNumber = column(sizes.lines);
    this.#nodes = new CallTree(sizes.nodes, arena);
  }

  /**
   * Adds the symbols of a profile or dataset. Returns this table's stack by theirs; stacks that `used` marks 0 are left out (and 0). scratch: where
   * the answer and what is needed on the way are put.
   */
  addSymbols(symbols: Symbols, used?: Uint8Array, scratch?: Arena): Uint32Array {
    return atOnce(this.addingSymbols(symbols, used, scratch));
  }

  /** The same in steps. Nothing else may be added before the last one. */
  *addingSymbols(symbols: Symbols, used?: Uint8Array, scratch: Arena = FRESH_MEMORY): Steps<Uint32Array> {
    const { parent, location } = symbols.nodes;
    const needed = used === undefined ? undefined : withAncestors(used, parent);
    const locations = yield* this.#addTables(symbols, needed === undefined ? undefined : usedLocations(needed, symbols), scratch);
    const tree = this.#nodes;
    const nodes = scratch.zeros(parent.length + 1);
    for (let i = 0; i < parent.length; i++) {
      if (i % STEP_ELEMENTS === 0) yield;
      if (needed !== undefined && needed[i + 1] === 0) continue;
      nodes[i + 1] = tree.child(nodes[parent[i]!]!, locations[location[i]! + 1]!);
    }
    return nodes;
  }

  /** The table as it is now, without copying: valid until something is added. */
  view(): Symbols {
    const [fileName, buildId, startLo, startHi, limitLo, limitHi, offsetLo, offsetHi, flags] = this.#mappings.map((column) =>
      column.view(),
    );
    const { name, systemName, fileName: functionFile, startLine } = this.#functions;
    const { mapping, addressLo, addressHi } = this.#locations;
    return {
      strings: { bytes: this.strings.bytes.subarray(0, this.strings.sizeBytes), ends: this.strings.ends.view() },
      mappings: {
        fileName: fileName!,
        buildId: buildId!,
        startLo: startLo!,
        startHi: startHi!,
        limitLo: limitLo!,
        limitHi: limitHi!,
        offsetLo: offsetLo!,
        offsetHi: offsetHi!,
        flags: flags!,
      },
      functions: { name: name.view(), systemName: systemName.view(), fileName: functionFile.view(), startLine: startLine.view() },
      locations: { mapping: mapping.view(), addressLo: addressLo.view(), addressHi: addressHi.view(), lineEnds: this.#lineEnds.view() },
      lines: { function: this.#lineFunction.view(), number: this.#lineNumber.view() },
      nodes: { parent: this.#nodes.parent.subarray(1, this.#nodes.count), location: this.#nodes.label.subarray(1, this.#nodes.count) },
    };
  }

  /** Interns everything but stacks; `used` (by location) marks what is wanted, everything by default. */
  *#addTables(tables: SymbolTables, used: Uint8Array | undefined, scratch: Arena): Steps<LocationMap> {
    const lazyStrings = used === undefined ? undefined : new Int32Array(tables.strings.ends.length).fill(-1);
    const strings = lazyStrings === undefined ? yield* this.#addStrings(tables.strings, scratch) : undefined;
    const string = (id: number): number => {
      if (strings !== undefined) return strings[id]!;
      const known = lazyStrings![id]!;
      if (known >= 0) return known;
      const start = id === 0 ? 0 : tables.strings.ends[id - 1]!;
      return (lazyStrings![id] = this.strings.intern(tables.strings.bytes, start, tables.strings.ends[id]! - start));
    };
    const { mappings, functions, locations, lines } = tables;
    const mappingMap = scratch.zeros(mappings.fileName.length + 1);
    const functionMap = scratch.zeros(functions.name.length + 1);
    const locationMap = scratch.zeros(locations.mapping.length + 1);
    /** By line: this table's function + 1. An array that shrinks and grows for each location would be half of what a build leaves to the garbage collector. */
    const lineFunctions = scratch.uint32(lines.function.length);
    let lineStart = 0;
    for (let i = 0; i < locations.mapping.length; i++) {
      if (i % STEP_ELEMENTS === 0) yield;
      const lineEnd = locations.lineEnds[i]!;
      if (used === undefined || used[i] !== 0) {
        const mapping = locations.mapping[i]!;
        if (mapping > 0 && mappingMap[mapping] === 0) mappingMap[mapping] = this.#internMapping(mappings, mapping - 1, string) + 1;
        for (let line = lineStart; line < lineEnd; line++) {
          const fn = lines.function[line]!;
          if (fn > 0 && functionMap[fn] === 0) {
            const at = fn - 1;
            functionMap[fn] =
              this.#internFunction(
                string(functions.name[at]!),
                string(functions.systemName[at]!),
                string(functions.fileName[at]!),
                functions.startLine[at]!,
              ) + 1;
          }
          lineFunctions[line] = functionMap[fn]!;
        }
        locationMap[i + 1] = this.#internLocation(
          mappingMap[mapping]!,
          locations.addressLo[i]!,
          locations.addressHi[i]!,
          lineFunctions,
          lines.number,
          lineStart,
          lineEnd,
        );
      }
      lineStart = lineEnd;
    }
    return locationMap;
  }

  *#addStrings(strings: SymbolTables["strings"], scratch: Arena): Steps<Uint32Array> {
    const map = scratch.uint32(strings.ends.length);
    let start = 0;
    for (let i = 0; i < map.length; i++) {
      if (i % STEP_ELEMENTS === 0) yield;
      const end = strings.ends[i]!;
      map[i] = this.strings.intern(strings.bytes, start, end - start);
      start = end;
    }
    return map;
  }

  #internMapping(from: Symbols["mappings"], index: number, string: (id: number) => number): number {
    const row = [
      string(from.fileName[index]!),
      string(from.buildId[index]!),
      from.startLo[index]!,
      from.startHi[index]!,
      from.limitLo[index]!,
      from.limitHi[index]!,
      from.offsetLo[index]!,
      from.offsetHi[index]!,
      from.flags[index]!,
    ];
    return internRow(this.#mappingTable, this.#mappings, row);
  }

  #internFunction(name: number, systemName: number, fileName: number, startLine: number): number {
    const functions = this.#functions;
    const hash = mix(mix(mix(name, systemName), fileName), startLine);
    const table = this.#functionTable;
    let slot = table.start(hash);
    for (let id = table.at(slot); id >= 0; slot = table.next(slot), id = table.at(slot)) {
      if (
        functions.name.data[id] === name &&
        functions.systemName.data[id] === systemName &&
        functions.fileName.data[id] === fileName &&
        functions.startLine.data[id] === startLine
      )
        return id;
    }
    const id = functions.name.push(name);
    functions.systemName.push(systemName);
    functions.fileName.push(fileName);
    functions.startLine.push(startLine);
    table.put(slot, id, hash);
    return id;
  }

  /** The location's lines are lineStart .. lineEnd of the columns. */
  #internLocation(
    mapping: number,
    lo: number,
    hi: number,
    functions: Uint32Array,
    numbers: Uint32Array,
    lineStart: number,
    lineEnd: number,
  ): number {
    const locations = this.#locations;
    const count = lineEnd - lineStart;
    let hash = mix(mix(mix(count, mapping), lo), hi);
    for (let line = lineStart; line < lineEnd; line++) hash = mix(mix(hash, functions[line]!), numbers[line]!);
    const table = this.#locationTable;
    let slot = table.start(hash);
    candidates: for (let id = table.at(slot); id >= 0; slot = table.next(slot), id = table.at(slot)) {
      if (locations.mapping.data[id] !== mapping || locations.addressLo.data[id] !== lo || locations.addressHi.data[id] !== hi) continue;
      const from = id === 0 ? 0 : this.#lineEnds.data[id - 1]!;
      if (this.#lineEnds.data[id]! - from !== count) continue;
      for (let i = 0; i < count; i++) {
        if (this.#lineFunction.data[from + i] !== functions[lineStart + i] || this.#lineNumber.data[from + i] !== numbers[lineStart + i])
          continue candidates;
      }
      return id;
    }
    const id = locations.mapping.push(mapping);
    locations.addressLo.push(lo);
    locations.addressHi.push(hi);
    for (let line = lineStart; line < lineEnd; line++) {
      this.#lineFunction.push(functions[line]!);
      this.#lineNumber.push(numbers[line]!);
    }
    this.#lineEnds.push(this.#lineFunction.length);
    table.put(slot, id, hash);
    return id;
  }
}

const SMALL: SymbolSizes = { strings: 256, stringBytes: 16 * 1024, functions: 128, locations: 256, lines: 256, nodes: 1024 };

/** What will probably be in a table that takes these profiles: they share most of it, and the largest has most. */
export function expectedSizes(profiles: readonly Symbols[]): SymbolSizes {
  const largest = (sizeOf: (profile: Symbols) => number): number => Math.max(16, ...profiles.map(sizeOf));
  const room = 1 + Math.min(profiles.length - 1, 4) / 4;
  return {
    strings: largest(({ strings }) => strings.ends.length * room),
    stringBytes: largest(({ strings }) => strings.bytes.length * room),
    functions: largest(({ functions }) => functions.name.length * room),
    locations: largest(({ locations }) => locations.mapping.length * room),
    lines: largest(({ lines }) => lines.number.length * room),
    nodes: largest(({ nodes }) => nodes.parent.length * room),
  };
}

function internRow(table: InternTable, to: readonly GrowableUint32[], row: readonly number[]): number {
  const hash = row.reduce(mix, row.length);
  let slot = table.start(hash);
  for (let id = table.at(slot); id >= 0; slot = table.next(slot), id = table.at(slot)) {
    if (row.every((value, column) => to[column]!.data[id] === value)) return id;
  }
  const id = to[0]!.length;
  row.forEach((value, column) => to[column]!.push(value));
  table.put(slot, id, hash);
  return id;
}

/** A stack needs its callers: marks the ancestors of every marked node. */
function withAncestors(used: Uint8Array, parent: Uint32Array): Uint8Array {
  const needed = used.slice();
  for (let i = parent.length; i > 0; i--) if (needed[i] !== 0) needed[parent[i - 1]!] = 1;
  return needed;
}

function usedLocations(needed: Uint8Array, symbols: Symbols): Uint8Array {
  const used = new Uint8Array(symbols.locations.mapping.length);
  const { location } = symbols.nodes;
  for (let i = 0; i < location.length; i++) if (needed[i + 1] !== 0) used[location[i]!] = 1;
  return used;
}
