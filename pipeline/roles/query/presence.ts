import { SectionKind } from "../../block/directory.ts";
import { findSection } from "../../block/reader.ts";
import type { ProfileColumns } from "../../block/section/profiles.ts";
import type { PlannedDataset } from "./plan.ts";
import type { SectionReader } from "./read.ts";
import { type KindRows, withProfiles, withRowMask } from "./select.ts";

/** Per series of a dataset: the sample types of a kind of which it has a value above 0, in ascending order. */
export type Presence = readonly (readonly number[])[];

/**
 * What the selected rows have. Where all rows of the matching series are selected it is found out once for the dataset: questions about labels
 * look at every series of every object, again and again. Of series that are not selected it may say something, too.
 */
export async function presenceOf(rows: KindRows, reader: SectionReader): Promise<Presence> {
  const { planned, kindIndex, series } = rows;
  if (rows.rowMask !== undefined) return presence(await withProfiles(rows, reader), await withRowMask(rows, reader), series.length);
  return reader.remember(
    `presence ${sectionKey(planned, kindIndex)}`,
    async () => presence(await reader.profiles(planned, kindIndex), undefined, series.length),
    (found) => found.length * 8,
  );
}

function sectionKey({ object, entry }: PlannedDataset, kindIndex: number): string {
  return `${object.key}@${findSection(entry, SectionKind.Profiles, kindIndex)?.offset}`;
}

function presence(profiles: ProfileColumns, mask: Uint8Array | undefined, seriesCount: number): Presence {
  const has = profiles.totals.map(() => new Uint8Array(seriesCount));
  has.forEach((ofType, type) => {
    const totals = profiles.totals[type]!;
    for (let row = 0; row < profiles.count; row++) {
      if (totals[row]! > 0 && (mask === undefined || mask[row] === 1)) ofType[profiles.series[row]!] = 1;
    }
  });
  // Nearly all series have the same types: one list stands for all of them.
  const lists = new Map<string, readonly number[]>();
  return Array.from({ length: seriesCount }, (_, series) => {
    const types = has.flatMap((ofType, type) => (ofType[series] === 1 ? [type] : []));
    const key = types.join();
    const known = lists.get(key);
    if (known !== undefined) return known;
    lists.set(key, types);
    return types;
  });
}
