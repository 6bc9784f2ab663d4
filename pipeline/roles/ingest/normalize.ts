import type { TenantId, UnixMs } from "../../base/units.ts";
import type { DecodedProfile } from "../../profile/decoded-profile.ts";
import { type LabelSet, labelValue } from "../../profile/labels.ts";
import type { QueuedProfile } from "../../profile/queued-profile.ts";
import { malformed } from "../../profile/wire-cursor.ts";
import { admitTimeNs } from "./admit.ts";
import { discardFault } from "./discard.ts";
import { mayHaveTruncatedStacks, repairTruncatedStacks, type StackExtensions } from "./go-truncated-stacks.ts";
import { dropGoTypeArguments } from "./go-type-arguments.ts";
import { guessLanguage } from "./language.ts";
import type { IngestLimits } from "./limits.ts";
import { canonicalFunctions, canonicalLocations, DROPPED } from "./normalize-locations.ts";
import { mergeSamples } from "./normalize-samples.ts";
import { SeriesTable } from "./normalize-series.ts";
import { usedSymbols } from "./normalize-symbols.ts";
import { applyDefaultRules, mutableLabels } from "./relabel.ts";
import { clearScratch } from "./scratch.ts";

/** labels: as `prepareLabels` gives them. id: 16 random bytes for this profile. */
export type NormalizeInput = {
  readonly profile: DecodedProfile;
  readonly labels: LabelSet;
  readonly tenant: TenantId;
  readonly id: Uint8Array;
  readonly nowMs: UnixMs;
  readonly limits: IngestLimits;
};

/** profiles: one per kind, none when no sample is left. missingSamples: left out because they refer to what is not in the profile. */
export type NormalizedProfile = { readonly profiles: readonly QueuedProfile[]; readonly missingSamples: number };

/**
 * Turns a profile as it was sent into what is stored. Changes the decoded profile on the way, which is of no use afterwards. What it gives holds until
 * the thread's next call: encode it at once.
 *
 * The order of the steps is part of the contract, since it is Pyroscope's: check, cut to the limits, repair Go profiles, then drop
 * numeric labels, drop samples that say nothing, merge equal samples, drop symbols that nothing uses, split by labels.
 *
 * Errors: `malformed_profile`, `samples_limit`, `sample_labels_limit`, `not_in_ingestion_window`, and those of `checkLabels`.
 */
export function normalize({ profile, labels, tenant, id, nowMs, limits }: NormalizeInput): NormalizedProfile {
  clearScratch();
  const timeNs = admitTimeNs(profile.timeNs, nowMs, limits);
  checkProfile(profile, limits);
  cutStacks(profile, limits.stackDepthMax);
  cutStrings(profile, limits.symbolBytesMax);

  const isGo = guessLanguage(profile.strings, labelValue(labels, "pyroscope_spy") ?? "") === "go";
  const rewritten = isGo ? dropGoTypeArguments(profile.strings) : undefined;
  const functions = rewritten === undefined ? undefined : canonicalFunctions(profile, rewritten);
  const extensions = isGo ? repairedStacks(profile, functions) : undefined;
  const locations = canonicalLocations(profile, functions, true);

  const profiles: QueuedProfile[] = [];
  let missingSamples = 0;
  for (const columns of columnsByKind(profile, labels)) {
    const sampleTypes = columns.map((column) => profile.sampleTypes[column] as QueuedProfile["kind"]["sampleTypes"][number]);
    const series = new SeriesTable(profile, labels, sampleTypes[0]?.type ?? "", limits);
    const merged = mergeSamples({ profile, locations, extensions, columns, series });
    missingSamples = Math.max(missingSamples, merged.missing);
    if (merged.count === 0) continue;
    const firstSeries = series.series[0] as LabelSet;
    profiles.push({
      tenant,
      service: labelValue(firstSeries, "service_name") as string,
      kind: { name: labelValue(firstSeries, "__name__") as string, periodType: profile.periodType, sampleTypes },
      id: idOfKind(id, profiles.length),
      timeNs,
      durationNs: profile.durationNs < 0n ? 0n : profile.durationNs,
      period: Math.max(0, profile.period),
      series: series.series,
      ...usedSymbols(profile, merged.usedLocations, functions, rewritten, labels),
      nodes: merged.nodes,
      samples: {
        count: merged.count,
        series: merged.series,
        stack: merged.stack,
        values: merged.values,
        spans: merged.spans,
        traces: merged.traces,
      },
    });
  }
  return { profiles, missingSamples };
}

function checkProfile({ sampleTypes, samples }: DecodedProfile, limits: IngestLimits): void {
  if (sampleTypes.length === 0) throw malformed("has no sample types");
  for (const { type } of sampleTypes) {
    if (type.includes("-")) throw malformed(`has sample type ${JSON.stringify(type)}, and a sample type may not contain "-"`);
  }
  if (limits.samplesMax !== 0 && samples.count > limits.samplesMax) {
    throw discardFault(
      "samples_limit",
      `profile has ${samples.count} samples, and ${limits.samplesMax} are allowed: profile for a shorter time or raise the limit`,
      {
        samples: samples.count,
        samples_max: limits.samplesMax,
      },
    );
  }
  if (limits.sampleLabelsMax === 0) return;
  for (let sample = 0; sample < samples.count; sample++) {
    const count = samples.labelCount[sample] as number;
    if (count > limits.sampleLabelsMax) {
      throw discardFault("sample_labels_limit", `a sample of the profile has ${count} labels, and ${limits.sampleLabelsMax} are allowed`, {
        labels: count,
        labels_max: limits.sampleLabelsMax,
      });
    }
  }
}

/** Keeps the root side: where time went stays right, only how deep it was spent is lost. */
function cutStacks({ samples }: DecodedProfile, depthMax: number): void {
  if (depthMax === 0) return;
  for (let sample = 0; sample < samples.count; sample++) {
    const excess = (samples.locationCount[sample] as number) - depthMax;
    if (excess <= 0) continue;
    samples.locationStart[sample] = (samples.locationStart[sample] as number) + excess;
    samples.locationCount[sample] = depthMax;
  }
}

/** Keeps the tail, where names differ, from the first whole character on. */
function cutStrings({ strings }: DecodedProfile, bytesMax: number): void {
  if (bytesMax === 0) return;
  for (let string = 0; string < strings.count; string++) {
    const length = strings.lengths[string] as number;
    if (length <= bytesMax) continue;
    const end = (strings.starts[string] as number) + length;
    let start = end - bytesMax;
    while (start < end && ((strings.bytes[start] as number) & 0xc0) === 0x80) start++;
    strings.starts[string] = start;
    strings.lengths[string] = end - start;
  }
}

/** Locations count as different here wherever the sender told them apart, except by what was rewritten. */
function repairedStacks(profile: DecodedProfile, functions: Uint32Array | undefined): StackExtensions | undefined {
  if (!mayHaveTruncatedStacks(profile.sampleTypes, profile.samples)) return undefined;
  const identity = functions === undefined ? undefined : dense(canonicalLocations(profile, functions, false).representative);
  return repairTruncatedStacks(profile.samples, identity);
}

/** The columns of each kind that the profile becomes: more than one only where renaming depends on the sample type. */
function columnsByKind({ sampleTypes }: DecodedProfile, labels: LabelSet): number[][] {
  const byName = new Map<string, number[]>();
  for (let column = 0; column < sampleTypes.length; column++) {
    const renamed = mutableLabels(labels);
    applyDefaultRules(renamed, sampleTypes[column]?.type ?? "");
    const name = renamed.get("__name__") ?? "";
    const columns = byName.get(name);
    if (columns === undefined) byName.set(name, [column]);
    else columns.push(column);
  }
  return [...byName.values()];
}

/** A UUID of version 4, different for each kind of one profile. */
function idOfKind(id: Uint8Array, kind: number): Uint8Array {
  const own = Uint8Array.from(id);
  own[6] = ((own[6] as number) & 0x0f) | 0x40;
  own[8] = ((own[8] as number) & 0x3f) | 0x80;
  own[9] = (own[9] as number) ^ kind;
  return own;
}

/** Numbers representatives in their order: what remains of the ids when equal locations are merged. */
function dense(representative: Uint32Array): Uint32Array {
  const numbers = new Uint32Array(representative.length);
  let next = 0;
  for (let location = 0; location < numbers.length; location++) {
    const first = representative[location] as number;
    numbers[location] = first === location ? next++ : (numbers[first] ?? DROPPED);
  }
  return numbers;
}
