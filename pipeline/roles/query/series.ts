import type { ProfileColumns } from "../../block/section/profiles.ts";
import type { LabelSet } from "../../profile/labels.ts";
import type { Selection, SeriesOfKind, ServiceOfKind } from "./engine-interface.ts";
import { seriesMatches, typeLabels } from "./kind-match.ts";
import { compileMatchers } from "./matcher.ts";
import type { PlannedDataset } from "./plan.ts";
import type { SectionReader } from "./read.ts";
import { timeFilter } from "./select.ts";

/**
 * The series that have a value in the selection. Exact to the row, so that the answer does not depend on how rows were put into objects.
 */
export async function selectSeries(plan: readonly PlannedDataset[], selection: Selection, reader: SectionReader): Promise<readonly SeriesOfKind[]> {
  const matchers = compileMatchers(selection.matchers);
  const found: SeriesOfKind[] = [];
  for (const planned of plan) {
    const series = await reader.series(planned);
    for (let kindIndex = 0; kindIndex < planned.entry.kinds.length; kindIndex++) {
      const { kind } = planned.entry.kinds[kindIndex]!;
      const derived = kind.sampleTypes.map((_, sampleType) => typeLabels(kind, sampleType));
      const wanted = series.map((labels) => derived.map((types) => seriesMatches(matchers, labels, types)));
      if (!wanted.some((types) => types.includes(true))) continue;
      const present = presentTypes(await reader.profiles(planned, kindIndex), planned, series.length);
      series.forEach((labels: LabelSet, index) => {
        const sampleTypes = kind.sampleTypes.flatMap((_, type) => (wanted[index]![type]! && present[type]![index] === 1 ? [type] : []));
        if (sampleTypes.length > 0) found.push({ labels, kind, sampleTypes });
      });
    }
  }
  return found;
}

/** The services that have a value in the selection: from the catalog where a dataset lies whole in it, else from its rows. */
export async function selectServices(plan: readonly PlannedDataset[], selection: Selection, reader: SectionReader): Promise<readonly ServiceOfKind[]> {
  const matchers = compileMatchers(selection.matchers);
  const found: ServiceOfKind[] = [];
  for (const planned of plan) {
    const { service } = planned.entry;
    for (let kindIndex = 0; kindIndex < planned.entry.kinds.length; kindIndex++) {
      const { kind, totals } = planned.entry.kinds[kindIndex]!;
      const labels: LabelSet = [
        { name: "__name__", value: kind.name },
        { name: "__service_name__", value: service },
        { name: "service_name", value: service },
      ];
      let sampleTypes = kind.sampleTypes.flatMap((_, type) => (totals[type]! > 0 && seriesMatches(matchers, labels, typeLabels(kind, type)) ? [type] : []));
      if (sampleTypes.length > 0 && (!planned.wholeInRange || planned.deleted.length > 0)) {
        const present = presentTypes(await reader.profiles(planned, kindIndex), planned, planned.entry.seriesCount);
        sampleTypes = sampleTypes.filter((type) => present[type]!.includes(1));
      }
      if (sampleTypes.length > 0) found.push({ service, kind, sampleTypes });
    }
  }
  return found;
}

/** Per sample type: 1 for each series that has a value above 0 in a row that counts. */
function presentTypes(profiles: ProfileColumns, planned: PlannedDataset, seriesCount: number): readonly Uint8Array[] {
  const inTime = planned.wholeInRange && planned.deleted.length === 0 ? undefined : timeFilter(planned);
  const present = profiles.totals.map(() => new Uint8Array(seriesCount));
  for (let row = 0; row < profiles.count; row++) {
    if (inTime !== undefined && !inTime(profiles.timeMs[row]!, profiles.timeNs[row]!)) continue;
    for (let type = 0; type < present.length; type++) if (profiles.totals[type]![row]! > 0) present[type]![profiles.series[row]!] = 1;
  }
  return present;
}
