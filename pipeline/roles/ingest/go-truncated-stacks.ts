import type { SampleTable } from "../../profile/decoded-profile.ts";
import type { ValueType } from "../../profile/profile-type.ts";
import { sortLikeGo } from "./go-sort.ts";
import { scratchZeros } from "./scratch.ts";

/*
 * Go cuts stacks at 32 frames (heap, before Go 1.23) or 64 (CPU), at the root side. Cut stacks start at arbitrary functions,
 * which makes flame graphs unreadable. The missing part is guessed from another stack of the same profile: if the rootmost 16
 * frames of one stack appear as consecutive frames near the root of another, deeper inside it, then what the other has below them
 * is what the first one lost. Guesses chain: the other stack may itself be completed by a third.
 *
 * Source: the heuristic and its numbers are Pyroscope's (pkg/pprof/fix_go_truncated.go), so that both repair the same stacks.
 */

const TOKEN_FRAMES = 16;
const TOKENS = 8;
/** Stacks with fewer frames neither lost anything nor serve as a source. */
const SUFFIX_FRAMES = TOKENS + TOKEN_FRAMES;
/** A longer chain of guesses means deep recursion, where the heuristic invents stacks. */
const CHAIN_MAX = 56;

const HEAP_FRAMES = 32;
const CPU_FRAMES = 64;
/** Some cut heap stacks have fewer frames than the limit, as the runtime skips its own. */
const SLACK_FRAMES = 4;

/** What to append at the root side of each sample: a range of the location column, none when the count is 0. */
export type StackExtensions = { readonly start: Uint32Array; readonly count: Uint32Array };

/** Whether the profile has the sample types of Go's profiler and stacks near its depth limit. */
export function mayHaveTruncatedStacks(sampleTypes: readonly ValueType[], samples: SampleTable): boolean {
  const heap = sampleTypes.some(
    ({ type }) => type === "alloc_objects" || type === "alloc_space" || type === "inuse_objects" || type === "inuse_space",
  );
  if (!heap && !sampleTypes.some(({ type }) => type === "cpu")) return false;
  const deep = (heap ? HEAP_FRAMES : CPU_FRAMES) - SLACK_FRAMES;
  let found = false;
  for (let sample = 0; sample < samples.count; sample++) {
    const depth = samples.locationCount[sample] as number;
    // From Go 1.23 on, heap stacks have up to 128 frames: one above 32 tells such a profile, which is not cut.
    if (heap && depth > HEAP_FRAMES) return false;
    if (depth >= deep) found = true;
  }
  return found;
}

/** `identity` gives equal numbers to locations that are the same, undefined when all are different. */
export function repairTruncatedStacks(samples: SampleTable, identity: Uint32Array | undefined): StackExtensions {
  const start = scratchZeros(samples.count);
  const count = scratchZeros(samples.count);
  const frames = new RootFrames(samples, identity);
  const groups = groupBySuffix(samples, frames);
  const tokens = new TokenTable(groups, frames);

  // A group depends on the one whose suffix holds its rootmost token furthest from the root.
  const dependencies = groups.map((group, index): Source | undefined => {
    const source = tokens.source(group.first);
    return source === undefined || source.group === index ? undefined : source;
  });

  const references = new References(samples, frames, groups, identity !== undefined);
  const repairable = groups.slice(0, groups.length - (lastIsLeftOut(groups) ? 1 : 0));
  for (const [index, group] of repairable.entries()) {
    let missing = 0;
    let source = dependencies[index];
    for (let chain = 0; source !== undefined; ) {
      missing += source.offset;
      const next: Source | undefined = dependencies[source.group];
      if (next === undefined) break;
      source = next;
      if (++chain === CHAIN_MAX) return { start, count };
    }
    if (source === undefined || missing === 0) continue;
    const reference = references.of(source.group, missing);
    const depth = samples.locationCount[reference] as number;
    if (missing >= depth) continue;
    for (const sample of group.samples) {
      start[sample] = (samples.locationStart[reference] as number) + depth - missing;
      count[sample] = missing;
    }
  }
  return { start, count };
}

/**
 * Pyroscope mistakes the number of groups for the number of samples where its last group ends. So that group is neither repaired nor
 * a source, unless every group has a single sample; here too, since otherwise the same profile would look different in both.
 */
function lastIsLeftOut(groups: readonly Group[]): boolean {
  return groups.some((group, index) => index < groups.length - 1 && group.samples.length > 1);
}

/** Picks the stack of a group that others are completed from. */
class References {
  readonly #samples: SampleTable;
  readonly #frames: RootFrames;
  readonly #groups: readonly Group[];
  readonly #merged: boolean;
  /** Of each group the stack that comes first when all samples are sorted, once that had to be found out. */
  #firsts: readonly number[] | undefined;

  constructor(samples: SampleTable, frames: RootFrames, groups: readonly Group[], merged: boolean) {
    this.#samples = samples;
    this.#frames = frames;
    this.#groups = groups;
    this.#merged = merged;
  }

  of(group: number, missing: number): number {
    const { first, samples } = this.#groups[group] as Group;
    // All stacks of a group are the same as far as 24 frames, so only for more than that it matters which one is taken.
    if (missing <= SUFFIX_FRAMES || samples.length === 1) return first;
    if (this.#agree(first, samples, missing)) return first;
    this.#firsts ??= this.#sortedFirsts();
    return this.#firsts[group] as number;
  }

  /** Whether any stack of a group would do. */
  #agree(first: number, samples: readonly number[], missing: number): boolean {
    const { locationCount } = this.#samples;
    if ((locationCount[first] as number) <= missing) return samples.every((sample) => (locationCount[sample] as number) <= missing);
    return samples.every((sample) => (locationCount[sample] as number) > missing && this.#frames.sameRow(first, 0, sample, 0, missing));
  }

  /** Sorts as Pyroscope does before it groups: by suffix, and a stack that is too short for one is less than anything. */
  #sortedFirsts(): readonly number[] {
    const ranks = new Int32Array(this.#samples.count).fill(-1);
    for (const [rank, group] of this.#groups.entries()) for (const sample of group.samples) ranks[sample] = rank;
    const order = this.#merged ? this.#firstOfEach() : Int32Array.from({ length: this.#samples.count }, (_, sample) => sample);
    sortLikeGo(order, (a, b) => {
      const rank = ranks[a] as number;
      return rank < 0 || (ranks[b] as number) > rank;
    });
    const firsts = this.#groups.map(({ first }) => first);
    // From the end, so that the first of each group is what stays.
    for (let at = order.length - 1; at >= 0; at--) {
      const sample = order[at] as number;
      const rank = ranks[sample] as number;
      if (rank >= 0) firsts[rank] = sample;
    }
    return firsts;
  }

  /** Rewriting names has made samples equal, and equal ones are one before they are sorted. */
  #firstOfEach(): Int32Array {
    const { count } = this.#samples;
    let size = 64;
    while (size < count * 2) size *= 2;
    const slots = scratchZeros(size);
    const firsts = new Int32Array(count);
    let length = 0;
    for (let sample = 0; sample < count; sample++) {
      let slot = this.#frames.sampleHash(sample) & (size - 1);
      for (;;) {
        const held = (slots[slot] as number) - 1;
        if (held === -1) {
          slots[slot] = sample + 1;
          firsts[length++] = sample;
          break;
        }
        if (this.#frames.sameSample(held, sample)) break;
        slot = (slot + 1) & (size - 1);
      }
    }
    return firsts.subarray(0, length);
  }
}

/** Samples with the same rootmost 24 frames. */
type Group = { readonly first: number; readonly samples: number[] };
/** offset: how many frames the group has below (rootwards of) the token. */
type Source = { readonly group: number; readonly offset: number };

/** Base of the polynomial that hashes rows of frames: any odd number will do. */
const BASE = 0x01000193;
let power = 1;
for (let frame = 0; frame < TOKEN_FRAMES; frame++) power = Math.imul(power, BASE);
/** What the hash of the frames before a token is multiplied by when the token's frames follow. */
const BASE_OF_TOKEN = power;

/** The frames of stacks counted from the root, and hashes of rows of them. */
class RootFrames {
  readonly #samples: SampleTable;
  readonly #identity: Uint32Array | undefined;
  /** Hashes of the first 0, 1, … 24 frames of the suffix of the sample that was asked for last. */
  readonly #prefixes = new Uint32Array(SUFFIX_FRAMES + 1);

  constructor(samples: SampleTable, identity: Uint32Array | undefined) {
    this.#samples = samples;
    this.#identity = identity;
  }

  /** The frame that has `back - 1` frames below it at the root. */
  at(sample: number, back: number): number {
    const end = (this.#samples.locationStart[sample] as number) + (this.#samples.locationCount[sample] as number);
    const location = this.#samples.location[end - back] as number;
    return this.#identity === undefined ? location : (this.#identity[location] ?? location);
  }

  /** The hash of the suffix; the tokens of this sample can be asked for afterwards. */
  suffixHash(sample: number): number {
    const { location, locationStart, locationCount } = this.#samples;
    const start = (locationStart[sample] as number) + (locationCount[sample] as number) - SUFFIX_FRAMES;
    const identity = this.#identity;
    const prefixes = this.#prefixes;
    let hash = 0;
    for (let frame = 0; frame < SUFFIX_FRAMES; frame++) {
      const sent = location[start + frame] as number;
      hash = (Math.imul(hash, BASE) + (identity === undefined ? sent : (identity[sent] ?? sent)) + 1) | 0;
      prefixes[frame + 1] = hash;
    }
    return finished(hash);
  }

  /** The hash of the 16 frames that have `offset` frames below them. */
  tokenHash(offset: number): number {
    const end = SUFFIX_FRAMES - offset;
    return finished((this.#prefixes[end] as number) - Math.imul(this.#prefixes[end - TOKEN_FRAMES] as number, BASE_OF_TOKEN));
  }

  /** Of all frames and labels of a sample. */
  sampleHash(sample: number): number {
    const { location, locationStart, locationCount, labelStart, labelCount, labelName, labelText } = this.#samples;
    const start = locationStart[sample] as number;
    const end = start + (locationCount[sample] as number);
    const identity = this.#identity;
    let hash = 0;
    for (let at = start; at < end; at++) {
      const sent = location[at] as number;
      hash = (Math.imul(hash, BASE) + (identity === undefined ? sent : (identity[sent] ?? sent)) + 1) | 0;
    }
    const firstLabel = labelStart[sample] as number;
    for (let label = firstLabel; label < firstLabel + (labelCount[sample] as number); label++) {
      hash = Math.imul(Math.imul(hash, BASE) ^ (labelName[label] as number), BASE) ^ (labelText[label] as number);
    }
    return finished(hash);
  }

  sameSample(a: number, b: number): boolean {
    const { locationCount, labelStart, labelCount, labelName, labelText } = this.#samples;
    const depth = locationCount[a] as number;
    const labels = labelCount[a] as number;
    if (locationCount[b] !== depth || labelCount[b] !== labels || !this.sameRow(a, 0, b, 0, depth)) return false;
    const labelA = labelStart[a] as number;
    const labelB = labelStart[b] as number;
    for (let label = 0; label < labels; label++) {
      if (labelName[labelA + label] !== labelName[labelB + label] || labelText[labelA + label] !== labelText[labelB + label]) return false;
    }
    return true;
  }

  sameRow(a: number, offsetA: number, b: number, offsetB: number, frames: number): boolean {
    for (let frame = 1; frame <= frames; frame++) if (this.at(a, offsetA + frame) !== this.at(b, offsetB + frame)) return false;
    return true;
  }
}

function finished(hash: number): number {
  const mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (mixed ^ (mixed >>> 13)) >>> 0;
}

function groupBySuffix(samples: SampleTable, frames: RootFrames): Group[] {
  const groups: Group[] = [];
  let size = 64;
  while (size < samples.count * 2) size *= 2;
  const slots = scratchZeros(size);
  for (let sample = 0; sample < samples.count; sample++) {
    if ((samples.locationCount[sample] as number) < SUFFIX_FRAMES) continue;
    let slot = frames.suffixHash(sample) & (size - 1);
    for (;;) {
      const held = (slots[slot] as number) - 1;
      if (held === -1) {
        slots[slot] = groups.push({ first: sample, samples: [sample] });
        break;
      }
      const group = groups[held] as Group;
      if (frames.sameRow(group.first, 0, sample, 0, SUFFIX_FRAMES)) {
        group.samples.push(sample);
        break;
      }
      slot = (slot + 1) & (size - 1);
    }
  }
  // In the order in which Pyroscope sorts them, as the first of two equally good sources wins.
  return groups.sort((a, b) => compareSuffixes(frames, a.first, b.first));
}

/** For each token the group that has it furthest from the root. */
class TokenTable {
  readonly #groups: readonly Group[];
  readonly #frames: RootFrames;
  readonly #slots: Uint32Array;
  readonly #mask: number;
  /** Entry: group and offset of the token. */
  readonly #entryGroup: number[] = [];
  readonly #entryOffset: number[] = [];

  constructor(groups: readonly Group[], frames: RootFrames) {
    this.#groups = groups;
    this.#frames = frames;
    let size = 64;
    while (size < groups.length * TOKENS * 2) size *= 2;
    this.#slots = scratchZeros(size);
    this.#mask = size - 1;
    const sources = groups.length - (lastIsLeftOut(groups) ? 1 : 0);
    for (let group = 0; group < sources; group++) {
      const first = (groups[group] as Group).first;
      frames.suffixHash(first);
      // The rootmost token itself is no source: whoever has it there has nothing below it.
      for (let offset = 1; offset <= TOKENS; offset++) this.#add(group, first, offset);
    }
  }

  /** Who has the rootmost token of a sample. */
  source(sample: number): Source | undefined {
    this.#frames.suffixHash(sample);
    const entry = this.#find(sample, 0) - 1;
    return entry < 0 ? undefined : { group: this.#entryGroup[entry] as number, offset: this.#entryOffset[entry] as number };
  }

  #add(group: number, sample: number, offset: number): void {
    const entry = this.#find(sample, offset) - 1;
    if (entry >= 0) {
      if (offset <= (this.#entryOffset[entry] as number)) return;
      this.#entryGroup[entry] = group;
      this.#entryOffset[entry] = offset;
      return;
    }
    this.#entryGroup.push(group);
    this.#slots[-1 - entry] = this.#entryOffset.push(offset);
  }

  /** The entry + 1 of the token, or minus the free slot where it belongs. The hashes must be those of the sample. */
  #find(sample: number, offset: number): number {
    for (let slot = this.#frames.tokenHash(offset) & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const held = (this.#slots[slot] as number) - 1;
      if (held === -1) return -slot;
      const other = (this.#groups[this.#entryGroup[held] as number] as Group).first;
      if (this.#frames.sameRow(other, this.#entryOffset[held] as number, sample, offset, TOKEN_FRAMES)) return held + 1;
    }
  }
}

/** Orders suffixes by the bytes of their little-endian ids. */
function compareSuffixes(frames: RootFrames, a: number, b: number): number {
  for (let back = SUFFIX_FRAMES; back > 0; back--) {
    const idA = frames.at(a, back) + 1;
    const idB = frames.at(b, back) + 1;
    if (idA !== idB) return swapBytes(idA) < swapBytes(idB) ? -1 : 1;
  }
  return 0;
}

function swapBytes(word: number): number {
  return ((word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0;
}
