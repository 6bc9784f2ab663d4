import { MIB } from "../../base/units.ts";
import { Arena } from "../../symbols/arena.ts";

/*
 * Working memory of a thread. Normalising a profile takes some thirty columns of up to a few thousand words, thousands of times a
 * second: made anew each time, they would cost more to allocate and collect than to fill.
 */

/** 1 MiB: what an average profile takes. */
const START_WORDS = 1 << 18;
/** 16 MiB. What an unusually large profile took beyond that is given back with the next one. */
const KEPT_WORDS_MAX = 1 << 22;

let words = new Uint32Array(START_WORDS);
let used = 0;
let numbers = new Float64Array(START_WORDS / 8);
let numbersUsed = 0;

/** For what grows while a profile is normalised; it lives as long as the rest. */
export const scratchArena = new Arena(8 * MIB);

/** Ends the life of everything taken since the last call. */
export function clearScratch(): void {
  if (words.length > KEPT_WORDS_MAX) words = new Uint32Array(START_WORDS);
  if (numbers.length > KEPT_WORDS_MAX) numbers = new Float64Array(START_WORDS / 8);
  used = 0;
  numbersUsed = 0;
  scratchArena.release();
}

/** Words of any content, for columns that are written before they are read. */
export function scratchWords(length: number): Uint32Array {
  if (used + length > words.length) {
    // What was taken so far keeps the old memory.
    words = new Uint32Array(Math.max(words.length * 2, length));
    used = 0;
  }
  const taken = words.subarray(used, used + length);
  used += length;
  return taken;
}

export function scratchZeros(length: number): Uint32Array {
  return scratchWords(length).fill(0);
}

/** Doubles, all zero. */
export function scratchNumbers(length: number): Float64Array {
  if (numbersUsed + length > numbers.length) {
    numbers = new Float64Array(Math.max(numbers.length * 2, length));
    numbersUsed = 0;
  }
  const taken = numbers.subarray(numbersUsed, numbersUsed + length).fill(0);
  numbersUsed += length;
  return taken;
}
