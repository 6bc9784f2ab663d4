import { lookAhead } from "../../base/look-ahead.ts";
import type { ProfileColumns } from "../../block/section/profiles.ts";
import type { LabelSet } from "../../profile/labels.ts";
import { PLANNED_AHEAD } from "./ahead.ts";
import { dropDuplicates } from "./duplicates.ts";
import type { TypedSelection } from "./engine-interface.ts";
import { findType, seriesMatches, typeLabels } from "./kind-match.ts";
import { compileMatchers } from "./matcher.ts";
import type { PlannedDataset, TimeRange } from "./plan.ts";
import type { SectionReader } from "./read.ts";

/** What of one profile kind in one dataset is selected. */
export type KindRows = {
  readonly planned: PlannedDataset;
  readonly kindIndex: number;
  readonly series: readonly LabelSet[];
  /** 1 for a series of the dataset that matches. */
  readonly seriesMask: Uint8Array;
  /** 1 for a selected profile row; undefined when every row of the matching series is: totals can answer. */
  rowMask: Uint8Array | undefined;
  /** Loaded when the rows had to be looked at. */
  profiles: ProfileColumns | undefined;
};

/** The same for one profile type of the kind. */
export type SelectedRows = KindRows & { readonly sampleType: number };

/**
 * Finds the rows of a selection: series by their labels, rows by time and deletions, of rows that are in the bucket twice only one,
 * and only profiles of the given ids (32 lower-case hex digits) when there are any.
 */
export async function selectRows(
  plan: readonly PlannedDataset[],
  selection: TypedSelection,
  reader: SectionReader,
  { profileIds, isDistinct }: { readonly profileIds: readonly string[]; readonly isDistinct: boolean },
): Promise<readonly SelectedRows[]> {
  const matchers = compileMatchers(selection.matchers);
  const types = plan.flatMap((planned) => findType(planned.entry, selection.profileTypeId).map((type) => ({ planned, ...type })));
  const selected: SelectedRows[] = [];
  const load = async ({ planned, kindIndex, sampleType }: (typeof types)[number]): Promise<SelectedRows | undefined> => {
    const derived = typeLabels(planned.entry.kinds[kindIndex]!.kind, sampleType);
    const rows = await rowsOfKind(planned, kindIndex, reader, (labels) => seriesMatches(matchers, labels, derived));
    return rows === undefined ? undefined : { ...rows, sampleType };
  };
  for await (const rows of lookAhead(types, PLANNED_AHEAD, load)) if (rows !== undefined) selected.push(rows);
  if (!isDistinct) await dropDuplicates(selected, reader);
  if (profileIds.length > 0) for (const rows of selected) await maskByProfile(rows, new Set(profileIds), reader);
  return selected;
}

/** The rows of a profile kind in a dataset whose series match, in time and not deleted; undefined when there are none. */
export async function rowsOfKind(
  planned: PlannedDataset,
  kindIndex: number,
  reader: SectionReader,
  matches: (labels: LabelSet) => boolean,
): Promise<KindRows | undefined> {
  const series = await reader.series(planned);
  const seriesMask = new Uint8Array(series.length);
  for (let i = 0; i < series.length; i++) if (matches(series[i]!)) seriesMask[i] = 1;
  if (!seriesMask.includes(1)) return undefined;
  const rows: KindRows = { planned, kindIndex, series, seriesMask, rowMask: undefined, profiles: undefined };
  if (!planned.wholeInRange || planned.deleted.length > 0) await maskByTime(rows, reader);
  return rows.rowMask === undefined || rows.rowMask.includes(1) ? rows : undefined;
}

/** Makes sure the row mask is there, 1 for the rows of matching series. */
export async function withRowMask(rows: KindRows, reader: SectionReader): Promise<Uint8Array> {
  if (rows.rowMask !== undefined) return rows.rowMask;
  const profiles = await withProfiles(rows, reader);
  const mask = new Uint8Array(profiles.count);
  for (let row = 0; row < mask.length; row++) mask[row] = rows.seriesMask[profiles.series[row]!]!;
  return (rows.rowMask = mask);
}

export async function withProfiles(rows: KindRows, reader: SectionReader): Promise<ProfileColumns> {
  return (rows.profiles ??= await reader.profiles(rows.planned, rows.kindIndex));
}

/** Whether a row's time is in the range and not deleted. Bounds are compared as ms and ns, as the columns hold them. */
export function timeFilter(planned: Pick<PlannedDataset, "range" | "deleted">): (timeMs: number, timeNs: number) => boolean {
  const range = split(planned.range);
  const deleted = planned.deleted.map(split);
  return (timeMs, timeNs) => inside(range, timeMs, timeNs) && !deleted.some((hole) => inside(hole, timeMs, timeNs));
}

async function maskByTime(rows: KindRows, reader: SectionReader): Promise<void> {
  const profiles = await withProfiles(rows, reader);
  const mask = await withRowMask(rows, reader);
  const inTime = timeFilter(rows.planned);
  for (let row = 0; row < mask.length; row++) {
    if (mask[row] === 1 && !inTime(profiles.timeMs[row]!, profiles.timeNs[row]!)) mask[row] = 0;
  }
}

async function maskByProfile(rows: SelectedRows, ids: ReadonlySet<string>, reader: SectionReader): Promise<void> {
  const profiles = await withProfiles(rows, reader);
  const mask = await withRowMask(rows, reader);
  for (let row = 0; row < mask.length; row++) {
    if (mask[row] === 1 && !ids.has(Buffer.from(profiles.ids.subarray(row * 16, row * 16 + 16)).toString("hex"))) mask[row] = 0;
  }
}

type SplitRange = { readonly minMs: number; readonly minNs: number; readonly maxMs: number; readonly maxNs: number };

function split({ minNs, maxNs }: TimeRange): SplitRange {
  const floorMs = (ns: bigint): bigint => (ns >= 0n ? ns / 1_000_000n : (ns - 999_999n) / 1_000_000n);
  const min = floorMs(minNs);
  const max = floorMs(maxNs);
  return { minMs: Number(min), minNs: Number(minNs - min * 1_000_000n), maxMs: Number(max), maxNs: Number(maxNs - max * 1_000_000n) };
}

function inside(range: SplitRange, timeMs: number, timeNs: number): boolean {
  if (timeMs < range.minMs || (timeMs === range.minMs && timeNs < range.minNs)) return false;
  return timeMs < range.maxMs || (timeMs === range.maxMs && timeNs <= range.maxNs);
}
