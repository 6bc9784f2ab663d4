import type { UnixMs } from "../../base/units.ts";
import type { CatalogState, LiveObject, Tombstone } from "../../catalog/catalog.ts";
import { touches, touchesObject } from "../../catalog/tombstones.ts";
import type { CompactionPlan } from "./compaction-plan.ts";
import type { MergeInput, MergeRequest } from "./merge.ts";
import { type Expiry, expiredBeforeNs, isExpired } from "./retention.ts";

export type RewriteOptions = {
  readonly reason: CompactionPlan["reason"];
  readonly level: number;
  readonly objectBytesMax: number;
  readonly tombstones: readonly Tombstone[];
  readonly expiry: Expiry;
};

/** The plan that replaces these objects by blocks of one tenant each, without what is deleted or expired in them. Pure. */
export function rewrite(objects: readonly LiveObject[], options: RewriteOptions): CompactionPlan {
  const byTenant = new Map<string, MergeInput[]>();
  for (const object of objects) {
    for (const dataset of object.datasets) {
      if (isExpired(dataset, options.expiry)) continue;
      const dropped = options.tombstones
        .filter((tombstone) => touches(tombstone, object, dataset))
        .map(({ minTimeNs, maxTimeNs }) => ({ minNs: minTimeNs, maxNs: maxTimeNs }));
      if (dropped.some(({ minNs, maxNs }) => minNs <= dataset.minTimeNs && maxNs >= dataset.maxTimeNs)) continue;
      const expiredBefore = expiredBeforeNs(options.expiry, dataset);
      if (expiredBefore !== undefined && dataset.minTimeNs < expiredBefore)
        dropped.push({ minNs: dataset.minTimeNs, maxNs: expiredBefore - 1n });
      const inputs = byTenant.get(dataset.tenant);
      const input: MergeInput = { key: object.key, dataset, dropped };
      if (inputs === undefined) byTenant.set(dataset.tenant, [input]);
      else inputs.push(input);
    }
  }
  const merges: MergeRequest[] = [...byTenant.keys()]
    .sort()
    .map((tenant) => ({ level: options.level, inputs: byTenant.get(tenant)!, objectBytesMax: options.objectBytesMax }));
  return {
    reason: options.reason,
    inputKeys: objects.map(({ key }) => key),
    inputBytes: objects.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    merges,
    outputCreatedMs: outputCreatedMs(objects, options.tombstones),
  };
}

/**
 * As old as the youngest input, so that a later deletion reaches the output as it would have reached the inputs; but younger than the
 * deletions that are carried out here, or they would be carried out for ever.
 */
function outputCreatedMs(objects: readonly LiveObject[], tombstones: readonly Tombstone[]): UnixMs {
  let createdMs = 0;
  for (const object of objects) createdMs = Math.max(createdMs, object.createdMs);
  for (const tombstone of tombstones) {
    if (objects.some((object) => touchesObject(tombstone, object))) createdMs = Math.max(createdMs, tombstone.createdMs + 1);
  }
  return createdMs as UnixMs;
}

/**
 * Whether a plan still does what it should: a deletion that came after it was made, reaches an input and would not reach the output must not
 * be undone.
 */
export function missesDeletion(plan: CompactionPlan, planned: readonly Tombstone[], state: CatalogState): boolean {
  const known = new Set(planned.map(({ id }) => id));
  return state.tombstones.some(
    (tombstone) =>
      !known.has(tombstone.id) &&
      tombstone.createdMs < plan.outputCreatedMs &&
      plan.inputKeys.some((key) => {
        const object = state.objects.get(key);
        return object !== undefined && touchesObject(tombstone, object);
      }),
  );
}
