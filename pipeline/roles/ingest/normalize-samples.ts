import type { DecodedProfile } from "../../profile/decoded-profile.ts";
import { malformed } from "../../profile/wire-cursor.ts";
import type { StackExtensions } from "./go-truncated-stacks.ts";
import { type CanonicalLocations, DROPPED } from "./normalize-locations.ts";
import type { SeriesTable } from "./normalize-series.ts";

/** What is left of a profile's samples: each stack once, each (series, stack, span, trace) once. Arrays are exactly as long as their count. */
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

/**
 * Drops samples with a negative value or none above zero, and merges the others.
 *
 * Errors: `malformed_profile` when merged values leave the range that numbers hold exactly; those of `SeriesTable.assign`.
 */
export function mergeSamples({ profile, locations, extensions, columns, series }: MergeInput): MergedSamples {
  const { samples, sampleTypes } = profile;
  const { representative } = locations;
  const locationTotal = profile.locations.count;
  const width = sampleTypes.length;
  const kept = columns.length;
  const sampleCount = samples.count;

  // The most there can be; sliced to what there is at the end.
  let refs = 0;
  let depthMax = 0;
  for (let sample = 0; sample < sampleCount; sample++) {
    const depth = (samples.locationCount[sample] as number) + (extensions?.count[sample] ?? 0);
    refs += depth;
    if (depth > depthMax) depthMax = depth;
  }
  const numbers = new Uint32Array(locationTotal);
  const usedLocations = new Uint32Array(locationTotal);
  let used = 0;
  const candidate = new Uint32Array(depthMax);
  const stackLocations = new Uint32Array(refs);
  const stackEnds = new Uint32Array(sampleCount);
  const stackHashes = new Uint32Array(sampleCount);
  let stacks = 0;
  let stackRefs = 0;
  const outSeries = new Uint32Array(sampleCount);
  const outStack = new Uint32Array(sampleCount);
  const outValues = new Float64Array(sampleCount * kept);
  let spans: Uint32Array | undefined;
  let traces: Uint32Array | undefined;
  let count = 0;
  let missing = 0;

  let size = 64;
  while (size < sampleCount * 2) size *= 2;
  const mask = size - 1;
  const stackSlots = new Uint32Array(size);
  const sampleSlots = new Uint32Array(size);

  for (let sample = 0; sample < sampleCount; sample++) {
    let someAbove = false;
    let someBelow = false;
    for (let column = 0; column < width; column++) if ((samples.values[sample * width + column] as number) < 0) someBelow = true;
    for (let column = 0; column < kept; column++) if ((samples.values[sample * width + (columns[column] as number)] as number) > 0) someAbove = true;
    if (someBelow || !someAbove) continue;

    // The candidate stack, in representatives.
    let depth = samples.locationCount[sample] as number;
    let start = samples.locationStart[sample] as number;
    let hash = depth;
    let gone = false;
    for (let at = 0; at < depth; at++) {
      const location = samples.location[start + at] as number;
      const same = location < locationTotal ? (representative[location] as number) : DROPPED;
      if (same === DROPPED) gone = true;
      candidate[at] = same;
      hash = Math.imul(hash ^ same, 0x01000193);
    }
    if (extensions !== undefined && (extensions.count[sample] as number) > 0) {
      start = extensions.start[sample] as number;
      const more = extensions.count[sample] as number;
      for (let at = 0; at < more; at++) {
        const location = samples.location[start + at] as number;
        const same = location < locationTotal ? (representative[location] as number) : DROPPED;
        if (same === DROPPED) gone = true;
        candidate[depth + at] = same;
        hash = Math.imul(hash ^ same, 0x01000193);
      }
      depth += more;
    }
    if (gone) {
      missing++;
      continue;
    }
    hash ^= hash >>> 16;
    hash = Math.imul(hash, 0x85ebca6b);
    hash = (hash ^ (hash >>> 13)) >>> 0;

    // The stack: known, or a new one whose locations get numbers.
    let stack = -1;
    let slot = hash & mask;
    for (;;) {
      const held = (stackSlots[slot] as number) - 1;
      if (held === -1) break;
      if (stackHashes[held] === hash) {
        const from = held === 0 ? 0 : (stackEnds[held - 1] as number);
        if ((stackEnds[held] as number) - from === depth) {
          let at = 0;
          while (at < depth && (stackLocations[from + at] as number) + 1 === numbers[candidate[at] as number]) at++;
          if (at === depth) {
            stack = held;
            break;
          }
        }
      }
      slot = (slot + 1) & mask;
    }
    if (stack === -1) {
      for (let at = 0; at < depth; at++) {
        const location = candidate[at] as number;
        let number = numbers[location] as number;
        if (number === 0) {
          usedLocations[used++] = location;
          numbers[location] = number = used;
        }
        stackLocations[stackRefs++] = number - 1;
      }
      stack = stacks++;
      stackEnds[stack] = stackRefs;
      stackHashes[stack] = hash;
      stackSlots[slot] = stack + 1;
    }

    // The sample: of the same series, stack, span and trace as another, or a new one.
    const set = series.assign(sample);
    const { span, trace } = series;
    let sampleHash = Math.imul(stack ^ 0x9e3779b1, 0x85ebca6b) ^ Math.imul(set, 0xc2b2ae35);
    const hasSpan = span[0] !== 0 || span[1] !== 0;
    const hasTrace = trace[0] !== 0 || trace[1] !== 0 || trace[2] !== 0 || trace[3] !== 0;
    if (hasSpan) {
      spans ??= new Uint32Array(sampleCount * 2);
      sampleHash ^= Math.imul(span[0] as number, 0x27d4eb2f) ^ Math.imul(span[1] as number, 0x165667b1);
    }
    if (hasTrace) {
      traces ??= new Uint32Array(sampleCount * 4);
      sampleHash ^= Math.imul((trace[0] as number) ^ (trace[2] as number), 0x27d4eb2f) ^ Math.imul((trace[1] as number) ^ (trace[3] as number), 0x2c1b3c6d);
    }
    sampleHash = (sampleHash ^ (sampleHash >>> 15)) >>> 0;
    slot = sampleHash & mask;
    let into = -1;
    for (;;) {
      const held = (sampleSlots[slot] as number) - 1;
      if (held === -1) break;
      if (outStack[held] === stack && outSeries[held] === set && sameWords(spans, held, span) && sameWords(traces, held, trace)) {
        into = held;
        break;
      }
      slot = (slot + 1) & mask;
    }
    if (into === -1) {
      into = count++;
      sampleSlots[slot] = into + 1;
      outStack[into] = stack;
      outSeries[into] = set;
      if (hasSpan) spans?.set(span, into * 2);
      if (hasTrace) traces?.set(trace, into * 4);
    }
    for (let column = 0; column < kept; column++) {
      const sum = (outValues[into * kept + column] as number) + (samples.values[sample * width + (columns[column] as number)] as number);
      if (sum > Number.MAX_SAFE_INTEGER) throw malformed("has samples of one stack whose values add up to more than 2^53 - 1");
      outValues[into * kept + column] = sum;
    }
  }

  return {
    usedLocations: usedLocations.slice(0, used),
    stackLocations: stackLocations.slice(0, stackRefs),
    stackEnds: stackEnds.slice(0, stacks),
    count,
    series: outSeries.slice(0, count),
    stack: outStack.slice(0, count),
    values: outValues.slice(0, count * kept),
    spans: spans?.slice(0, count * 2),
    traces: traces?.slice(0, count * 4),
    missing,
  };
}

/** Whether a row of a column of words that may not exist yet (all zero) holds these words. */
function sameWords(column: Uint32Array | undefined, row: number, words: Uint32Array): boolean {
  for (let word = 0; word < words.length; word++) {
    if ((column === undefined ? 0 : column[row * words.length + word]) !== words[word]) return false;
  }
  return true;
}
