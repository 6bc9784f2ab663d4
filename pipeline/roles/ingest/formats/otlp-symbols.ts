import {
  type DecodedProfile,
  type FunctionTable,
  type LocationTable,
  MAPPING_SHOWS_ADDRESSES,
  type MappingTable,
  type StringTable,
} from "../../../profile/decoded-profile.ts";
import { Renumbering, Uint32Column } from "./otlp-columns.ts";
import type { OtlpDictionary } from "./otlp-dictionary.ts";

const HAS_FUNCTIONS = 1;
const HAS_FILE_NAMES = 2;
const HAS_LINE_NUMBERS = 4;
const HAS_INLINE_FRAMES = 8;

/**
 * The symbols of one profile, picked from the tables that all profiles of the request share: a profile takes along what its samples refer
 * to, and pays only for that.
 */
export type OtlpSymbols = {
  /** Forgets the last profile. */
  clear(): void;
  /** Local index of a string of the request; 0 for every empty one. */
  string(shared: number): number;
  /** Where the locations of a stack begin in `stackLocations()`. */
  stack(shared: number): number;
  stackDepth(shared: number): number;
  stackLocations(): Uint32Array;
  /** The tables behind all that was asked for since `clear`. The arrays are used again after the next `clear`. */
  tables(): Pick<DecodedProfile, "strings" | "mappings" | "functions" | "locations">;
};

export function createOtlpSymbols(dictionary: OtlpDictionary): OtlpSymbols {
  const shared = dictionary;
  const stackNumbers = new Renumbering(Math.max(1, shared.stacks.count));
  const locationNumbers = new Renumbering(shared.locations.count);
  const functionNumbers = new Renumbering(shared.functions.count);
  const mappingNumbers = new Renumbering(Math.max(1, shared.mappings.count));
  const stringNumbers = new Renumbering(shared.strings.count);
  const stackStart = new Uint32Column();
  const stackLocation = new Uint32Column();
  let mappings = emptyMappings();
  let functions = emptyFunctions();
  let locations = emptyLocations();
  let text = new Uint8Array(0);
  let strings: StringTable = { count: 0, bytes: text, starts: new Uint32Array(0), lengths: new Uint32Array(0) };

  // Local string 0 is "", whatever the dictionary has there: real strings are numbered from 1.
  const string = (index: number): number => (shared.strings.isEmpty(index) ? 0 : stringNumbers.of(index) + 1);
  const stackFrom = (stack: number): number => (stack === 0 ? 0 : shared.stacks.end[stack - 1]!);
  const stackTo = (stack: number): number => shared.stacks.end[stack] ?? 0;

  function stack(index: number): number {
    const known = stackNumbers.used.count;
    const local = stackNumbers.of(index);
    if (local < known) return stackStart.at(local);
    stackStart.push(stackLocation.count);
    const location = shared.stacks.location.array;
    for (let i = stackFrom(index), end = stackTo(index); i < end; i++) stackLocation.push(locationNumbers.of(location[i]!));
    return stackStart.at(local);
  }

  function fillLocations(): void {
    const { used } = locationNumbers;
    const from = shared.locations;
    locations = roomForLocations(locations, used.count, from.lineFunction.count);
    locations.count = used.count;
    let line = 0;
    for (let i = 0; i < used.count; i++) {
      const index = used.at(i);
      locations.mapping[i] = mappingNumbers.of(from.mapping[index]!) + 1;
      locations.addressLo[i] = from.addressLo[index]!;
      locations.addressHi[i] = from.addressHi[index]!;
      locations.lineStart[i] = line;
      for (let j = index === 0 ? 0 : from.lineEnd[index - 1]!, end = from.lineEnd[index]!; j < end; j++) {
        const functionIndex = from.lineFunction.at(j);
        // A line without a function says nothing; what is left of its location is the address.
        if (!isFunction(functionIndex)) continue;
        locations.lineFunction[line] = functionNumbers.of(functionIndex) + 1;
        locations.lineNumber[line] = from.lineNumber.at(j);
        line++;
      }
      locations.lineCount[i] = line - locations.lineStart[i]!;
    }
    locations.lineTotal = line;
  }

  /** Function 0 is "unset", unless the sender put a real one there. */
  const isFunction = (index: number): boolean =>
    index !== 0 || (shared.functions.count > 0 && !shared.strings.isEmpty(shared.functions.name[0]!));

  function fillFunctions(): void {
    const { used } = functionNumbers;
    const from = shared.functions;
    if (functions.name.length < used.count) functions = emptyFunctions(used.count * 2);
    functions.count = used.count;
    for (let i = 0; i < used.count; i++) {
      const index = used.at(i);
      functions.name[i] = string(from.name[index]!);
      functions.systemName[i] = string(from.systemName[index]!);
      functions.fileName[i] = string(from.fileName[index]!);
      functions.startLine[i] = from.startLine[index]!;
    }
  }

  function fillMappings(): void {
    const { used } = mappingNumbers;
    const from = shared.mappings;
    if (mappings.fileName.length < used.count) mappings = emptyMappings(used.count * 2);
    mappings.count = used.count;
    for (let i = 0; i < used.count; i++) {
      const index = used.at(i);
      // A mapping table left out has its zero value all the same.
      mappings.startLo[i] = from.words[index * 6] ?? 0;
      mappings.startHi[i] = from.words[index * 6 + 1] ?? 0;
      mappings.limitLo[i] = from.words[index * 6 + 2] ?? 0;
      mappings.limitHi[i] = from.words[index * 6 + 3] ?? 0;
      mappings.offsetLo[i] = from.words[index * 6 + 4] ?? 0;
      mappings.offsetHi[i] = from.words[index * 6 + 5] ?? 0;
      mappings.fileName[i] = index < from.count ? string(from.fileName[index]!) : 0;
      mappings.buildId[i] = index < from.count ? string(from.buildId[index]!) : 0;
    }
    flagMappings(mappings, locations, functions);
  }

  /** The texts are copied together: what reads a profile may look through all its bytes, and the request is not its own. */
  function fillStrings(): void {
    const { used } = stringNumbers;
    const count = used.count + 1;
    if (strings.starts.length < count) strings = { ...strings, starts: new Uint32Array(count * 2), lengths: new Uint32Array(count * 2) };
    strings.count = count;
    strings.starts[0] = 0;
    strings.lengths[0] = 0;
    let sizeBytes = 0;
    for (let i = 1; i < count; i++) {
      strings.starts[i] = sizeBytes;
      sizeBytes += strings.lengths[i] = shared.strings.lengths.at(used.at(i - 1));
    }
    if (text.length < sizeBytes) text = new Uint8Array(sizeBytes * 2);
    for (let i = 1; i < count; i++) {
      copyText(shared.strings.bytes, shared.strings.starts.at(used.at(i - 1)), text, strings.starts[i]!, strings.lengths[i]!);
    }
    strings.bytes = text.subarray(0, sizeBytes);
  }

  return {
    clear() {
      for (const numbers of [stackNumbers, locationNumbers, functionNumbers, mappingNumbers, stringNumbers]) numbers.clear();
      stackStart.clear();
      stackLocation.clear();
    },
    string,
    stack,
    stackDepth: (index) => stackTo(index) - stackFrom(index),
    stackLocations: () => stackLocation.array,
    tables() {
      fillLocations();
      fillFunctions();
      fillMappings();
      fillStrings();
      return { strings, mappings, functions, locations };
    },
  };
}

/** Names are short, and for short ones a loop is faster than asking for views of both sides. */
const LOOP_BYTES_MAX = 48;

function copyText(from: Uint8Array, fromStart: number, to: Uint8Array, toStart: number, sizeBytes: number): void {
  if (sizeBytes > LOOP_BYTES_MAX) to.set(from.subarray(fromStart, fromStart + sizeBytes), toStart);
  else for (let i = 0; i < sizeBytes; i++) to[toStart + i] = from[fromStart + i]!;
}

/**
 * A mapping has functions (file names, line numbers) when all its locations have: then their addresses say nothing more, and normalisation may
 * forget them. One location without lines keeps the addresses of its mapping.
 */
function flagMappings(mappings: MappingTable, locations: LocationTable, functions: FunctionTable): void {
  const { flags } = mappings;
  flags.fill(HAS_FUNCTIONS | HAS_FILE_NAMES | HAS_LINE_NUMBERS, 0, mappings.count);
  for (let i = 0; i < locations.count; i++) {
    const mapping = locations.mapping[i]! - 1;
    const lineCount = locations.lineCount[i]!;
    if (lineCount === 0) flags[mapping] = (flags[mapping]! & HAS_INLINE_FRAMES) | MAPPING_SHOWS_ADDRESSES;
    if (lineCount > 1) flags[mapping]! |= HAS_INLINE_FRAMES;
    for (let j = locations.lineStart[i]!, end = j + lineCount; j < end; j++) {
      const functionIndex = locations.lineFunction[j]! - 1;
      if (functions.fileName[functionIndex] === 0) flags[mapping]! &= ~HAS_FILE_NAMES;
      if (locations.lineNumber[j]! <= 0) flags[mapping]! &= ~HAS_LINE_NUMBERS;
    }
  }
}

function emptyMappings(room = 0): MappingTable {
  const column = (): Uint32Array => new Uint32Array(room);
  return {
    count: 0,
    startLo: column(),
    startHi: column(),
    limitLo: column(),
    limitHi: column(),
    offsetLo: column(),
    offsetHi: column(),
    fileName: column(),
    buildId: column(),
    flags: new Uint8Array(room),
  };
}

function emptyFunctions(room = 0): FunctionTable {
  const column = (): Uint32Array => new Uint32Array(room);
  return { count: 0, name: column(), systemName: column(), fileName: column(), startLine: new Int32Array(room) };
}

function emptyLocations(room = 0, lineRoom = 0): LocationTable {
  const column = (): Uint32Array => new Uint32Array(room);
  return {
    count: 0,
    mapping: column(),
    addressLo: column(),
    addressHi: column(),
    folded: new Uint8Array(room),
    lineStart: column(),
    lineCount: column(),
    lineTotal: 0,
    lineFunction: new Uint32Array(lineRoom),
    lineNumber: new Int32Array(lineRoom),
  };
}

function roomForLocations(table: LocationTable, count: number, lines: number): LocationTable {
  return table.mapping.length >= count && table.lineFunction.length >= lines ? table : emptyLocations(count * 2, lines);
}
