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
  const asked = plan.filter(({ entry }) => kindsAsked(entry, matchers) !== "none").map((planned) => ({ planned }));
  for await (const { planned, own } of lookAhead(asked, PLANNED_AHEAD, load)) {
    await reader.step();
    const present = presentSeries(planned, matchers);
    for (const name of present === "all" ? own.all : present === "some" ? own.every : []) names.add(name);
    if (present === "all" || (present === "some" && own.every.length === own.all.length)) continue;
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

/** Which sample types of a dataset's kinds match: all of all kinds, all of some kinds, or less. A kind without any value counts as one that matches. */
function kindsAsked({ service, kinds }: DatasetEntry, matchers: readonly CompiledMatcher[]): "all" | "whole kinds" | "types" | "none" {
  if (matchers.length === 0) return "all";
  let whole = 0;
  let partly = 0;
  for (const { kind, totals } of kinds) {
    const labels = catalogLabels(service, kind);
    const matches = kind.sampleTypes.map((_, type) => totals[type] === 0 || seriesMatches(matchers, labels, typeLabels(kind, type)));
    if (!matches.includes(false)) whole++;
    else if (matches.some((matched, type) => matched && totals[type]! > 0)) partly++;
  }
  if (whole === kinds.length) return "all";
  return whole > 0 ? "whole kinds" : partly > 0 ? "types" : "none";
}

/**
 * Of which series of a dataset it is known without a look at its rows that they have a selected value. Every series has a row, and every row a value of some
 * type (FORMAT.md), so where all types are asked for all series have one; and if a row gives way to the same one of another object, that one has the same labels and a value as well.
 */
function presentSeries({ entry, wholeInRange, deleted }: PlannedDataset, matchers: readonly CompiledMatcher[]): "all" | "some" | "unknown" {
  if (!wholeInRange || deleted.length > 0) return "unknown";
  const asked = kindsAsked(entry, matchers);
  return asked === "all" ? "all" : asked === "whole kinds" ? "some" : "unknown";
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
