import { type DecodedProfile, MISSING } from "../../profile/decoded-profile.ts";
import type { RewrittenStrings } from "./go-type-arguments.ts";
import { scratchWords, scratchZeros } from "./scratch.ts";

/** In place of a location's representative: no sample may use it. */
export const DROPPED = 0xffffffff;

/** pprof's `has_functions`. */
export const MAPPING_HAS_FUNCTIONS = 1;

/**
 * For every location the index of the first one that says the same, or DROPPED when it says nothing: neither address nor lines, or
 * it refers to a function or mapping that is not there.
 */
export type CanonicalLocations = { readonly representative: Uint32Array; readonly someDropped: boolean };

/**
 * Finds locations that are equal. With `zeroAddresses` the address counts only where it is kept: a mapping that has functions is
 * symbolised, so addresses in it only make equal call sites look different.
 *
 * `functions` gives equal numbers to equal functions, undefined when all are different.
 */
export function canonicalLocations(
  profile: DecodedProfile,
  functions: Uint32Array | undefined,
  zeroAddresses: boolean,
): CanonicalLocations {
  const { locations, mappings } = profile;
  const { count, mapping, addressLo, addressHi, lineStart, lineCount, lineFunction, lineNumber } = locations;
  const representative = scratchWords(count);
  let someDropped = false;
  let size = 64;
  while (size < count * 2) size *= 2;
  const mask = size - 1;
  const slots = scratchZeros(size);
  const hashes = scratchWords(count);

  for (let location = 0; location < count; location++) {
    const first = lineStart[location] as number;
    const lines = lineCount[location] as number;
    const map = mapping[location] as number;
    let dropped = map === MISSING || (lines === 0 && addressLo[location] === 0 && addressHi[location] === 0);
    const zeroed = zeroAddresses && !dropped && isSymbolized(mappings.flags, map);
    const lo = zeroed ? 0 : (addressLo[location] as number);
    const hi = zeroed ? 0 : (addressHi[location] as number);
    let hash = Math.imul(map ^ 0x9e3779b1, 0x85ebca6b) ^ Math.imul(lo, 0xc2b2ae35) ^ Math.imul(hi, 0x27d4eb2f);
    for (let line = first; line < first + lines; line++) {
      const fn = lineFunction[line] as number;
      if (fn === 0) dropped = true;
      const same = functions === undefined || fn === 0 ? fn : (functions[fn - 1] as number) + 1;
      hash = Math.imul(hash ^ same, 0x01000193);
      hash = Math.imul(hash ^ (lineNumber[line] as number), 0x85ebca6b);
    }
    if (dropped) {
      representative[location] = DROPPED;
      someDropped = true;
      continue;
    }
    hash ^= hash >>> 15;
    hash = Math.imul(hash, 0x2c1b3c6d);
    hash = (hash ^ (hash >>> 13)) >>> 0;
    hashes[location] = hash;
    let slot = hash & mask;
    for (;;) {
      const held = slots[slot] as number;
      if (held === 0) {
        slots[slot] = location + 1;
        representative[location] = location;
        break;
      }
      const other = held - 1;
      if (hashes[other] === hash && mapping[other] === map && lineCount[other] === lines) {
        const sameAddress = zeroed || (addressLo[other] === lo && addressHi[other] === hi);
        if (sameAddress && sameLines(lineFunction, lineNumber, functions, first, lineStart[other] as number, lines)) {
          representative[location] = other;
          break;
        }
      }
      slot = (slot + 1) & mask;
    }
  }
  return { representative, someDropped };
}

/** `mapping` is an index + 1, 0 for none. */
export function isSymbolized(flags: Uint8Array, mapping: number): boolean {
  return mapping !== 0 && ((flags[mapping - 1] as number) & MAPPING_HAS_FUNCTIONS) !== 0;
}

/** After strings were rewritten, functions can be equal that were not: gives the first equal one for each. */
export function canonicalFunctions(profile: DecodedProfile, rewritten: RewrittenStrings): Uint32Array {
  const { functions } = profile;
  const { canonical, texts } = rewritten;
  const representative = new Uint32Array(functions.count);
  const byContent = new Map<string, number>();
  for (let fn = 0; fn < functions.count; fn++) {
    representative[fn] = fn;
    const name = functions.name[fn] as number;
    const systemName = functions.systemName[fn] as number;
    // Only a function of a rewritten name can have become equal to another one.
    if (!texts.has(name) && !texts.has(systemName)) continue;
    const key = `${canonical[name]} ${canonical[systemName]} ${functions.fileName[fn]} ${functions.startLine[fn]}`;
    const first = byContent.get(key);
    if (first === undefined) byContent.set(key, fn);
    else representative[fn] = first;
  }
  return representative;
}

function sameLines(
  fns: Uint32Array,
  numbers: Int32Array,
  canonical: Uint32Array | undefined,
  a: number,
  b: number,
  count: number,
): boolean {
  for (let line = 0; line < count; line++) {
    if (numbers[a + line] !== numbers[b + line]) return false;
    const fnA = fns[a + line] as number;
    const fnB = fns[b + line] as number;
    if (fnA === fnB) continue;
    if (canonical === undefined || fnB === 0 || canonical[fnA - 1] !== canonical[fnB - 1]) return false;
  }
  return true;
}
