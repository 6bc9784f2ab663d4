import { Wire } from "../../../profile/wire-cursor.ts";
import { dictionaryString, readValueText } from "./otlp-attributes.ts";
import { Uint32Column } from "./otlp-columns.ts";
import { OtlpStrings } from "./otlp-strings.ts";
import { malformed, type WireRange, WireReader } from "./otlp-wire.ts";

/**
 * The tables that all profiles of a request share, in columns. Every index in them is checked: it leads to an entry. String indexes are those of
 * `strings`; `attributes.text` is 0 where the value makes no label.
 */
export type OtlpDictionary = {
  readonly strings: OtlpStrings;
  readonly attributes: { readonly count: number; readonly key: Uint32Array; readonly text: Uint32Array; readonly use: Uint8Array };
  /** Does any attribute name a service? Then profiles are split by it. */
  readonly namesServices: boolean;
  /** Hex ids as string indexes, 0 for none. */
  readonly links: {
    readonly count: number;
    readonly span: Uint32Array;
    readonly trace: Uint32Array;
    readonly spanName: number;
    readonly traceName: number;
  };
  readonly mappings: {
    readonly count: number;
    /** start, limit, offset as low and high halves: six numbers per mapping. */
    readonly words: Uint32Array;
    readonly fileName: Uint32Array;
    readonly buildId: Uint32Array;
  };
  readonly functions: {
    readonly count: number;
    readonly name: Uint32Array;
    readonly systemName: Uint32Array;
    readonly fileName: Uint32Array;
    readonly startLine: Int32Array;
  };
  /** Lines of location i: lineEnd[i - 1] (0 for the first) up to lineEnd[i]. */
  readonly locations: {
    readonly count: number;
    readonly mapping: Uint32Array;
    readonly addressLo: Uint32Array;
    readonly addressHi: Uint32Array;
    readonly lineEnd: Uint32Array;
    readonly lineFunction: Uint32Column;
    readonly lineNumber: Uint32Column;
  };
  /** Locations of stack i, leaf first: end[i - 1] (0 for the first) up to end[i]. */
  readonly stacks: { readonly count: number; readonly end: Uint32Array; readonly location: Uint32Column };
};

/** What an attribute means on a sample. */
export const ATTRIBUTE_LABEL = 1;
export const ATTRIBUTE_SERVICE = 2;
export const ATTRIBUTE_DROPPED = 3;

/**
 * Attributes of samples that are forgotten: they tell threads, processors and processes apart, so that each would multiply the number of series by
 * hundreds while nobody selects by them. Decision: docs/decisions, "OTLP sample attributes".
 */
export const DROPPED_SAMPLE_ATTRIBUTES: ReadonlySet<string> = new Set([
  "thread.id",
  "thread.name",
  "cpu.logical_number",
  "process.pid",
  "process.parent_pid",
]);

/** 4 Mi entries: forty times what a node with 100,000 distinct locations sends, and the columns of all tables together stay below 512 MiB. */
export const DICTIONARY_ENTRIES_MAX = 4 * 1024 * 1024;

/** Locations of all stacks, or lines of all locations: 4 bytes each, so 64 MiB a column. A million stacks of 16 frames. */
export const NUMBERS_MAX = 16 * 1024 * 1024;

const BUILD_ID_ATTRIBUTE = "process.executable.build_id.gnu";
const SERVICE_ATTRIBUTE = "service.name";

/** Errors: `malformed_profile` for bytes that are no dictionary, and for an index that leads nowhere, with the table and entry that hold it. */
export function readOtlpDictionary(
  body: Uint8Array,
  ranges: readonly WireRange[],
  droppedSampleAttributes: ReadonlySet<string> = DROPPED_SAMPLE_ATTRIBUTES,
): OtlpDictionary {
  const wire = new WireReader(body);
  const [mappingEntries, locationEntries, functionEntries, linkEntries, stringEntries, attributeEntries, stackEntries] = findEntries(
    wire,
    ranges,
  );
  const strings = new OtlpStrings(body, stringEntries.starts, stringEntries.ends);
  const attributes = readAttributeTable(wire, attributeEntries, strings, droppedSampleAttributes);
  const mappings = readMappings(wire, mappingEntries, strings, attributes);
  const functions = readFunctions(wire, functionEntries, strings);
  return {
    strings,
    attributes,
    namesServices: attributes.use.includes(ATTRIBUTE_SERVICE),
    links: readLinks(wire, linkEntries, strings),
    mappings,
    functions,
    locations: readLocations(wire, locationEntries, mappings.count, functions.count),
    stacks: readStacks(wire, stackEntries, locationEntries.starts.count),
  };
}

type Entries = { readonly starts: Uint32Column; readonly ends: Uint32Column };
/** Tables 1 to 7 of ProfilesDictionary, in the order of their field numbers. */
type Tables = [Entries, Entries, Entries, Entries, Entries, Entries, Entries];

/** The tables may come in any order and even in turns, so their entries are found before any is read. */
function findEntries(wire: WireReader, ranges: readonly WireRange[]): Tables {
  const counts = countEntries(wire, ranges);
  // Room for a few strings of our own behind the dictionary's.
  const entries = (field: number): Entries => ({
    starts: new Uint32Column(counts[field]! + 64),
    ends: new Uint32Column(counts[field]! + 1),
  });
  const tables: Tables = [entries(1), entries(2), entries(3), entries(4), entries(5), entries(6), entries(7)];
  for (const range of ranges) {
    wire.seek(range);
    while (wire.next()) {
      const table = tables[wire.field - 1];
      if (table === undefined) {
        wire.skip();
        continue;
      }
      const outer = wire.enter();
      table.starts.push(wire.position);
      table.ends.push(wire.end);
      wire.position = wire.end;
      wire.leave(outer);
    }
  }
  return tables;
}

/** Entries by field number, so that every table is made as large as it will be. */
function countEntries(wire: WireReader, ranges: readonly WireRange[]): Uint32Array {
  const counts = new Uint32Array(8);
  for (const range of ranges) {
    wire.seek(range);
    while (wire.next()) {
      const { field } = wire;
      if (field <= 7) wire.expect(Wire.Bytes);
      wire.skip();
      if (field > 7) continue;
      if (++counts[field]! > DICTIONARY_ENTRIES_MAX) {
        throw malformed(`a table of the dictionary has more than ${DICTIONARY_ENTRIES_MAX} entries: send smaller batches`, { field });
      }
    }
  }
  return counts;
}

/** Bytes of all entries together: an upper bound for how many numbers they hold. */
function sizeBytes({ starts, ends }: Entries): number {
  let sum = 0;
  for (let i = 0; i < starts.count; i++) sum += ends.at(i) - starts.at(i);
  return sum;
}

function seekEntry(wire: WireReader, { starts, ends }: Entries, index: number): void {
  wire.position = starts.at(index);
  wire.end = ends.at(index);
}

function readAttributeTable(
  wire: WireReader,
  entries: Entries,
  strings: OtlpStrings,
  dropped: ReadonlySet<string>,
): OtlpDictionary["attributes"] {
  const count = entries.starts.count;
  const key = new Uint32Array(count);
  const text = new Uint32Array(count);
  const use = new Uint8Array(count);
  const useOfKey = new Map<number, number>();
  for (let i = 0; i < count; i++) {
    seekEntry(wire, entries, i);
    let keyIndex = 0;
    let valueStart = -1;
    let valueEnd = 0;
    while (wire.next()) {
      if (wire.field === 1) keyIndex = dictionaryString(wire.index(), strings, `the key of attribute ${i}`);
      else if (wire.field === 2) {
        const outer = wire.enter();
        valueStart = wire.position;
        valueEnd = wire.end;
        wire.position = valueEnd;
        wire.leave(outer);
      } else wire.skip();
    }
    let keyUse = useOfKey.get(keyIndex);
    if (keyUse === undefined) {
      keyUse = attributeUse(strings.text(keyIndex), dropped);
      useOfKey.set(keyIndex, keyUse);
    }
    key[i] = keyIndex;
    use[i] = keyUse;
    if (valueStart < 0) continue;
    // Read even when dropped, so that its faults are found; but a dropped number is not worth spelling.
    wire.position = valueStart;
    wire.end = valueEnd;
    text[i] = readValueText(wire, strings, keyUse !== ATTRIBUTE_DROPPED) ?? 0;
  }
  return { count, key, text, use };
}

function attributeUse(key: string, dropped: ReadonlySet<string>): number {
  if (key === "") return ATTRIBUTE_DROPPED;
  if (key === SERVICE_ATTRIBUTE) return ATTRIBUTE_SERVICE;
  return dropped.has(key) ? ATTRIBUTE_DROPPED : ATTRIBUTE_LABEL;
}

function readLinks(wire: WireReader, entries: Entries, strings: OtlpStrings): OtlpDictionary["links"] {
  const count = entries.starts.count;
  const span = new Uint32Array(count);
  const trace = new Uint32Array(count);
  for (let i = 0; i < count; i++) {
    seekEntry(wire, entries, i);
    while (wire.next()) {
      if (wire.field === 1) trace[i] = idText(wire, 16, strings);
      else if (wire.field === 2) span[i] = idText(wire, 8, strings);
      else wire.skip();
    }
  }
  return {
    count,
    span,
    trace,
    spanName: count > 0 ? strings.addText("span_id") : 0,
    traceName: count > 0 ? strings.addText("trace_id") : 0,
  };
}

/** An id of the right length that is not all zero, which is what "no id" looks like; else 0. */
function idText(wire: WireReader, sizeBytes: number, strings: OtlpStrings): number {
  const { start, end } = wire.range();
  if (end - start !== sizeBytes) return 0;
  const bytes = wire.bytes.subarray(start, end);
  return bytes.every((byte) => byte === 0) ? 0 : strings.addText(Buffer.from(bytes).toString("hex"));
}

function readMappings(
  wire: WireReader,
  entries: Entries,
  strings: OtlpStrings,
  attributes: OtlpDictionary["attributes"],
): OtlpDictionary["mappings"] {
  const count = entries.starts.count;
  const words = new Uint32Array(count * 6);
  const fileName = new Uint32Array(count);
  const buildId = new Uint32Array(count);
  const takeAttribute = (i: number, index: number): void => {
    checkIndex(index, attributes.count, "attribute", "mapping", i);
    if (strings.text(attributes.key[index]!) === BUILD_ID_ATTRIBUTE) buildId[i] = attributes.text[index]!;
  };
  for (let i = 0; i < count; i++) {
    seekEntry(wire, entries, i);
    while (wire.next()) {
      switch (wire.field) {
        case 1:
        case 2:
        case 3: {
          const at = i * 6 + (wire.field - 1) * 2;
          wire.words();
          words[at] = wire.lo;
          words[at + 1] = wire.hi;
          break;
        }
        case 4:
          fileName[i] = dictionaryString(wire.index(), strings, `the file name of mapping ${i}`);
          break;
        case 5:
          forEachIndex(wire, (index) => takeAttribute(i, index));
          break;
        default:
          wire.skip();
      }
    }
  }
  return { count, words, fileName, buildId };
}

function readFunctions(wire: WireReader, entries: Entries, strings: OtlpStrings): OtlpDictionary["functions"] {
  const count = entries.starts.count;
  const stringCount = strings.dictionaryCount;
  const name = new Uint32Array(count);
  const systemName = new Uint32Array(count);
  const fileName = new Uint32Array(count);
  const startLine = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    seekEntry(wire, entries, i);
    while (wire.next()) {
      switch (wire.field) {
        case 1:
          checkIndex((name[i] = wire.index()), stringCount, "string", "function", i);
          break;
        case 2:
          checkIndex((systemName[i] = wire.index()), stringCount, "string", "function", i);
          break;
        case 3:
          checkIndex((fileName[i] = wire.index()), stringCount, "string", "function", i);
          break;
        case 4:
          startLine[i] = wire.clamped();
          break;
        default:
          wire.skip();
      }
    }
  }
  return { count, name, systemName, fileName, startLine };
}

function readLocations(wire: WireReader, entries: Entries, mappingCount: number, functionCount: number): OtlpDictionary["locations"] {
  const count = entries.starts.count;
  const mapping = new Uint32Array(count);
  const addressLo = new Uint32Array(count);
  const addressHi = new Uint32Array(count);
  const lineEnd = new Uint32Array(count);
  // A line is a tag and a length with at least a function, mostly in 2 bytes and a tag of its own.
  const lineRoom = Math.min(NUMBERS_MAX, Math.ceil(sizeBytes(entries) / 5));
  const lineFunction = new Uint32Column(lineRoom);
  const lineNumber = new Uint32Column(lineRoom);

  function readLine(location: number): void {
    let functionIndex = 0;
    let number = 0;
    const outer = wire.enter();
    while (wire.next()) {
      if (wire.field === 1) functionIndex = wire.index();
      else if (wire.field === 2) number = wire.clamped();
      else wire.skip();
    }
    wire.leave(outer);
    // 0 is "unset", with or without a function table.
    if (functionIndex !== 0) checkIndex(functionIndex, functionCount, "function", "location", location);
    lineFunction.push(functionIndex);
    lineNumber.push(number);
  }

  for (let i = 0; i < count; i++) {
    seekEntry(wire, entries, i);
    while (wire.next()) {
      switch (wire.field) {
        case 1:
          mapping[i] = wire.index();
          // Without a mapping table, 0 still means "unset".
          if (mapping[i] !== 0 || mappingCount > 0) checkIndex(mapping[i]!, mappingCount, "mapping", "location", i);
          break;
        case 2:
          wire.words();
          addressLo[i] = wire.lo;
          addressHi[i] = wire.hi;
          break;
        case 3:
          readLine(i);
          break;
        default:
          wire.skip();
      }
    }
    lineEnd[i] = lineFunction.count;
    checkNumbers(lineFunction.count, "locations have lines");
  }
  return { count, mapping, addressLo, addressHi, lineEnd, lineFunction, lineNumber };
}

function readStacks(wire: WireReader, entries: Entries, locationCount: number): OtlpDictionary["stacks"] {
  const count = entries.starts.count;
  const end = new Uint32Array(count);
  const location = new Uint32Column(Math.min(NUMBERS_MAX, sizeBytes(entries)));
  for (let i = 0; i < count; i++) {
    seekEntry(wire, entries, i);
    while (wire.next()) {
      if (wire.field === 1)
        forEachIndex(wire, (index) => {
          checkIndex(index, locationCount, "location", "stack", i);
          location.push(index);
        });
      else wire.skip();
    }
    end[i] = location.count;
    checkNumbers(location.count, "stacks have locations");
  }
  return { count, end, location };
}

/** Of a repeated int32 field, packed or not. */
export function forEachIndex(wire: WireReader, take: (index: number) => void): void {
  if (wire.wireType !== Wire.Bytes) {
    take(wire.index());
    return;
  }
  const outer = wire.enter();
  while (wire.position < wire.end) take(wire.packedIndex());
  wire.leave(outer);
}

function checkNumbers(count: number, what: string): void {
  if (count > NUMBERS_MAX) throw malformed(`the dictionary's ${what} beyond ${NUMBERS_MAX} in all: send smaller batches`, { count });
}

function checkIndex(index: number, count: number, table: string, holder: string, entry: number): void {
  if (index >= count)
    throw malformed(`${holder} ${entry} of the dictionary refers to ${table} ${index}, but there are ${count}`, { index, count });
}
