import { isUtf8 } from "node:buffer";
import { type DecodedProfile, MISSING } from "./decoded-profile.ts";
import { PprofSamples } from "./pprof-samples.ts";
import { PprofSymbols } from "./pprof-symbols.ts";
import { clearProfile, emptyProfile, GROUPS, growColumns } from "./pprof-tables.ts";
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

class ColumnarPprofReader implements PprofReader {
  readonly #cursor = new WireCursor();
  readonly #profile = emptyProfile();
  readonly #samples = new PprofSamples(this.#cursor, this.#profile.samples);
  readonly #symbols = new PprofSymbols(this.#cursor, this.#profile);
  /** Pairs of string indexes: type, unit. */
  #sampleTypes: number[] = [];
  #periodType: [number, number] = [0, 0];

  read(bytes: Uint8Array, options: PprofReadOptions = {}): DecodedProfile {
    this.#clear(bytes);
    this.#readFields(bytes);
    this.#checkStrings();
    this.#checkValues();
    this.#symbols.resolve(options.repairFunctionIds === true);
    this.#samples.resolve(this.#symbols.locationIds);
    this.#checkStringIndexes();
    this.#nameTypes();
    return this.#profile;
  }

  #clear(bytes: Uint8Array): void {
    clearProfile(this.#profile);
    this.#profile.strings.bytes = bytes;
    this.#cursor.bytes = bytes;
    this.#samples.clear();
    this.#symbols.clear();
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
          position = this.#samples.read(position, position + cursor.lo);
          break;
        case Tag.location:
          position = cursor.length(position, end);
          position = this.#symbols.readLocation(position, position + cursor.lo);
          break;
        case Tag.function:
          position = cursor.length(position, end);
          position = this.#symbols.readFunction(position, position + cursor.lo);
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
          position = this.#symbols.readMapping(position, position + cursor.lo);
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
          if (tag >>> 3 <= LAST_FIELD && !IGNORED_TAGS.has(tag))
            throw malformed(`has field ${tag >>> 3} of the wrong wire type ${tag & 7}`, fieldStart);
          position = cursor.skip(position, tag, end);
      }
    }
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
        position = cursor.skipUnknown("value type", 2, position, end);
      }
    }
    if (position !== end) throw malformed("has a value type that reaches beyond its end", start);
    return [type, unit];
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

  #checkValues(): void {
    const { valuesPerSample } = this.#samples;
    const types = this.#sampleTypes.length / 2;
    if (valuesPerSample !== -1 && valuesPerSample !== types)
      throw malformed(`has samples of ${valuesPerSample} values but ${types} sample types`);
  }

  #checkStringIndexes(): void {
    const { strings, functions, mappings, samples } = this.#profile;
    const count = strings.count;
    for (let fn = 0; fn < functions.count; fn++) {
      if (
        (functions.name[fn] as number) >= count ||
        (functions.systemName[fn] as number) >= count ||
        (functions.fileName[fn] as number) >= count
      ) {
        throw malformed(`has function ${fn} with a string index out of range`);
      }
    }
    for (let mapping = 0; mapping < mappings.count; mapping++) {
      if ((mappings.fileName[mapping] as number) >= count || (mappings.buildId[mapping] as number) >= count) {
        throw malformed(`has mapping ${mapping} with a string index out of range`);
      }
    }
    for (let label = 0; label < this.#samples.labelCount; label++) {
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
