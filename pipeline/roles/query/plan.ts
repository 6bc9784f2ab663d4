import type { DatasetEntry } from "../../block/directory.ts";
import type { CatalogState, LiveObject } from "../../catalog/catalog.ts";
import { touches } from "../../catalog/tombstones.ts";
import type { Selection } from "./engine-interface.ts";
import { compileMatchers } from "./matcher.ts";

/** Times in ns since 1970, both inclusive. */
export type TimeRange = { readonly minNs: bigint; readonly maxNs: bigint };

/** A dataset that may hold something of a selection. */
export type PlannedDataset = {
  readonly object: LiveObject;
  readonly entry: DatasetEntry;
  /** What of it was asked for. */
  readonly range: TimeRange;
  /** Whether every row's time is in the range. */
  readonly wholeInRange: boolean;
  /** Deleted times: rows in them do not exist for a reader. */
  readonly deleted: readonly TimeRange[];
};

/**
 * Finds the datasets of a selection in the catalog: by tenant, time and service. Pure.
 *
 * Shape: ordered by tenant, service and age, so that the same state gives the same plan.
 */
export function planDatasets(state: CatalogState, selection: Selection): readonly PlannedDataset[] {
  const range = rangeOf(selection);
  const tenants = new Set<string>(selection.tenants);
  const serviceMatchers = compileMatchers(selection.matchers).filter(({ name }) => name === "service_name" || name === "__service_name__");
  const services = new Map<string, boolean>();
  const serviceMatches = (service: string): boolean => {
    const known = services.get(service);
    if (known !== undefined) return known;
    const matches = serviceMatchers.every((matcher) => matcher.matches(service));
    services.set(service, matches);
    return matches;
  };
  const planned: PlannedDataset[] = [];
  for (const object of state.objects.values()) {
    for (const entry of object.datasets) {
      if (!tenants.has(entry.tenant) || entry.maxTimeNs < range.minNs || entry.minTimeNs > range.maxNs || !serviceMatches(entry.service))
        continue;
      planned.push({
        object,
        entry,
        range,
        wholeInRange: entry.minTimeNs >= range.minNs && entry.maxTimeNs <= range.maxNs,
        deleted: state.tombstones
          .filter((tombstone) => touches(tombstone, object, entry))
          .map((t) => ({ minNs: t.minTimeNs, maxNs: t.maxTimeNs })),
      });
    }
  }
  return planned.sort(
    (a, b) => compare(a.entry.tenant, b.entry.tenant) || compare(a.entry.service, b.entry.service) || compare(a.object.key, b.object.key),
  );
}

/** A selection's times as inclusive ns: its start counts, its end does not. */
function rangeOf(selection: Selection): TimeRange {
  return { minNs: BigInt(selection.startMs) * 1_000_000n, maxNs: BigInt(selection.endMs) * 1_000_000n - 1n };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
