import type { SampleTable } from "./decoded-profile.ts";
import { HighHalves } from "./high-halves.ts";
import type { IdIndex } from "./id-index.ts";
import { GROUPS, growColumns, grown } from "./pprof-tables.ts";
import { malformed, type WireCursor } from "./wire-cursor.ts";

/**
 * Reads samples of pprof into columns. Location ids stand there as sent until `resolve` replaces them by indexes, since samples
 * may come before the locations they refer to.
 */
export class PprofSamples {
  readonly #cursor: WireCursor;
  readonly #samples: SampleTable;
  readonly #locationHi = new HighHalves();
  /** The largest low half. */
  #locationIdMax = 0;
  /** Used elements of `location`, of the values and of the label columns. */
  #locationRefs = 0;
  #values = 0;
  #labels = 0;
  /** Of every sample, -1 before the first. */
  valuesPerSample = -1;

  constructor(cursor: WireCursor, samples: SampleTable) {
    this.#cursor = cursor;
    this.#samples = samples;
  }

  get labelCount(): number {
    return this.#labels;
  }

  clear(): void {
    this.#locationHi.clear();
    this.#locationIdMax = 0;
    this.#locationRefs = 0;
    this.#values = 0;
    this.#labels = 0;
    this.valuesPerSample = -1;
  }

  /** Ids stand in `location` less 1, which is what their indexes are when they are 1, 2, 3 …: then there is nothing left to do. */
  resolve(locationIds: IdIndex): void {
    const hi = this.#locationHi.column(this.#locationRefs);
    if (hi === undefined && locationIds.isSequence && this.#locationIdMax <= locationIds.count) return;
    const { location } = this.#samples;
    for (let at = 0; at < this.#locationRefs; at++) location[at] = (location[at] as number) + 1;
    locationIds.resolve(location, hi, this.#locationRefs);
  }

  /** The hottest code of the whole ingest: location ids and values are read in place, without a call for short numbers. */
  read(start: number, end: number): number {
    const cursor = this.#cursor;
    const bytes = cursor.bytes;
    const samples = this.#samples;
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
          let max = this.#locationIdMax;
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
                if (cursor.hi !== 0) this.#locationHi.set(count, cursor.hi);
              }
            }
            if (id > max) max = id;
            location[count++] = id - 1;
          }
          if (position !== stop) throw malformed("has a sample whose location ids end within a number", position);
          this.#locationRefs = count;
          this.#locationIdMax = max;
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
          if (cursor.hi !== 0) this.#locationHi.set(this.#locationRefs, cursor.hi);
          if (cursor.lo > this.#locationIdMax) this.#locationIdMax = cursor.lo;
          samples.location[this.#locationRefs++] = cursor.lo - 1;
          break;
        }
        case 0x10: {
          position = cursor.varint(position);
          if (samples.values.length === this.#values) samples.values = grown(samples.values, 0);
          samples.values[this.#values++] = this.#value(position);
          break;
        }
        default:
          position = cursor.skipUnknown("sample", 3, position, end);
      }
    }
    if (position !== end) throw malformed("has a sample that reaches beyond its end", start);
    const valueCount = this.#values - firstValue;
    if (this.valuesPerSample === -1) this.valuesPerSample = valueCount;
    else if (this.valuesPerSample !== valueCount)
      throw malformed(`has samples of ${this.valuesPerSample} and of ${valueCount} values`, start);
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
    const samples = this.#samples;
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
          position = cursor.skipUnknown("label", 4, position, end);
      }
    }
    if (position !== end) throw malformed("has a label that reaches beyond its end", start);
    samples.labelName[label] = name;
    samples.labelText[label] = text;
    return end;
  }
}
