import type { DecodedProfile } from "../../profile/decoded-profile.ts";
import type { QueuedProfile } from "../../profile/queued-profile.ts";
import { malformed } from "../../profile/wire-cursor.ts";
import type { StackExtensions } from "./go-truncated-stacks.ts";
import { type CanonicalLocations, DROPPED } from "./normalize-locations.ts";
import type { SeriesTable } from "./normalize-series.ts";
import { StackTree } from "./normalize-stacks.ts";
import { scratchNumbers, scratchWords, scratchZeros } from "./scratch.ts";

/**
 * What is left of a profile's samples: each stack once, each (series, stack, span, trace) once. Arrays are exactly as long as their count, and of the
 * thread's scratch.
 */
export type MergedSamples = {
  /** Representative locations in the order of their first use: their new numbers. */
  readonly usedLocations: Uint32Array;
  /** All stacks as one tree of new numbers, as in QueuedProfile. */
  readonly nodes: QueuedProfile["nodes"];
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
  const stacks = new StackTree(profile, locations, extensions);
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
    usedLocations: stacks.usedLocations,
    nodes: stacks.nodes,
    count,
    series: outSeries.subarray(0, count),
    stack: outStack.subarray(0, count),
    values: outValues.subarray(0, count * kept),
    spans: spans?.subarray(0, count * SPAN_WORDS),
    traces: traces?.subarray(0, count * TRACE_WORDS),
    missing,
  };
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
