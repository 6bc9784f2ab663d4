import { assert } from "../../base/assert.ts";
import { lookAhead } from "../../base/look-ahead.ts";
import { labelSetKey } from "../../profile/labels.ts";
import { profileKindKey } from "../../profile/profile-type.ts";
import { InternTable } from "../../symbols/intern-table.ts";
import { mix } from "../../symbols/string-hash.ts";
import { PLANNED_AHEAD } from "./ahead.ts";
import { findType } from "./kind-match.ts";
import type { PlannedDataset } from "./plan.ts";
import type { SectionReader } from "./read.ts";
import { type KindRows, withProfiles, withRowMask } from "./select.ts";

/**
 * Takes out rows that another dataset has too: the same profile kind, series and nanosecond, as after a retried push whose first try went
 * through. Compaction drops them for good and keeps the lowest id, so a reader keeps the same one before it has run.
 *
 * Within one object rows are distinct, so only datasets of one service whose times overlap are looked at.
 */
export async function dropDuplicates(selected: readonly KindRows[], reader: SectionReader): Promise<void> {
  for (const group of overlapping(selected)) await dropInGroup(group, reader);
}

/** Groups of two and more datasets of one service and profile kind that overlap in time, directly or through others. */
function overlapping(selected: readonly KindRows[]): readonly (readonly KindRows[])[] {
  const byKind = new Map<string, KindRows[]>();
  for (const rows of selected) {
    const { entry } = rows.planned;
    const key = `${entry.tenant}\0${entry.service}\0${profileKindKey(entry.kinds[rows.kindIndex]!.kind)}`;
    const known = byKind.get(key);
    if (known === undefined) byKind.set(key, [rows]);
    else known.push(rows);
  }
  const groups: KindRows[][] = [];
  for (const all of byKind.values()) {
    all.sort((a, b) => (a.planned.entry.minTimeNs < b.planned.entry.minTimeNs ? -1 : 1));
    let group: KindRows[] = [];
    let end = -1n;
    for (const rows of all) {
      if (group.length > 0 && rows.planned.entry.minTimeNs > end) {
        groups.push(group);
        group = [];
        end = -1n;
      }
      group.push(rows);
      if (rows.planned.entry.maxTimeNs > end) end = rows.planned.entry.maxTimeNs;
    }
    groups.push(group);
  }
  return groups.filter((group) => group.length > 1);
}

/** Whether no row is in two of the datasets, be it selected or not. Of one profile type, or of all. */
export async function areDistinct(
  datasets: readonly PlannedDataset[],
  profileTypeId: string | undefined,
  reader: SectionReader,
): Promise<boolean> {
  const kinds = datasets.flatMap((planned) => {
    const indexes =
      profileTypeId === undefined ? planned.entry.kinds.keys() : findType(planned.entry, profileTypeId).map((type) => type.kindIndex);
    return [...new Set(indexes)].map((kindIndex) => ({ planned, kindIndex }));
  });
  const all: KindRows[] = [];
  const load = async ({ planned, kindIndex }: (typeof kinds)[number]): Promise<KindRows> => {
    const series = await reader.series(planned);
    return { planned, kindIndex, series, seriesMask: new Uint8Array(series.length).fill(1), rowMask: undefined, profiles: undefined };
  };
  for await (const rows of lookAhead(kinds, PLANNED_AHEAD, load)) all.push(rows);
  for (const group of overlapping(all)) if (!(await isKnownDistinct(group, reader))) return false;
  return true;
}

function isKnownDistinct(group: readonly KindRows[], reader: SectionReader): Promise<boolean> {
  return reader.remember(`distinct ${groupKey(group)}`, () => isDistinct(group, reader));
}

async function dropInGroup(group: readonly KindRows[], reader: SectionReader): Promise<void> {
  if (await isKnownDistinct(group, reader)) return;
  for await (const _ of lookAhead(group, PLANNED_AHEAD, (rows) => withProfiles(rows, reader)));
  for (const { dataset, row } of duplicatesIn(group)) (await withRowMask(group[dataset]!, reader))[row] = 0;
}

/**
 * Whether no row at all is in two datasets of the group, which is nearly always so. Objects never change, so it is found out once, and no selection of
 * rows can have a duplicate then.
 */
async function isDistinct(group: readonly KindRows[], reader: SectionReader): Promise<boolean> {
  const whole: KindRows[] = [];
  const load = async ({ planned, kindIndex, series }: KindRows): Promise<KindRows> => ({
    planned,
    kindIndex,
    series,
    seriesMask: new Uint8Array(series.length).fill(1),
    rowMask: undefined,
    profiles: await reader.profiles(planned, kindIndex),
  });
  for await (const rows of lookAhead(group, PLANNED_AHEAD, load)) whole.push(rows);
  return duplicatesIn(whole).next().done === true;
}

function groupKey(group: readonly KindRows[]): string {
  return group
    .map(({ planned, kindIndex }) => `${planned.object.key}@${planned.entry.sections[0]?.offset}/${kindIndex}`)
    .sort()
    .join(" ");
}

/** Of each row that is there more than once all but the one with the lowest id, among the rows that the masks select; profiles are loaded. */
function* duplicatesIn(group: readonly KindRows[]): Generator<{ readonly dataset: number; readonly row: number }> {
  const seriesIds = new Map<string, number>();
  const table = new InternTable(1024);
  /** Where each distinct row was seen. */
  const owners: { dataset: number; row: number; readonly series: number; readonly timeMs: number; readonly timeNs: number }[] = [];
  for (let dataset = 0; dataset < group.length; dataset++) {
    const { profiles, series, seriesMask, rowMask } = group[dataset]!;
    assert(profiles !== undefined, "profiles were loaded before");
    const ids = series.map((labels, i) => (seriesMask[i] === 0 ? -1 : idOf(seriesIds, labelSetKey(labels))));
    for (let row = 0; row < profiles.count; row++) {
      const seriesId = ids[profiles.series[row]!]!;
      if (seriesId < 0 || (rowMask !== undefined && rowMask[row] === 0)) continue;
      const timeMs = profiles.timeMs[row]!;
      const timeNs = profiles.timeNs[row]!;
      const hash = mix(mix(mix(seriesId, timeMs % 0x80000000), timeNs), 1);
      let slot = table.start(hash);
      let entry = table.at(slot);
      for (; entry >= 0; slot = table.next(slot), entry = table.at(slot)) {
        const owner = owners[entry]!;
        if (owner.series === seriesId && owner.timeMs === timeMs && owner.timeNs === timeNs) break;
      }
      if (entry < 0) {
        table.put(slot, owners.push({ dataset, row, series: seriesId, timeMs, timeNs }) - 1, hash);
        continue;
      }
      const owner = owners[entry]!;
      if (compareIds(profiles.ids, row, group[owner.dataset]!.profiles!.ids, owner.row) < 0) {
        yield { dataset: owner.dataset, row: owner.row };
        owner.dataset = dataset;
        owner.row = row;
      } else {
        yield { dataset, row };
      }
    }
  }
}

function idOf(ids: Map<string, number>, key: string): number {
  const known = ids.get(key);
  if (known !== undefined) return known;
  ids.set(key, ids.size);
  return ids.size - 1;
}

/** The order in which the writer of objects keeps the lowest: as little-endian words, see kind-builder.ts. */
function compareIds(a: Uint8Array, aRow: number, b: Uint8Array, bRow: number): number {
  for (let word = 0; word < 4; word++) {
    const difference = wordAt(a, aRow * 16 + word * 4) - wordAt(b, bRow * 16 + word * 4);
    if (difference !== 0) return difference;
  }
  return 0;
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}
