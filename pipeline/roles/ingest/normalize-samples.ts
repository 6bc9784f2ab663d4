import type { DecodedProfile } from "../../profile/decoded-profile.ts";
import { malformed } from "../../profile/wire-cursor.ts";
import type { StackExtensions } from "./go-truncated-stacks.ts";
import { type CanonicalLocations, DROPPED } from "./normalize-locations.ts";
import type { SeriesTable } from "./normalize-series.ts";
import { scratchNumbers, scratchWords, scratchZeros } from "./scratch.ts";

/**
 * What is left of a profile's samples: each stack once, each (series, stack, span, trace) once. Arrays are exactly as long as their count, and of the
 * thread's scratch.
 */
export type MergedSamples = {
  /** Representative locations in the order of their first use: their new numbers. */
  readonly usedLocations: Uint32Array;
  /** New numbers, leaf first; `stackEnds` as in QueuedProfile. */
  readonly stackLocations: Uint32Array;
  readonly stackEnds: Uint32Array;
  readonly count: number;
  readonly series: Uint32Array;
  readonly stack: Uint32Array;
  readonly values: Float64Array;
  readonly spans: Uint32Array | undefined;
  readonly traces: Uint32Array | undefined;
  /** Samples left out because they refer to locations that are not there. */
  readonly missing: number;
};

/** `columns`: which of the sample types to keep. */
export type MergeInput = {
  readonly profile: DecodedProfile;
  readonly locations: CanonicalLocations;
  readonly extensions: StackExtensions | undefined;
  readonly columns: readonly number[];
  readonly series: SeriesTable;
};

const SPAN_WORDS = 2;
const TRACE_WORDS = 4;

/**
 * Drops samples with a negative value or none above zero, and merges the others.
 *
 * Errors: `malformed_profile` when merged values leave the range that numbers hold exactly; those of `SeriesTable.assign`.
 */
export function mergeSamples({ profile, locations, extensions, columns, series }: MergeInput): MergedSamples {
  const { samples, sampleTypes } = profile;
  const width = sampleTypes.length;
  const kept = columns.length;
  const all = kept === width;
  const values = samples.values;
  const sampleCount = samples.count;
  const stacks = new StackTable(profile, locations, extensions);
  const outSeries = scratchWords(sampleCount);
  const outStack = scratchWords(sampleCount);
  const outValues = scratchNumbers(sampleCount * kept);
  let spans: Uint32Array | undefined;
  let traces: Uint32Array | undefined;
  let count = 0;
  let missing = 0;
  const mask = slotCount(sampleCount) - 1;
  const slots = scratchZeros(mask + 1);

  for (let sample = 0; sample < sampleCount; sample++) {
    const row = sample * width;
    let someAbove = false;
    let someBelow = false;
    for (let column = 0; column < width; column++) {
      const value = values[row + column] as number;
      if (value < 0) someBelow = true;
      else if (value > 0 && (all || columns.includes(column))) someAbove = true;
    }
    if (someBelow || !someAbove) continue;
    const stack = stacks.add(sample);
    if (stack === DROPPED) {
      missing++;
      continue;
    }

    // The sample: of the same series, stack, span and trace as another, or a new one.
    const set = series.assign(sample);
    let hash = Math.imul(stack ^ 0x9e3779b1, 0x85ebca6b) ^ Math.imul(set, 0xc2b2ae35);
    if (series.hasSpan) {
      spans ??= scratchZeros(sampleCount * SPAN_WORDS);
      hash ^= wordsHash(series.span);
    }
    if (series.hasTrace) {
      traces ??= scratchZeros(sampleCount * TRACE_WORDS);
      hash ^= wordsHash(series.trace);
    }
    hash ^= hash >>> 15;
    let into = -1;
    let slot = hash & mask;
    for (;;) {
      const held = (slots[slot] as number) - 1;
      if (held === -1) break;
      if (
        outStack[held] === stack &&
        outSeries[held] === set &&
        (spans === undefined || sameWords(spans, held, series.hasSpan ? series.span : undefined, SPAN_WORDS)) &&
        (traces === undefined || sameWords(traces, held, series.hasTrace ? series.trace : undefined, TRACE_WORDS))
      ) {
        into = held;
        break;
      }
      slot = (slot + 1) & mask;
    }
    if (into === -1) {
      into = count++;
      slots[slot] = into + 1;
      outStack[into] = stack;
      outSeries[into] = set;
      if (series.hasSpan) spans?.set(series.span, into * SPAN_WORDS);
      if (series.hasTrace) traces?.set(series.trace, into * TRACE_WORDS);
    }
    for (let column = 0; column < kept; column++) {
      const sum = (outValues[into * kept + column] as number) + (values[row + (all ? column : (columns[column] as number))] as number);
      if (sum > Number.MAX_SAFE_INTEGER) throw malformed("has samples of one stack whose values add up to more than 2^53 - 1");
      outValues[into * kept + column] = sum;
    }
  }

  return {
    ...stacks.tables(),
    count,
    series: outSeries.subarray(0, count),
    stack: outStack.subarray(0, count),
    values: outValues.subarray(0, count * kept),
    spans: spans?.subarray(0, count * SPAN_WORDS),
    traces: traces?.subarray(0, count * TRACE_WORDS),
    missing,
  };
}

/** The distinct stacks of a profile, and numbers for the locations in them in the order of first use. */
class StackTable {
  readonly #profile: DecodedProfile;
  readonly #representative: Uint32Array;
  readonly #extensions: StackExtensions | undefined;
  /** By location as sent: its new number + 1, 0 while it has none. */
  readonly #numbers: Uint32Array;
  /** By representative: the same. */
  readonly #representativeNumbers: Uint32Array;
  readonly #usedLocations: Uint32Array;
  #used = 0;
  #refs = 0;
  readonly #stackLocations: Uint32Array;
  readonly #ends: Uint32Array;
  readonly #hashes: Uint32Array;
  readonly #slots: Uint32Array;
  readonly #mask: number;
  #count = 0;

  constructor(profile: DecodedProfile, locations: CanonicalLocations, extensions: StackExtensions | undefined) {
    this.#profile = profile;
    this.#representative = locations.representative;
    this.#extensions = extensions;
    const locationCount = profile.locations.count;
    const sampleCount = profile.samples.count;
    this.#numbers = scratchZeros(locationCount);
    this.#representativeNumbers = scratchZeros(locationCount);
    this.#usedLocations = scratchWords(locationCount);
    this.#ends = scratchWords(sampleCount);
    this.#hashes = scratchWords(sampleCount);
    this.#mask = slotCount(sampleCount) - 1;
    this.#slots = scratchZeros(this.#mask + 1);
    // The most there can be: every stack new.
    let refs = 0;
    for (let sample = 0; sample < sampleCount; sample++) {
      refs += (profile.samples.locationCount[sample] as number) + (extensions === undefined ? 0 : (extensions.count[sample] as number));
    }
    this.#stackLocations = scratchWords(refs);
  }

  /** The index of the sample's stack, or DROPPED when it uses a location that is not there. */
  add(sample: number): number {
    const { locationStart, locationCount, location } = this.#profile.samples;
    const start = locationStart[sample] as number;
    const depth = locationCount[sample] as number;
    const more = this.#extensions === undefined ? 0 : (this.#extensions.count[sample] as number);
    const from = this.#refs;
    const usedBefore = this.#used;
    let hash = this.#append(location, start, start + depth, depth + more);
    if (more > 0) {
      const extension = this.#extensions?.start[sample] as number;
      hash = this.#append(location, extension, extension + more, hash);
    }
    if (this.#refs !== from + depth + more) {
      this.#takeBack(from, usedBefore, sample);
      return DROPPED;
    }
    hash ^= hash >>> 16;
    hash = Math.imul(hash, 0x85ebca6b);
    hash = (hash ^ (hash >>> 13)) >>> 0;
    return this.#find(from, hash);
  }

  /** Appends new numbers of locations, and stops short at one that is not there. Gives the hash of what it was and what it appended. */
  #append(location: Uint32Array, start: number, end: number, seed: number): number {
    const numbers = this.#numbers;
    const refs = this.#stackLocations;
    let hash = seed;
    let to = this.#refs;
    for (let at = start; at < end; at++) {
      let number = numbers[location[at] as number] as number;
      // Not above 0: no number yet, or (undefined) no such location.
      if (!(number > 0)) {
        number = this.#numberOf(location[at] as number);
        if (number === 0) break;
      }
      refs[to++] = number - 1;
      hash = Math.imul(hash ^ number, 0x01000193);
    }
    this.#refs = to;
    return hash;
  }

  #numberOf(location: number): number {
    if (location >= this.#numbers.length) return 0;
    const representative = this.#representative[location] as number;
    if (representative === DROPPED) return 0;
    let number = this.#representativeNumbers[representative] as number;
    if (number === 0) {
      this.#usedLocations[this.#used++] = representative;
      number = this.#used;
      this.#representativeNumbers[representative] = number;
    }
    this.#numbers[location] = number;
    return number;
  }

  /** Undoes what a sample added that turned out to be of no use: no location may stay that nothing uses. */
  #takeBack(from: number, usedBefore: number, sample: number): void {
    this.#refs = from;
    const { locationStart, locationCount, location } = this.#profile.samples;
    const undo = (start: number, count: number): void => {
      for (let at = start; at < start + count; at++) {
        const sent = location[at] as number;
        if (sent < this.#numbers.length && (this.#numbers[sent] as number) > usedBefore) this.#numbers[sent] = 0;
      }
    };
    undo(locationStart[sample] as number, locationCount[sample] as number);
    if (this.#extensions !== undefined) undo(this.#extensions.start[sample] as number, this.#extensions.count[sample] as number);
    while (this.#used > usedBefore) this.#representativeNumbers[this.#usedLocations[--this.#used] as number] = 0;
  }

  /** The appended stack: known, and then taken off again, or the next new one. */
  #find(from: number, hash: number): number {
    const ends = this.#ends;
    const refs = this.#stackLocations;
    const depth = this.#refs - from;
    let slot = hash & this.#mask;
    for (;;) {
      const held = (this.#slots[slot] as number) - 1;
      if (held === -1) break;
      if (this.#hashes[held] === hash) {
        const other = held === 0 ? 0 : (ends[held - 1] as number);
        if ((ends[held] as number) - other === depth) {
          let at = 0;
          while (at < depth && refs[other + at] === refs[from + at]) at++;
          if (at === depth) {
            this.#refs = from;
            return held;
          }
        }
      }
      slot = (slot + 1) & this.#mask;
    }
    const stack = this.#count++;
    this.#slots[slot] = stack + 1;
    this.#hashes[stack] = hash;
    ends[stack] = this.#refs;
    return stack;
  }

  tables(): Pick<MergedSamples, "usedLocations" | "stackLocations" | "stackEnds"> {
    return {
      usedLocations: this.#usedLocations.subarray(0, this.#used),
      stackLocations: this.#stackLocations.subarray(0, this.#refs),
      stackEnds: this.#ends.subarray(0, this.#count),
    };
  }
}

/** A power of two that leaves half of the slots free. */
function slotCount(entries: number): number {
  let size = 64;
  while (size < entries * 2) size *= 2;
  return size;
}

function wordsHash(words: Uint32Array): number {
  let hash = 0;
  for (let word = 0; word < words.length; word++) hash = Math.imul(hash ^ (words[word] as number), 0x27d4eb2f) ^ (hash >>> 15);
  return hash;
}

/** Whether a row of a column holds these words; undefined stands for zeros. */
function sameWords(column: Uint32Array, row: number, words: Uint32Array | undefined, width: number): boolean {
  for (let word = 0; word < width; word++) {
    if (column[row * width + word] !== (words === undefined ? 0 : words[word])) return false;
  }
  return true;
}
