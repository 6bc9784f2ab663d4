import { lookAhead } from "../../base/look-ahead.ts";
import type { ProfileKind } from "../../profile/profile-type.ts";
import { PLANNED_AHEAD } from "./ahead.ts";
import { catalogLabels } from "./catalog-labels.ts";
import { dropDuplicates } from "./duplicates.ts";
import type { Selection, SeriesOfKind, ServiceOfKind } from "./engine-interface.ts";
import { seriesMatches, typeLabels } from "./kind-match.ts";
import { compileMatchers } from "./matcher.ts";
import type { PlannedDataset } from "./plan.ts";
import { presenceOf } from "./presence.ts";
import type { SectionReader } from "./read.ts";
import { type KindRows, rowsOfKind } from "./select.ts";

/**
 * The series that have a value in the selection. Exact to the row, so that the answer does not depend on how rows were put into objects.
 */
export async function selectSeries(
  plan: readonly PlannedDataset[],
  selection: Selection,
  reader: SectionReader,
  isDistinct: boolean,
): Promise<readonly SeriesOfKind[]> {
  const matchers = compileMatchers(selection.matchers);
  const kinds = plan.flatMap((planned) => planned.entry.kinds.map(({ kind }, kindIndex) => ({ planned, kindIndex, kind })));
  const load = async ({ planned, kindIndex, kind }: (typeof kinds)[number]): Promise<KindRows | undefined> => {
    const types = derivedLabels(kind);
    return rowsOfKind(planned, kindIndex, reader, (labels) => types.some((derived) => seriesMatches(matchers, labels, derived)));
  };
  const selected: KindRows[] = [];
  for await (const rows of lookAhead(kinds, PLANNED_AHEAD, load)) if (rows !== undefined) selected.push(rows);
  if (!isDistinct) await dropDuplicates(selected, reader);
  const found: SeriesOfKind[] = [];
  const present = async (rows: KindRows) => ({ rows, presence: await presenceOf(rows, reader) });
  for await (const { rows, presence } of lookAhead(selected, PLANNED_AHEAD, present)) {
    await reader.step();
    const { kind } = rows.planned.entry.kinds[rows.kindIndex]!;
    const types = derivedLabels(kind);
    rows.series.forEach((labels, index) => {
      if (rows.seriesMask[index] === 0) return;
      const all = presence[index]!;
      const sampleTypes = matchers.length === 0 ? all : all.filter((type) => seriesMatches(matchers, labels, types[type]!));
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
      const labels = catalogLabels(service, kind);
      let sampleTypes = kind.sampleTypes.flatMap((_, type) =>
        totals[type]! > 0 && seriesMatches(matchers, labels, typeLabels(kind, type)) ? [type] : [],
      );
      if (sampleTypes.length > 0 && (!planned.wholeInRange || planned.deleted.length > 0)) {
        const rows = await rowsOfKind(planned, kindIndex, reader, () => true);
        const presence = rows === undefined ? [] : await presenceOf(rows, reader);
        sampleTypes = sampleTypes.filter((type) => presence.some((types) => types.includes(type)));
      }
      if (sampleTypes.length > 0) found.push({ service, kind, sampleTypes });
    }
  }
  return found;
}

function derivedLabels(kind: ProfileKind): readonly Readonly<Record<string, string>>[] {
  return kind.sampleTypes.map((_, sampleType) => typeLabels(kind, sampleType));
}
