import type { ProfileColumns } from "../../block/section/profiles.ts";
import type { LabelSet } from "../../profile/labels.ts";
import type { ProfileKind } from "../../profile/profile-type.ts";
import { dropDuplicates } from "./duplicates.ts";
import type { Selection, SeriesOfKind, ServiceOfKind } from "./engine-interface.ts";
import { seriesMatches, typeLabels } from "./kind-match.ts";
import { compileMatchers } from "./matcher.ts";
import type { PlannedDataset } from "./plan.ts";
import type { SectionReader } from "./read.ts";
import { type KindRows, rowsOfKind, withProfiles, withRowMask } from "./select.ts";

/**
 * The series that have a value in the selection. Exact to the row, so that the answer does not depend on how rows were put into objects.
 */
export async function selectSeries(
  plan: readonly PlannedDataset[],
  selection: Selection,
  reader: SectionReader,
): Promise<readonly SeriesOfKind[]> {
  const matchers = compileMatchers(selection.matchers);
  const selected: KindRows[] = [];
  for (const planned of plan) {
    for (let kindIndex = 0; kindIndex < planned.entry.kinds.length; kindIndex++) {
      const types = derivedLabels(planned.entry.kinds[kindIndex]!.kind);
      const rows = await rowsOfKind(planned, kindIndex, reader, (labels) =>
        types.some((derived) => seriesMatches(matchers, labels, derived)),
      );
      if (rows !== undefined) selected.push(rows);
    }
  }
  await dropDuplicates(selected, reader);
  const found: SeriesOfKind[] = [];
  for (const rows of selected) {
    const { kind } = rows.planned.entry.kinds[rows.kindIndex]!;
    const types = derivedLabels(kind);
    const present = presentTypes(await withProfiles(rows, reader), await withRowMask(rows, reader), rows.series.length);
    rows.series.forEach((labels, index) => {
      const sampleTypes = types.flatMap((derived, type) =>
        present[type]![index] === 1 && seriesMatches(matchers, labels, derived) ? [type] : [],
      );
      if (sampleTypes.length > 0) found.push({ labels, kind, sampleTypes });
    });
  }
  return found;
}

/** The services that have a value in the selection: from the catalog where a dataset lies whole in it, else from its rows. */
export async function selectServices(
  plan: readonly PlannedDataset[],
  selection: Selection,
  reader: SectionReader,
): Promise<readonly ServiceOfKind[]> {
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
      let sampleTypes = kind.sampleTypes.flatMap((_, type) =>
        totals[type]! > 0 && seriesMatches(matchers, labels, typeLabels(kind, type)) ? [type] : [],
      );
      if (sampleTypes.length > 0 && (!planned.wholeInRange || planned.deleted.length > 0)) {
        const rows = await rowsOfKind(planned, kindIndex, reader, () => true);
        const present =
          rows === undefined ? [] : presentTypes(await withProfiles(rows, reader), await withRowMask(rows, reader), rows.series.length);
        sampleTypes = sampleTypes.filter((type) => present[type]?.includes(1));
      }
      if (sampleTypes.length > 0) found.push({ service, kind, sampleTypes });
    }
  }
  return found;
}

function derivedLabels(kind: ProfileKind): readonly Readonly<Record<string, string>>[] {
  return kind.sampleTypes.map((_, sampleType) => typeLabels(kind, sampleType));
}

/** Per sample type: 1 for each series that has a value above 0 in a row of the mask. */
function presentTypes(profiles: ProfileColumns, mask: Uint8Array, seriesCount: number): readonly Uint8Array[] {
  const present = profiles.totals.map(() => new Uint8Array(seriesCount));
  for (let row = 0; row < profiles.count; row++) {
    if (mask[row] === 0) continue;
    for (let type = 0; type < present.length; type++) if (profiles.totals[type]![row]! > 0) present[type]![profiles.series[row]!] = 1;
  }
  return present;
}
