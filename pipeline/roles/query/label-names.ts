import { lookAhead } from "../../base/look-ahead.ts";
import { type DatasetEntry, SectionKind } from "../../block/directory.ts";
import { findSection } from "../../block/reader.ts";
import { PLANNED_AHEAD } from "./ahead.ts";
import { catalogLabels } from "./catalog-labels.ts";
import { CATALOG_LABELS, type Selection } from "./engine-interface.ts";
import { seriesMatches, typeLabels } from "./kind-match.ts";
import { type CompiledMatcher, compileMatchers } from "./matcher.ts";
import type { PlannedDataset } from "./plan.ts";
import type { SectionReader } from "./read.ts";
import { selectSeries } from "./series.ts";

/** Names in a dataset's label sets: those of every set, and all of them. */
type NamesOfDataset = { readonly every: readonly string[]; readonly all: readonly string[] };

/**
 * The label names of the series that have a value in the selection, but for those that follow from the sample type; exact to the row.
 *
 * Nearly always the label sets of a service have the same names, and that one of them has a value is known from the catalog. Only datasets of which that does not
 * settle a name are looked at more closely.
 */
export async function selectLabelNames(
  plan: readonly PlannedDataset[],
  selection: Selection,
  reader: SectionReader,
  isDistinct: boolean,
): Promise<ReadonlySet<string>> {
  const matchers = compileMatchers(selection.matchers);
  const names = new Set<string>();
  if (!selection.matchers.every(({ name }) => CATALOG_LABELS.has(name))) return addNames(names, plan, selection, reader, isDistinct);
  const open: { readonly planned: PlannedDataset; readonly all: readonly string[] }[] = [];
  const load = async ({ planned }: { readonly planned: PlannedDataset }) => ({ planned, own: await namesOf(planned, reader) });
  const asked = plan.filter(({ entry }) => kindsAsked(entry, matchers).length > 0).map((planned) => ({ planned }));
  for await (const { planned, own } of lookAhead(asked, PLANNED_AHEAD, load)) {
    await reader.step();
    if (surelyPresent(planned, matchers)) {
      for (const name of own.every) names.add(name);
      if (own.every.length === own.all.length) continue;
    }
    open.push({ planned, all: own.all });
  }
  const unknown = open.filter(({ all }) => all.some((name) => !names.has(name)));
  // Of a service with an open name all is looked at: rows that are there twice lie in several datasets.
  const services = new Set(unknown.map(({ planned }) => serviceKey(planned)));
  const closer = plan.filter((planned) => services.has(serviceKey(planned)));
  return closer.length === 0 ? names : addNames(names, closer, selection, reader, isDistinct);
}

async function addNames(
  names: Set<string>,
  plan: readonly PlannedDataset[],
  selection: Selection,
  reader: SectionReader,
  isDistinct: boolean,
): Promise<ReadonlySet<string>> {
  for (const { labels } of await selectSeries(plan, selection, reader, isDistinct)) for (const { name } of labels) names.add(name);
  return names;
}

/** The kinds of a dataset that have a value and match, and whether all of their sample types do. */
function kindsAsked({ service, kinds }: DatasetEntry, matchers: readonly CompiledMatcher[]): readonly { readonly allTypes: boolean }[] {
  return kinds.flatMap(({ kind, totals }) => {
    const labels = catalogLabels(service, kind);
    const matches = kind.sampleTypes.map((_, type) => seriesMatches(matchers, labels, typeLabels(kind, type)));
    return matches.some((matched, type) => matched && totals[type]! > 0) ? [{ allTypes: !matches.includes(false) }] : [];
  });
}

/**
 * Whether some row of the dataset has a selected value. Every stored row has a value of some type, so one whose types are all asked for has a selected one; and if it gives way to
 * the same row of another object, that one has the same labels and a value as well.
 */
function surelyPresent({ entry, wholeInRange, deleted }: PlannedDataset, matchers: readonly CompiledMatcher[]): boolean {
  return wholeInRange && deleted.length === 0 && kindsAsked(entry, matchers).some(({ allTypes }) => allTypes);
}

async function namesOf(planned: PlannedDataset, reader: SectionReader): Promise<NamesOfDataset> {
  const section = findSection(planned.entry, SectionKind.Series);
  return reader.remember(
    `names ${planned.object.key}@${section?.offset}`,
    async () => {
      const counts = new Map<string, number>();
      const series = await reader.series(planned);
      for (const labels of series) for (const { name } of labels) counts.set(name, (counts.get(name) ?? 0) + 1);
      const all = [...counts.keys()];
      const every = all.filter((name) => counts.get(name) === series.length);
      return { all: every.length === all.length ? every : all, every };
    },
    ({ all, every }) => (all.length + every.length) * 32,
  );
}

function serviceKey({ entry }: PlannedDataset): string {
  return `${entry.tenant}\0${entry.service}`;
}
