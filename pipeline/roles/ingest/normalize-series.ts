import type { DecodedProfile } from "../../profile/decoded-profile.ts";
import { type LabelSet, labelSetKey, sortLabels } from "../../profile/labels.ts";
import { checkLabels } from "./admit.ts";
import type { IngestLimits } from "./limits.ts";
import { applyDefaultRules, mutableLabels } from "./relabel.ts";

const NameClass = { Unknown: 0, Series: 1, Span: 2, Trace: 3 } as const;

/** Labels that say how to take the profile, and those that follow from its kind: what a sender writes into the latter cannot be true. */
const NOT_STORED = ["__delta__", "__profile_type__", "__type__", "__unit__", "__period_type__", "__period_unit__"];

/**
 * Gives every sample its series: the labels of the profile and the text labels of the sample that it has no label for yet. Span
 * and trace ids stay with the sample.
 *
 * A class for its tables, which live as long as one profile is being normalised.
 */
export class SeriesTable {
  readonly series: LabelSet[] = [];
  /** Set by `assign`: the ids of the sample it was called for, which count only when `hasSpan` and `hasTrace` say so. */
  readonly span = new Uint32Array(2);
  readonly trace = new Uint32Array(4);
  hasSpan = false;
  hasTrace = false;
  readonly #profile: DecodedProfile;
  readonly #labels: LabelSet;
  readonly #sampleType: string;
  readonly #limits: IngestLimits;
  readonly #byKey = new Map<string, number>();
  /** Label sets of samples, by hash: pairs of string indexes in `#pairs`, from `#pairEnds[set - 1]` on. */
  #sets = new Uint32Array(64);
  #setHashes: number[] = [];
  #pairEnds: number[] = [];
  #pairs: number[] = [];
  #seriesOfSet: number[] = [];
  #nameClasses: Uint8Array = new Uint8Array(0);
  #candidate = new Uint32Array(32);
  #candidateLength = 0;
  #unlabelled = -1;

  constructor(profile: DecodedProfile, labels: LabelSet, sampleType: string, limits: IngestLimits) {
    this.#profile = profile;
    this.#labels = labels;
    this.#sampleType = sampleType;
    this.#limits = limits;
  }

  /** The index of the sample's series. Errors: those of `checkLabels`. */
  assign(sample: number): number {
    const { samples } = this.#profile;
    const count = samples.labelCount[sample] as number;
    this.hasSpan = false;
    this.hasTrace = false;
    if (count !== 0) this.#collect(samples.labelStart[sample] as number, count);
    if (count === 0 || this.#candidateLength === 0) {
      if (this.#unlabelled === -1) this.#unlabelled = this.#fold([], 0, 0);
      return this.#unlabelled;
    }
    return this.#find();
  }

  /** Fills the candidate with the (name, text) pairs that split the profile, sorted, and the span and trace. */
  #collect(start: number, count: number): void {
    const { labelName, labelText } = this.#profile.samples;
    if (this.#candidate.length < count * 2) this.#candidate = new Uint32Array(count * 4);
    const candidate = this.#candidate;
    let length = 0;
    for (let label = start; label < start + count; label++) {
      const text = labelText[label] as number;
      // Numeric labels are not kept: what they mean (bytes of an allocation, a thread's number) is no dimension of a series.
      if (text === 0) continue;
      const name = labelName[label] as number;
      const nameClass = this.#classOf(name);
      if (nameClass === NameClass.Span) {
        if (!this.hasSpan) this.hasSpan = this.#hexWords(text, this.span);
      } else if (nameClass === NameClass.Trace) {
        if (!this.hasTrace) this.hasTrace = this.#hexWords(text, this.trace);
      } else {
        let at = length;
        while (at > 0 && ((candidate[at - 2] as number) > name || (candidate[at - 2] === name && (candidate[at - 1] as number) > text))) {
          candidate[at] = candidate[at - 2] as number;
          candidate[at + 1] = candidate[at - 1] as number;
          at -= 2;
        }
        candidate[at] = name;
        candidate[at + 1] = text;
        length += 2;
      }
    }
    this.#candidateLength = length;
  }

  #find(): number {
    const candidate = this.#candidate;
    const length = this.#candidateLength;
    let hash = length;
    for (let at = 0; at < length; at++) hash = Math.imul(hash ^ (candidate[at] as number), 0x9e3779b1) ^ (hash >>> 15);
    hash = (hash ^ (hash >>> 13)) >>> 0;
    const mask = this.#sets.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const set = (this.#sets[slot] as number) - 1;
      if (set === -1) {
        this.#sets[slot] = this.#addSet(hash) + 1;
        const series = this.#seriesOfSet.at(-1) as number;
        if (this.#seriesOfSet.length * 2 > this.#sets.length) this.#growSets();
        return series;
      }
      if (this.#setHashes[set] === hash && this.#isSet(set)) return this.#seriesOfSet[set] as number;
    }
  }

  #isSet(set: number): boolean {
    const start = set === 0 ? 0 : (this.#pairEnds[set - 1] as number);
    const end = this.#pairEnds[set] as number;
    if (end - start !== this.#candidateLength) return false;
    for (let at = start; at < end; at++) if (this.#pairs[at] !== this.#candidate[at - start]) return false;
    return true;
  }

  #addSet(hash: number): number {
    const start = this.#pairs.length;
    for (let at = 0; at < this.#candidateLength; at++) this.#pairs.push(this.#candidate[at] as number);
    this.#pairEnds.push(this.#pairs.length);
    this.#setHashes.push(hash);
    this.#seriesOfSet.push(this.#fold(this.#pairs, start, this.#pairs.length));
    return this.#seriesOfSet.length - 1;
  }

  #growSets(): void {
    this.#sets = new Uint32Array(this.#sets.length * 4);
    const mask = this.#sets.length - 1;
    for (let set = 0; set < this.#setHashes.length; set++) {
      let slot = (this.#setHashes[set] as number) & mask;
      while (this.#sets[slot] !== 0) slot = (slot + 1) & mask;
      this.#sets[slot] = set + 1;
    }
  }

  /** Joins the labels of the profile and of the sample, renames, checks, and finds or adds the series. */
  #fold(pairs: readonly number[], start: number, end: number): number {
    const joined = mutableLabels(this.#labels);
    for (let at = start; at < end; at += 2) {
      const name = this.#text(pairs[at] as number);
      const value = this.#text(pairs[at + 1] as number);
      if (value !== "" && !joined.has(name)) joined.set(name, value);
    }
    applyDefaultRules(joined, this.#sampleType);
    checkLabels(
      [...joined].map(([name, value]) => ({ name, value })),
      this.#limits,
    );
    for (const name of NOT_STORED) joined.delete(name);
    joined.set("__service_name__", joined.get("service_name") as string);
    const labels = sortLabels([...joined].map(([name, value]) => ({ name, value })));
    const key = labelSetKey(labels);
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    this.#byKey.set(key, this.series.length);
    this.series.push(labels);
    return this.series.length - 1;
  }

  #classOf(name: number): number {
    if (this.#nameClasses.length === 0) this.#nameClasses = new Uint8Array(this.#profile.strings.count);
    const known = this.#nameClasses[name] as number;
    if (known !== NameClass.Unknown) return known;
    const text = this.#text(name);
    // `profile_id` is what older SDKs call the span id.
    const found = text === "span_id" || text === "profile_id" ? NameClass.Span : text === "trace_id" ? NameClass.Trace : NameClass.Series;
    this.#nameClasses[name] = found;
    return found;
  }

  #text(string: number): string {
    const { bytes, starts, lengths } = this.#profile.strings;
    return Buffer.from(bytes.buffer, bytes.byteOffset + (starts[string] as number), lengths[string]).toString("utf8");
  }

  /** Writes the bytes that the string spells in hex. False when it does not, or spells zeros, which mean no id. */
  #hexWords(string: number, words: Uint32Array): boolean {
    const { bytes, starts, lengths } = this.#profile.strings;
    if (lengths[string] !== words.length * 8) return false;
    const start = starts[string] as number;
    let some = 0;
    for (let word = 0; word < words.length; word++) {
      let value = 0;
      for (let byte = 0; byte < 4; byte++) {
        const high = hexDigit(bytes[start + word * 8 + byte * 2] as number);
        const low = hexDigit(bytes[start + word * 8 + byte * 2 + 1] as number);
        if (high < 0 || low < 0) return false;
        value |= ((high << 4) | low) << (byte * 8);
      }
      words[word] = value;
      some |= value;
    }
    return some !== 0;
  }
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
