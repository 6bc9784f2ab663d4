import type { SampleTable } from "../../profile/decoded-profile.ts";
import type { ValueType } from "../../profile/profile-type.ts";

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
  const heap = sampleTypes.some(({ type }) => type === "alloc_objects" || type === "alloc_space" || type === "inuse_objects" || type === "inuse_space");
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

/** `identity` gives equal numbers to locations that are the same. */
export function repairTruncatedStacks(samples: SampleTable, identity: Uint32Array): StackExtensions {
  const start = new Uint32Array(samples.count);
  const count = new Uint32Array(samples.count);
  const groups = groupBySuffix(samples, identity);
  const sources = tokenSources(groups, samples, identity);

  // A group depends on the one whose suffix holds its rootmost token furthest from the root.
  const dependencies = groups.map((group, index): Source | undefined => {
    const source = sources.get(tokenKey(samples, identity, group.first, 0));
    return source === undefined || source.group === index ? undefined : source;
  });

  for (let index = 0; index < groups.length; index++) {
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
    const reference = (groups[source.group] as Group).first;
    const depth = samples.locationCount[reference] as number;
    if (missing >= depth) continue;
    for (const sample of (groups[index] as Group).samples) {
      start[sample] = (samples.locationStart[reference] as number) + depth - missing;
      count[sample] = missing;
    }
  }
  return { start, count };
}

/** Samples with the same rootmost 24 frames. */
type Group = { readonly first: number; readonly samples: number[] };
/** offset: how many frames the group has below (rootwards of) the token. */
type Source = { readonly group: number; readonly offset: number };

function groupBySuffix(samples: SampleTable, identity: Uint32Array): Group[] {
  const groups = new Map<string, Group>();
  for (let sample = 0; sample < samples.count; sample++) {
    if ((samples.locationCount[sample] as number) < SUFFIX_FRAMES) continue;
    const key = framesKey(samples, identity, sample, 0, SUFFIX_FRAMES);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { first: sample, samples: [sample] });
    else group.samples.push(sample);
  }
  // In the order in which Pyroscope sorts them, as the first of two equally good sources wins.
  return [...groups.values()].sort((a, b) => compareSuffixes(samples, identity, a.first, b.first));
}

function tokenSources(groups: readonly Group[], samples: SampleTable, identity: Uint32Array): Map<string, Source> {
  const sources = new Map<string, Source>();
  for (let group = 0; group < groups.length; group++) {
    for (let offset = 1; offset <= TOKENS; offset++) {
      const key = tokenKey(samples, identity, (groups[group] as Group).first, offset);
      const known = sources.get(key);
      if (known === undefined || offset > known.offset) sources.set(key, { group, offset });
    }
  }
  return sources;
}

function tokenKey(samples: SampleTable, identity: Uint32Array, sample: number, offset: number): string {
  return framesKey(samples, identity, sample, offset, TOKEN_FRAMES);
}

const keyCodes: number[] = [];

/** `frames` frames of a stack as text, leaving out `offset` frames at the root. Two characters hold one identity. */
function framesKey(samples: SampleTable, identity: Uint32Array, sample: number, offset: number, frames: number): string {
  const end = (samples.locationStart[sample] as number) + (samples.locationCount[sample] as number) - offset;
  keyCodes.length = frames * 2;
  for (let frame = 0; frame < frames; frame++) {
    const id = identity[samples.location[end - frames + frame] as number] as number;
    keyCodes[frame * 2] = id & 0xffff;
    keyCodes[frame * 2 + 1] = id >>> 16;
  }
  return String.fromCharCode(...keyCodes);
}

/** Orders suffixes by the bytes of their little-endian ids. */
function compareSuffixes(samples: SampleTable, identity: Uint32Array, a: number, b: number): number {
  const endA = (samples.locationStart[a] as number) + (samples.locationCount[a] as number);
  const endB = (samples.locationStart[b] as number) + (samples.locationCount[b] as number);
  for (let back = SUFFIX_FRAMES; back > 0; back--) {
    const idA = (identity[samples.location[endA - back] as number] as number) + 1;
    const idB = (identity[samples.location[endB - back] as number] as number) + 1;
    if (idA !== idB) return swapBytes(idA) < swapBytes(idB) ? -1 : 1;
  }
  return 0;
}

function swapBytes(word: number): number {
  return ((word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0;
}
