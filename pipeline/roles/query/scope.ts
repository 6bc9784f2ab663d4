import { type UnixNs, unixMsFromNs } from "../../base/units.ts";
import { SectionKind } from "../../block/directory.ts";
import type { Scope, ScopeCounts, StoredRange } from "./engine-interface.ts";
import type { PlannedDataset } from "./plan.ts";
import type { SectionReader } from "./read.ts";
import { timeFilter } from "./select.ts";

/** What a plan would read, from the catalog alone. */
export function scopeOf(plan: readonly PlannedDataset[]): Scope {
  return {
    segments: count(plan.filter(({ object }) => object.level === 0)),
    blocks: count(plan.filter(({ object }) => object.level > 0)),
  };
}

function count(plan: readonly PlannedDataset[]): ScopeCounts {
  const bytes = (...kinds: readonly SectionKind[]): number =>
    sum(plan.flatMap(({ entry }) => entry.sections.filter(({ kind }) => kinds.includes(kind)).map(({ sizeBytes }) => sizeBytes)));
  const kinds = plan.flatMap(({ entry }) => entry.kinds);
  return {
    objectCount: new Set(plan.map(({ object }) => object.key)).size,
    datasetCount: plan.length,
    seriesCount: sum(plan.map(({ entry }) => entry.seriesCount)),
    profileCount: sum(kinds.map(({ profileRows }) => profileRows)),
    sampleCount: sum(kinds.map(({ sampleRows }) => sampleRows)),
    indexBytes: bytes(SectionKind.Series),
    profileBytes: bytes(SectionKind.Profiles, SectionKind.Samples, SectionKind.Totals),
    symbolBytes: bytes(SectionKind.Symbols),
  };
}

/** Time of the oldest and newest row; rows are read only where a deletion may have taken the outermost. */
export async function storedRange(plan: readonly PlannedDataset[], reader: SectionReader): Promise<StoredRange | undefined> {
  let oldest: bigint | undefined;
  let newest: bigint | undefined;
  const see = (timeNs: bigint): void => {
    if (oldest === undefined || timeNs < oldest) oldest = timeNs;
    if (newest === undefined || timeNs > newest) newest = timeNs;
  };
  for (const planned of plan) {
    if (planned.deleted.length === 0) {
      see(planned.entry.minTimeNs);
      see(planned.entry.maxTimeNs);
      continue;
    }
    const inTime = timeFilter(planned);
    for (let kindIndex = 0; kindIndex < planned.entry.kinds.length; kindIndex++) {
      const { count: rows, timeMs, timeNs } = await reader.profiles(planned, kindIndex);
      for (let row = 0; row < rows; row++) {
        if (inTime(timeMs[row]!, timeNs[row]!)) see(BigInt(timeMs[row]!) * 1_000_000n + BigInt(timeNs[row]!));
      }
    }
  }
  if (oldest === undefined || newest === undefined) return undefined;
  return { oldestMs: unixMsFromNs(oldest as UnixNs), newestMs: unixMsFromNs(newest as UnixNs) };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
