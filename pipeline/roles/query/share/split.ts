import { type DatasetEntry, type SectionEntry, SectionKind } from "../../../block/directory.ts";
import { findType } from "../kind-match.ts";
import type { PlannedDataset } from "../plan.ts";
import { filtersSamples } from "../stack-filter.ts";
import type { EngineCall } from "./engine-call.ts";

/** Datasets that are answered together. */
export type PlanPart = { readonly datasets: readonly PlannedDataset[]; readonly bytes: number };

/** Of a part at most, so that its request fits a message: some 100 bytes each. */
const DATASETS_MAX = 2_000;

/** Bytes of the bucket that a call reads of a dataset, about: what the work is shared out by. */
export function bytesToRead(call: EngineCall, { entry, wholeInRange, deleted }: PlannedDataset): number {
  const whole = wholeInRange && deleted.length === 0;
  switch (call.method) {
    case "labelNames":
      return sizeOf(entry, ({ kind }) => kind === SectionKind.Series);
    case "services":
      return whole ? 0 : sizeOf(entry, ({ kind }) => kind === SectionKind.Series || kind === SectionKind.Profiles);
    case "series":
      return sizeOf(entry, ({ kind }) => kind === SectionKind.Series || kind === SectionKind.Profiles);
    default: {
      const kinds = new Set(findType(entry, call.selection.profileTypeId).map(({ kindIndex }) => kindIndex));
      if (kinds.size === 0) return 0;
      const { spanIds, traceIds, profileIds } = call.stacks;
      const wanted = new Set<SectionKind>([SectionKind.Profiles]);
      const merges = call.method === "tree" || call.method === "stacks";
      const totalsAnswer = whole && merges && spanIds.length + traceIds.length + profileIds.length === 0;
      if (totalsAnswer) wanted.add(SectionKind.Totals);
      else if (merges || call.method === "spanRows" || filtersSamples(call.stacks)) wanted.add(SectionKind.Samples);
      const symbols = merges || filtersSamples(call.stacks);
      return sizeOf(entry, ({ kind, kindIndex }) =>
        kind === SectionKind.Series || kind === SectionKind.Symbols
          ? symbols || kind === SectionKind.Series
          : kinds.has(kindIndex) && wanted.has(kind),
      );
    }
  }
}

function sizeOf(entry: DatasetEntry, counts: (section: SectionEntry) => boolean): number {
  let sum = 0;
  for (const section of entry.sections) if (counts(section)) sum += section.sizeBytes;
  return sum;
}

/**
 * Groups of datasets that may hold the same row: those of one service whose times overlap, directly or through others. A row that is there
 * twice counts once, and only who sees both can tell.
 */
export function overlappingDatasets(plan: readonly PlannedDataset[]): readonly (readonly PlannedDataset[])[] {
  const byService = Map.groupBy(plan, ({ entry }) => `${entry.tenant}\0${entry.service}`);
  const groups: PlannedDataset[][] = [];
  for (const datasets of byService.values()) {
    let group: PlannedDataset[] = [];
    let endNs = 0n;
    for (const planned of datasets.toSorted((a, b) => (a.entry.minTimeNs < b.entry.minTimeNs ? -1 : 1))) {
      const { minTimeNs, maxTimeNs } = planned.entry;
      if (group.length === 0 || minTimeNs > endNs) {
        group = [];
        groups.push(group);
        endNs = maxTimeNs;
      }
      group.push(planned);
      if (maxTimeNs > endNs) endNs = maxTimeNs;
    }
  }
  return groups;
}

/** Packs groups into parts of about `partBytes`, in their order; a group stays whole. */
export function packParts(
  groups: readonly (readonly PlannedDataset[])[],
  partBytes: number,
  bytesOf: (planned: PlannedDataset) => number,
): readonly PlanPart[] {
  const parts: PlanPart[] = [];
  let datasets: PlannedDataset[] = [];
  let bytes = 0;
  const close = (): void => {
    if (datasets.length > 0) parts.push({ datasets, bytes });
    datasets = [];
    bytes = 0;
  };
  for (const group of groups) {
    const own = group.reduce((sum, planned) => sum + bytesOf(planned), 0);
    if (datasets.length > 0 && (bytes + own > partBytes || datasets.length + group.length > DATASETS_MAX)) close();
    datasets = datasets.concat(group);
    bytes += own;
  }
  close();
  return parts;
}
