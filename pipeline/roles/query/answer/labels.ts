import { type LabelSet, labelSetKey } from "../../../profile/labels.ts";
import { type ProfileKind, profileTypeId } from "../../../profile/profile-type.ts";
import { catalogLabels } from "../catalog-labels.ts";
import type { SeriesOfKind, ServiceOfKind } from "../engine-interface.ts";
import { ProtoWriter } from "./proto-writer.ts";
import { projectLabels } from "./series-groups.ts";

/** querier.v1.ProfileTypesResponse: the types that any service has, sorted by id. */
export function encodeProfileTypes(services: readonly ServiceOfKind[]): Uint8Array {
  const types = new Map<string, { readonly kind: ProfileKind; readonly sampleType: number }>();
  for (const { kind, sampleTypes } of services)
    for (const sampleType of sampleTypes) types.set(profileTypeId(kind, sampleType), { kind, sampleType });
  const writer = new ProtoWriter();
  for (const [id, { kind, sampleType }] of [...types].sort(byKey)) {
    const { type, unit } = kind.sampleTypes[sampleType] as ProfileKind["periodType"];
    const mark = writer.begin(1);
    writer.string(1, id);
    writer.string(2, kind.name);
    writer.string(4, type);
    writer.string(5, unit);
    writer.string(6, kind.periodType.type);
    writer.string(7, kind.periodType.unit);
    writer.end(mark);
  }
  return writer.finish();
}

/** types.v1.LabelNamesResponse, sorted. Without utf8Names only names that Prometheus of old could spell. */
export function encodeLabelNames(stored: ReadonlySet<string>, utf8Names: boolean): Uint8Array {
  // What follows from the kind is there as soon as anything is.
  const names = stored.size === 0 ? stored : new Set([...stored, ...KIND_LABELS]);
  return encodeNames(utf8Names ? names : [...names].filter(isLegacyName));
}

/** types.v1.LabelValuesResponse, sorted. */
export function encodeLabelValues(series: readonly SeriesOfKind[], name: string): Uint8Array {
  return encodeNames(labelValues(series, name));
}

/** The distinct values of a label. */
export function labelValues(series: readonly SeriesOfKind[], name: string): ReadonlySet<string> {
  const values = new Set<string>();
  const followsFromKind = KIND_LABELS.includes(name);
  for (const { labels, kind, sampleTypes } of series) {
    if (followsFromKind) {
      for (const sampleType of sampleTypes)
        for (const label of kindLabels(kind, sampleType)) if (label.name === name) values.add(label.value);
    } else {
      for (const label of labels) if (label.name === name) values.add(label.value);
    }
  }
  return values;
}

/**
 * querier.v1.SeriesResponse: distinct label sets, cut to `names` (empty: all), sorted. A series without any of the names is left out.
 */
export function encodeSeries(series: readonly SeriesOfKind[], names: readonly string[], utf8Names: boolean): Uint8Array {
  const wanted = names.length === 0 ? undefined : new Set(names);
  const wantsKindLabels = wanted === undefined || KIND_LABELS.some((name) => wanted.has(name));
  // What repeats is cut and keyed once: the labels of a kind, and those of a series, which has several sample types.
  const pairs = new LabelPairs();
  const ofKind = new Map<ProfileKind, KeyedPairs[]>();
  const sets = new Map<string, { readonly own: readonly LabelPair[]; readonly merged: Map<string, readonly LabelPair[]> }>();
  for (const { labels, kind, sampleTypes } of series) {
    let own = wanted === undefined ? labels : projectLabels(labels, names);
    if (!utf8Names) own = own.filter((label) => isLegacyName(label.name));
    const ownKey = labelSetKey(own);
    let known = sets.get(ownKey);
    if (known === undefined) sets.set(ownKey, (known = { own: pairs.of(own), merged: new Map() }));
    let kindSets = ofKind.get(kind);
    if (kindSets === undefined) ofKind.set(kind, (kindSets = []));
    // Without the labels that follow from it, one sample type stands for all.
    for (const sampleType of wantsKindLabels ? sampleTypes : sampleTypes.slice(0, 1)) {
      const derived = (kindSets[sampleType] ??= pairs.keyed(projectKind(kind, sampleType, wanted)));
      if (!known.merged.has(derived.key)) known.merged.set(derived.key, mergePairs(known.own, derived.pairs));
    }
  }
  pairs.rank();
  const sorted = Array.from(sets.values(), ({ merged }) => [...merged.values()])
    .flat()
    .filter((set) => set.length > 0)
    .sort(compareByRank);
  const writer = new ProtoWriter(64 + sorted.length * 512);
  for (const set of sorted) {
    const mark = writer.begin(2);
    for (const { bytes } of set) writer.raw(bytes);
    writer.end(mark);
  }
  return writer.finish();
}

/** bytes: the pair as field 1 of a message. rank: its place among all pairs of an answer, by name and value, once they are ranked. */
type LabelPair = { readonly name: string; readonly value: string; readonly bytes: Uint8Array; rank: number };
type KeyedPairs = { readonly pairs: readonly LabelPair[]; readonly key: string };

/** Two sorted sets without a common name as one. */
function mergePairs(a: readonly LabelPair[], b: readonly LabelPair[]): readonly LabelPair[] {
  const merged: LabelPair[] = [];
  let at = 0;
  for (const pair of a) {
    for (let next = b[at]; next !== undefined && next.name < pair.name; next = b[at]) {
      merged.push(next);
      at++;
    }
    merged.push(pair);
  }
  return at < b.length ? merged.concat(b.slice(at)) : merged;
}

/** Sets in order of their first pair, then of their second …; what a longer one begins with comes before it. */
function compareByRank(a: readonly LabelPair[], b: readonly LabelPair[]): number {
  const shared = Math.min(a.length, b.length);
  for (let at = 0; at < shared; at++) {
    const difference = (a[at] as LabelPair).rank - (b[at] as LabelPair).rank;
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** The label pairs of an answer, each once: a fleet has many series of few different pairs, and numbers compare faster than what they stand for. */
class LabelPairs {
  readonly #byName = new Map<string, Map<string, LabelPair>>();

  of(labels: LabelSet): readonly LabelPair[] {
    return labels.map(({ name, value }) => this.#pair(name, value));
  }

  keyed(labels: LabelSet): KeyedPairs {
    return { pairs: this.of(labels), key: labelSetKey(labels) };
  }

  /** To be called when all pairs are there. */
  rank(): void {
    let rank = 0;
    for (const [, byValue] of [...this.#byName].sort(byKey)) for (const [, pair] of [...byValue].sort(byKey)) pair.rank = rank++;
  }

  #pair(name: string, value: string): LabelPair {
    let byValue = this.#byName.get(name);
    if (byValue === undefined) this.#byName.set(name, (byValue = new Map()));
    let pair = byValue.get(value);
    if (pair === undefined) {
      const writer = new ProtoWriter(16 + name.length + value.length);
      encodeLabels(writer, 1, [{ name, value }]);
      byValue.set(value, (pair = { name, value, bytes: writer.finish(), rank: 0 }));
    }
    return pair;
  }
}

/** Repeated types.v1.LabelPair. */
export function encodeLabels(writer: ProtoWriter, field: number, labels: LabelSet): void {
  for (const { name, value } of labels) {
    const mark = writer.begin(field);
    writer.string(1, name);
    writer.string(2, value);
    writer.end(mark);
  }
}

/** Services of the catalog as series that have no other labels. */
export function seriesOfServices(services: readonly ServiceOfKind[]): SeriesOfKind[] {
  return services.map(({ service, kind, sampleTypes }) => ({ labels: catalogLabels(service, kind), kind, sampleTypes }));
}

/** The labels that follow from the kind and the sample type, besides `__name__`, which is stored. */
function kindLabels(kind: ProfileKind, sampleType: number): LabelSet {
  const { type, unit } = kind.sampleTypes[sampleType] as ProfileKind["periodType"];
  return [
    { name: "__period_type__", value: kind.periodType.type },
    { name: "__period_unit__", value: kind.periodType.unit },
    { name: "__profile_type__", value: profileTypeId(kind, sampleType) },
    { name: "__type__", value: type },
    { name: "__unit__", value: unit },
  ];
}

const KIND_LABELS: readonly string[] = ["__period_type__", "__period_unit__", "__profile_type__", "__type__", "__unit__"];

function projectKind(kind: ProfileKind, sampleType: number, wanted: ReadonlySet<string> | undefined): LabelSet {
  const labels = kindLabels(kind, sampleType).filter((label) => label.value !== "");
  return wanted === undefined ? labels : labels.filter((label) => wanted.has(label.name));
}

function encodeNames(names: Iterable<string>): Uint8Array {
  const writer = new ProtoWriter();
  for (const name of [...names].sort()) writer.stringAlways(1, name);
  return writer.finish();
}

function isLegacyName(name: string): boolean {
  return /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name);
}

function byKey([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
