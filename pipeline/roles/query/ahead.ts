import type { LookAhead } from "../../base/look-ahead.ts";
import { MIB } from "../../base/units.ts";
import { SectionKind } from "../../block/directory.ts";
import type { PlannedDataset } from "./plan.ts";

/*
 * How far a question reads ahead of its work. A bucket over the network takes tens of ms for each range, however small: read one after
 * the other, a thousand ranges would take most of a minute.
 */

/** Requests of one question that are on their way at once: below what HTTP clients open by default. */
const READS_MAX = 16;

/** Before compression, of what is held decoded besides the cache: enough for large blocks to overlap reading and work. */
const BYTES_MAX = 32 * MIB;

type OfDataset = { readonly planned: PlannedDataset };

/** While rows are selected: label sets and profile rows. */
export const PLANNED_AHEAD: LookAhead<OfDataset> = {
  countMax: READS_MAX,
  weightMax: BYTES_MAX,
  weightOf: ({ planned }) => rawBytes(planned, [SectionKind.Series, SectionKind.Profiles]),
};

/** While values are read: all of a dataset. */
export const VALUES_AHEAD: LookAhead<OfDataset> = {
  countMax: READS_MAX,
  weightMax: BYTES_MAX,
  weightOf: ({ planned }) => rawBytes(planned, [SectionKind.Symbols, SectionKind.Profiles, SectionKind.Samples, SectionKind.Totals]),
};

function rawBytes({ entry }: PlannedDataset, kinds: readonly SectionKind[]): number {
  let sum = 0;
  for (const { kind, rawBytes: size } of entry.sections) if (kinds.includes(kind)) sum += size;
  return sum;
}
