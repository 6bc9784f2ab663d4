import { isUtf8 } from "node:buffer";
import { type DecodedProfile, MISSING } from "./decoded-profile.ts";
import { IdIndex } from "./id-index.ts";
import { clearProfile, emptyProfile, GROUPS, growColumns, grown } from "./pprof-tables.ts";
import type { ValueType } from "./profile-type.ts";
import { malformed, WireCursor } from "./wire-cursor.ts";

export type PprofReader = {
  /**
   * Reads one uncompressed profile in a single pass. What it gives belongs to the reader and holds until its next `read`; the
   * strings are views on `bytes`.
   *
   * Errors: `malformed_profile` (invalid) names the fault and, where it can, the byte.
   * Source: the message `perftools.profiles.Profile` of github.com/google/pprof, proto/profile.proto.
   */
  read(bytes: Uint8Array, options?: PprofReadOptions): DecodedProfile;
};

export type PprofReadOptions = {
  /** For old .NET clients: when no function has an id and there are as many functions as locations, they share ids pairwise. */
  readonly repairFunctionIds?: boolean;
};

export function createPprofReader(): PprofReader {
  return new ColumnarPprofReader();
}

/** Tags of proto/profile.proto: field number << 3 | wire type. */
const Tag = {
  sampleType: 0x0a,
  sample: 0x12,
  mapping: 0x1a,
  location: 0x22,
  function: 0x2a,
  string: 0x32,
  timeNanos: 0x48,
  durationNanos: 0x50,
  periodType: 0x5a,
  period: 0x60,
  defaultSampleType: 0x70,
} as const;
/** drop_frames, keep_frames, comment and doc_url are read over; any other tag of these numbers has the wrong wire type. */
const IGNORED_TAGS: ReadonlySet<number> = new Set([0x38, 0x40, 0x68, 0x6a, 0x78]);
const LAST_FIELD = 15;

/** Ids as sent, replaced by indexes when the tables are complete: 32 bits suffice for nearly all producers. */
class ColumnarPprofReader implements PprofReader {
  readonly #cursor = new WireCursor();
  readonly #profile = emptyProfile();
  readonly #locationIds = new IdIndex();
  readonly #functionIds = new IdIndex();
  readonly #mappingIds = new IdIndex();
  /** High halves of `samples.location` while these are ids; unused until one has a high half. */
  #sampleLocationHi = new Uint32Array(0);
  #wideSampleLocations = false;
  #lineFunctionHi = new Uint32Array(0);
  #wideLineFunctions = false;
  #locationMappingHi = new Uint32Array(0);
  #wideLocationMappings = false;
  /** Used elements of `samples.location`, of the values and of the label columns. */
  #locationRefs = 0;
  #values = 0;
  #labels = 0;
  #valuesPerSample = -1;
  /** Pairs of string indexes: type, unit. */
  #sampleTypes: number[] = [];
  #periodType: [number, number] = [0, 0];

  read(bytes: Uint8Array, options: PprofReadOptions = {}): DecodedProfile {
    this.#clear(bytes);
    this.#readFields(bytes);
    this.#checkStrings();
    this.#resolveIds(options.repairFunctionIds === true);
    this.#checkStringIndexes();
    this.#nameTypes();
    return this.#profile;
  }

  #clear(bytes: Uint8Array): void {
    clearProfile(this.#profile);
    this.#profile.strings.bytes = bytes;
    this.#cursor.bytes = bytes;
    this.#locationIds.clear();
    this.#functionIds.clear();
    this.#mappingIds.clear();
    this.#wideSampleLocations = false;
    this.#wideLineFunctions = false;
    this.#wideLocationMappings = false;
    this.#locationRefs = 0;
    this.#values = 0;
    this.#labels = 0;
    this.#valuesPerSample = -1;
    this.#sampleTypes = [];
    this.#periodType = [0, 0];
  }

  #readFields(bytes: Uint8Array): void {
    const cursor = this.#cursor;
    const end = bytes.length;
    let position = 0;
    while (position < end) {
      const fieldStart = position;
      position = cursor.varint(position);
      const tag = cursor.hi === 0 ? cursor.lo : MISSING;
      switch (tag) {
        case Tag.sample:
          position = cursor.length(position, end);
          position = this.#readSample(position, position + cursor.lo);
          break;
        case Tag.location:
          position = cursor.length(position, end);
          position = this.#readLocation(position, position + cursor.lo);
          break;
        case Tag.function:
          position = cursor.length(position, end);
          position = this.#readFunction(position, position + cursor.lo);
          break;
        case Tag.string: {
          position = cursor.length(position, end);
          const strings = this.#profile.strings;
          if (strings.count === strings.starts.length) growColumns(strings, GROUPS.strings);
          strings.starts[strings.count] = position;
          strings.lengths[strings.count] = cursor.lo;
          strings.count++;
          position += cursor.lo;
          break;
        }
        case Tag.mapping:
          position = cursor.length(position, end);
          position = this.#readMapping(position, position + cursor.lo);
          break;
        case Tag.sampleType: {
          position = cursor.length(position, end);
          const stop = position + cursor.lo;
          this.#sampleTypes.push(...this.#readValueType(position, stop));
          position = stop;
          break;
        }
        case Tag.periodType: {
          position = cursor.length(position, end);
          const stop = position + cursor.lo;
          this.#periodType = this.#readValueType(position, stop);
          position = stop;
          break;
        }
        case Tag.timeNanos:
          position = cursor.varint(position);
          this.#profile.timeNs = cursor.bigint();
          break;
        case Tag.durationNanos:
          position = cursor.varint(position);
          this.#profile.durationNs = cursor.bigint();
          break;
        case Tag.period:
          position = cursor.varint(position);
          this.#profile.period = cursor.signed();
          if (Number.isNaN(this.#profile.period)) throw malformed("has a period above 2^53 - 1", fieldStart);
          break;
        case Tag.defaultSampleType:
          position = cursor.varint(position);
          this.#profile.defaultSampleType = cursor.index();
          break;
        default:
          if (tag >>> 3 <= LAST_FIELD && !IGNORED_TAGS.has(tag)) throw malformed(`has field ${tag >>> 3} of the wrong wire type ${tag & 7}`, fieldStart);
          position = cursor.skip(position, tag, end);
      }
    }
  }

  /** The hottest code of the whole ingest: location ids and values are read in place, without a call for short numbers. */
  #readSample(start: number, end: number): number {
    const cursor = this.#cursor;
    const bytes = cursor.bytes;
    const samples = this.#profile.samples;
    const sample = samples.count;
    if (sample === samples.locationStart.length) growColumns(samples, GROUPS.samples);
    const firstLocation = this.#locationRefs;
    const firstValue = this.#values;
    const firstLabel = this.#labels;
    let position = start;
    while (position < end) {
      const tag = bytes[position++] as number;
      switch (tag) {
        case 0x0a: {
          position = cursor.length(position, end);
          const stop = position + cursor.lo;
          let count = this.#locationRefs;
          if (samples.location.length < count + cursor.lo) samples.location = grown(samples.location, count + cursor.lo);
          const location = samples.location;
          while (position < stop) {
            let id = bytes[position] as number;
            if (id < 0x80) {
              position++;
            } else {
              const second = bytes[position + 1] as number;
              if (second < 0x80) {
                id = (id & 0x7f) | (second << 7);
                position += 2;
              } else {
                position = cursor.varint(position);
                id = cursor.lo;
                if (cursor.hi !== 0) this.#noteWideLocation(count, cursor.hi);
              }
            }
            location[count++] = id;
          }
          if (position !== stop) throw malformed("has a sample whose location ids end within a number", position);
          this.#locationRefs = count;
          break;
        }
        case 0x12: {
          position = cursor.length(position, end);
          const stop = position + cursor.lo;
          let count = this.#values;
          if (samples.values.length < count + cursor.lo) samples.values = grown(samples.values, count + cursor.lo);
          const values = samples.values;
          while (position < stop) {
            // One to four bytes cover nearly all values; the rest is left to the cursor.
            let value = bytes[position] as number;
            if (value < 0x80) {
              position++;
            } else {
              let next = bytes[position + 1] as number;
              value = (value & 0x7f) | ((next & 0x7f) << 7);
              if (next < 0x80) {
                position += 2;
              } else {
                next = bytes[position + 2] as number;
                value |= (next & 0x7f) << 14;
                if (next < 0x80) {
                  position += 3;
                } else {
                  next = bytes[position + 3] as number;
                  value |= (next & 0x7f) << 21;
                  if (next < 0x80) {
                    position += 4;
                  } else {
                    position = cursor.varint(position);
                    value = this.#value(position);
                  }
                }
              }
            }
            values[count++] = value;
          }
          if (position !== stop) throw malformed("has a sample whose values end within a number", position);
          this.#values = count;
          break;
        }
        case 0x1a: {
          position = cursor.length(position, end);
          position = this.#readLabel(position, position + cursor.lo);
          break;
        }
        case 0x08: {
          position = cursor.varint(position);
          if (samples.location.length === this.#locationRefs) samples.location = grown(samples.location, 0);
          if (cursor.hi !== 0) this.#noteWideLocation(this.#locationRefs, cursor.hi);
          samples.location[this.#locationRefs++] = cursor.lo;
          break;
        }
        case 0x10: {
          position = cursor.varint(position);
          if (samples.values.length === this.#values) samples.values = grown(samples.values, 0);
          samples.values[this.#values++] = this.#value(position);
          break;
        }
        default:
          position = this.#skip("sample", 3, position, end);
      }
    }
    if (position !== end) throw malformed("has a sample that reaches beyond its end", start);
    const valueCount = this.#values - firstValue;
    if (this.#valuesPerSample === -1) this.#valuesPerSample = valueCount;
    else if (this.#valuesPerSample !== valueCount) throw malformed(`has samples of ${this.#valuesPerSample} and of ${valueCount} values`, start);
    samples.locationStart[sample] = firstLocation;
    samples.locationCount[sample] = this.#locationRefs - firstLocation;
    samples.labelStart[sample] = firstLabel;
    samples.labelCount[sample] = this.#labels - firstLabel;
    samples.count = sample + 1;
    return end;
  }

  #value(position: number): number {
    const value = this.#cursor.signed();
    if (Number.isNaN(value)) throw malformed("has a value beyond 2^53 - 1", position);
    return value;
  }

  #readLabel(start: number, end: number): number {
    const cursor = this.#cursor;
    const samples = this.#profile.samples;
    const label = this.#labels++;
    if (label === samples.labelName.length) growColumns(samples, GROUPS.labels);
    let name = 0;
    let text = 0;
    let position = start;
    while (position < end) {
      const tag = cursor.bytes[position++] as number;
      switch (tag) {
        case 0x08:
          position = cursor.varint(position);
          name = cursor.index();
          break;
        case 0x10:
          position = cursor.varint(position);
          text = cursor.index();
          break;
        case 0x18:
        case 0x20:
          position = cursor.varint(position);
          break;
        default:
          position = this.#skip("label", 4, position, end);
      }
    }
    if (position !== end) throw malformed("has a label that reaches beyond its end", start);
    samples.labelName[label] = name;
    samples.labelText[label] = text;
    return end;
  }

  #readLocation(start: number, end: number): number {
    const cursor = this.#cursor;
    const locations = this.#profile.locations;
    const location = locations.count;
    if (location === locations.mapping.length) growColumns(locations, GROUPS.locations);
    let idLo = 0;
    let idHi = 0;
    let mapping = 0;
    let addressLo = 0;
    let addressHi = 0;
    let folded = 0;
    const lineStart = locations.lineTotal;
    let position = start;
    while (position < end) {
      const tag = cursor.bytes[position++] as number;
      switch (tag) {
        case 0x08:
          position = cursor.varint(position);
          idLo = cursor.lo;
          idHi = cursor.hi;
          break;
        case 0x10:
          position = cursor.varint(position);
          mapping = cursor.lo;
          if (cursor.hi !== 0) this.#noteWideMapping(location, cursor.hi);
          break;
        case 0x18:
          position = cursor.varint(position);
          addressLo = cursor.lo;
          addressHi = cursor.hi;
          break;
        case 0x22:
          position = cursor.length(position, end);
          position = this.#readLine(position, position + cursor.lo);
          break;
        case 0x28:
          position = cursor.varint(position);
          folded = cursor.lo === 0 && cursor.hi === 0 ? 0 : 1;
          break;
        default:
          position = this.#skip("location", 5, position, end);
      }
    }
    if (position !== end) throw malformed("has a location that reaches beyond its end", start);
    if (idLo === 0 && idHi === 0) throw malformed("has a location with id 0", start);
    this.#locationIds.add(idLo, idHi);
    locations.mapping[location] = mapping;
    locations.addressLo[location] = addressLo;
    locations.addressHi[location] = addressHi;
    locations.folded[location] = folded;
    locations.lineStart[location] = lineStart;
    locations.lineCount[location] = locations.lineTotal - lineStart;
    locations.count = location + 1;
    return end;
  }

  #readLine(start: number, end: number): number {
    const cursor = this.#cursor;
    const locations = this.#profile.locations;
    const line = locations.lineTotal;
    if (line === locations.lineFunction.length) growColumns(locations, GROUPS.lines);
    let fn = 0;
    let number = 0;
    let position = start;
    while (position < end) {
      const tag = cursor.bytes[position++] as number;
      switch (tag) {
        case 0x08:
          position = cursor.varint(position);
          fn = cursor.lo;
          if (cursor.hi !== 0) this.#noteWideFunction(line, cursor.hi);
          break;
        case 0x10:
          position = cursor.varint(position);
          number = cursor.signed32();
          break;
        case 0x18:
          position = cursor.varint(position);
          break;
        default:
          position = this.#skip("line", 3, position, end);
      }
    }
    if (position !== end) throw malformed("has a line that reaches beyond its end", start);
    locations.lineFunction[line] = fn;
    locations.lineNumber[line] = number;
    locations.lineTotal = line + 1;
    return end;
  }

  #readFunction(start: number, end: number): number {
    const cursor = this.#cursor;
    const functions = this.#profile.functions;
    const fn = functions.count;
    if (fn === functions.name.length) growColumns(functions, GROUPS.functions);
    let idLo = 0;
    let idHi = 0;
    let name = 0;
    let systemName = 0;
    let fileName = 0;
    let startLine = 0;
    let position = start;
    while (position < end) {
      const tag = cursor.bytes[position++] as number;
      switch (tag) {
        case 0x08:
          position = cursor.varint(position);
          idLo = cursor.lo;
          idHi = cursor.hi;
          break;
        case 0x10:
          position = cursor.varint(position);
          name = cursor.index();
          break;
        case 0x18:
          position = cursor.varint(position);
          systemName = cursor.index();
          break;
        case 0x20:
          position = cursor.varint(position);
          fileName = cursor.index();
          break;
        case 0x28:
          position = cursor.varint(position);
          startLine = cursor.signed32();
          break;
        default:
          position = this.#skip("function", 5, position, end);
      }
    }
    if (position !== end) throw malformed("has a function that reaches beyond its end", start);
    this.#functionIds.add(idLo, idHi);
    functions.name[fn] = name;
    functions.systemName[fn] = systemName;
    functions.fileName[fn] = fileName;
    functions.startLine[fn] = startLine;
    functions.count = fn + 1;
    return end;
  }

  #readMapping(start: number, end: number): number {
    const cursor = this.#cursor;
    const mappings = this.#profile.mappings;
    const mapping = mappings.count;
    if (mapping === mappings.flags.length) growColumns(mappings, GROUPS.mappings);
    for (const name of GROUPS.mappings) mappings[name][mapping] = 0;
    let idLo = 0;
    let idHi = 0;
    let position = start;
    while (position < end) {
      const tag = cursor.bytes[position++] as number;
      if ((tag & 7) !== 0 || tag >= 0x80 || tag >>> 3 === 0 || tag >>> 3 > 10) {
        position = this.#skip("mapping", 10, position, end);
        continue;
      }
      position = cursor.varint(position);
      switch (tag >>> 3) {
        case 1:
          idLo = cursor.lo;
          idHi = cursor.hi;
          break;
        case 2:
          mappings.startLo[mapping] = cursor.lo;
          mappings.startHi[mapping] = cursor.hi;
          break;
        case 3:
          mappings.limitLo[mapping] = cursor.lo;
          mappings.limitHi[mapping] = cursor.hi;
          break;
        case 4:
          mappings.offsetLo[mapping] = cursor.lo;
          mappings.offsetHi[mapping] = cursor.hi;
          break;
        case 5:
          mappings.fileName[mapping] = cursor.index();
          break;
        case 6:
          mappings.buildId[mapping] = cursor.index();
          break;
        default:
          // has_functions 7, has_filenames 8, has_line_numbers 9, has_inline_frames 10
          if (cursor.lo !== 0 || cursor.hi !== 0) mappings.flags[mapping] = (mappings.flags[mapping] as number) | (1 << ((tag >>> 3) - 7));
      }
    }
    if (position !== end) throw malformed("has a mapping that reaches beyond its end", start);
    this.#mappingIds.add(idLo, idHi);
    mappings.count = mapping + 1;
    return end;
  }

  #readValueType(start: number, end: number): [number, number] {
    const cursor = this.#cursor;
    let type = 0;
    let unit = 0;
    let position = start;
    while (position < end) {
      const tag = cursor.bytes[position++] as number;
      if (tag === 0x08) {
        position = cursor.varint(position);
        type = cursor.index();
      } else if (tag === 0x10) {
        position = cursor.varint(position);
        unit = cursor.index();
      } else {
        position = this.#skip("value type", 2, position, end);
      }
    }
    if (position !== end) throw malformed("has a value type that reaches beyond its end", start);
    return [type, unit];
  }

  /** Reads over a field of a message whose known fields end at `lastField`; the position is one after the first byte of its tag. */
  #skip(message: string, lastField: number, position: number, end: number): number {
    const start = position - 1;
    const after = this.#cursor.varint(start);
    const tag = this.#cursor.index();
    if (tag >>> 3 <= lastField) throw malformed(`has a ${message} with field ${tag >>> 3} of the wrong wire type ${tag & 7}`, start);
    return this.#cursor.skip(after, tag, end);
  }

  #noteWideLocation(index: number, hi: number): void {
    if (!this.#wideSampleLocations) this.#sampleLocationHi = new Uint32Array(this.#profile.samples.location.length);
    this.#wideSampleLocations = true;
    if (this.#sampleLocationHi.length <= index) this.#sampleLocationHi = grown(this.#sampleLocationHi, index + 1);
    this.#sampleLocationHi[index] = hi;
  }

  #noteWideFunction(index: number, hi: number): void {
    if (!this.#wideLineFunctions) this.#lineFunctionHi = new Uint32Array(this.#profile.locations.lineFunction.length);
    this.#wideLineFunctions = true;
    if (this.#lineFunctionHi.length <= index) this.#lineFunctionHi = grown(this.#lineFunctionHi, index + 1);
    this.#lineFunctionHi[index] = hi;
  }

  #noteWideMapping(index: number, hi: number): void {
    if (!this.#wideLocationMappings) this.#locationMappingHi = new Uint32Array(this.#profile.locations.mapping.length);
    this.#wideLocationMappings = true;
    if (this.#locationMappingHi.length <= index) this.#locationMappingHi = grown(this.#locationMappingHi, index + 1);
    this.#locationMappingHi[index] = hi;
  }

  #checkStrings(): void {
    const { count, bytes, starts, lengths } = this.#profile.strings;
    if (this.#sampleTypes.length === 0) throw malformed("has no sample types");
    if (count === 0 || lengths[0] !== 0) throw malformed("has a string table that does not start with the empty string");
    for (let string = 0; string < count; string++) {
      const start = starts[string] as number;
      const end = start + (lengths[string] as number);
      let high = 0;
      for (let at = start; at < end; at++) high |= bytes[at] as number;
      if (high >= 0x80 && !isUtf8(bytes.subarray(start, end))) throw malformed(`has string ${string}, which is not valid UTF-8`, start);
    }
  }

  #resolveIds(repairFunctionIds: boolean): void {
    const { samples, locations } = this.#profile;
    if (this.#valuesPerSample !== -1 && this.#valuesPerSample !== this.#sampleTypes.length / 2) {
      throw malformed(`has samples of ${this.#valuesPerSample} values but ${this.#sampleTypes.length / 2} sample types`);
    }
    this.#checkFunctionIds(repairFunctionIds);
    this.#locationIds.build();
    this.#functionIds.build();
    this.#mappingIds.build();

    this.#locationIds.resolve(samples.location, this.#wideSampleLocations ? this.#sampleLocationHi : undefined, this.#locationRefs);
    const lineFunction = locations.lineFunction;
    for (let line = 0; line < locations.lineTotal; line++) {
      const found = this.#functionIds.find(lineFunction[line] as number, this.#wideLineFunctions ? (this.#lineFunctionHi[line] ?? 0) : 0);
      lineFunction[line] = found === MISSING ? 0 : found + 1;
    }
    for (let index = 0; index < locations.count; index++) {
      const lo = locations.mapping[index] as number;
      const hi = this.#wideLocationMappings ? (this.#locationMappingHi[index] ?? 0) : 0;
      if (lo === 0 && hi === 0) continue;
      const found = this.#mappingIds.find(lo, hi);
      locations.mapping[index] = found === MISSING ? MISSING : found + 1;
    }
  }

  #checkFunctionIds(repair: boolean): void {
    const { functions, locations } = this.#profile;
    let zeros = 0;
    for (let fn = 0; fn < functions.count; fn++) if (this.#functionIds.isZero(fn)) zeros++;
    if (zeros === 0) return;
    if (repair && zeros === functions.count && functions.count === locations.count) this.#functionIds.copyFrom(this.#locationIds);
    else throw malformed("has a function with id 0");
  }

  #checkStringIndexes(): void {
    const { strings, functions, mappings, samples } = this.#profile;
    const count = strings.count;
    for (let fn = 0; fn < functions.count; fn++) {
      if ((functions.name[fn] as number) >= count || (functions.systemName[fn] as number) >= count || (functions.fileName[fn] as number) >= count) {
        throw malformed(`has function ${fn} with a string index out of range`);
      }
    }
    for (let mapping = 0; mapping < mappings.count; mapping++) {
      if ((mappings.fileName[mapping] as number) >= count || (mappings.buildId[mapping] as number) >= count) {
        throw malformed(`has mapping ${mapping} with a string index out of range`);
      }
    }
    for (let label = 0; label < this.#labels; label++) {
      if ((samples.labelName[label] as number) >= count || (samples.labelText[label] as number) >= count) {
        throw malformed("has a sample label with a string index out of range");
      }
    }
    if (this.#profile.defaultSampleType >= count) throw malformed("has a default sample type with a string index out of range");
  }

  #nameTypes(): void {
    const { strings } = this.#profile;
    const text = (index: number): string => {
      if (index >= strings.count) throw malformed("has a sample or period type with a string index out of range");
      const start = strings.starts[index] as number;
      return Buffer.from(strings.bytes.buffer, strings.bytes.byteOffset + start, strings.lengths[index]).toString("utf8");
    };
    const types: ValueType[] = [];
    for (let at = 0; at < this.#sampleTypes.length; at += 2) {
      types.push({ type: text(this.#sampleTypes[at] as number), unit: text(this.#sampleTypes[at + 1] as number) });
    }
    this.#profile.sampleTypes = types;
    this.#profile.periodType = { type: text(this.#periodType[0]), unit: text(this.#periodType[1]) };
  }
}
