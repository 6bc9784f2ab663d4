import type { Clock } from "../../base/clock.ts";
import type { Random } from "../../base/random.ts";
import { HOUR_MS, type UnixMs } from "../../base/units.ts";
import type { Catalog, CatalogState, Tombstone } from "../../catalog/catalog.ts";
import { touchesObject } from "../../catalog/tombstones.ts";
import { newObjectId } from "../../objects/object-id.ts";

/** What to delete; times in ns since 1970, both inclusive; without a service all of the tenant's. */
export type Deletion = {
  readonly tenant: string;
  readonly service: string | undefined;
  readonly minTimeNs: bigint;
  readonly maxTimeNs: bigint;
};

/** Deletes profiles that were stored before now: readers no longer see them once this resolves, compaction removes their bytes. */
export async function deleteProfiles(
  deletion: Deletion,
  deps: { readonly catalog: Catalog; readonly clock: Clock; readonly random: Random },
): Promise<Tombstone> {
  const { catalog, clock, random } = deps;
  const tombstone: Tombstone = { ...deletion, id: newObjectId(clock, random), createdMs: clock.nowMs() };
  await catalog.commit(() => ({ added: [], retired: [], consumed: [], tombstonesAdded: [tombstone], tombstonesDropped: [] }));
  return tombstone;
}

/** A segment that was built before a deletion may be committed after it; an hour is beyond any commit. */
const KEEP_MS = HOUR_MS;

/** Ids of tombstones that are carried out: no live object has anything that they touch, and none can come any more. */
export function carriedOut(state: CatalogState, nowMs: UnixMs): readonly string[] {
  const old = state.tombstones.filter(({ createdMs }) => nowMs - createdMs > KEEP_MS);
  if (old.length === 0) return [];
  const objects = [...state.objects.values()];
  return old.filter((tombstone) => !objects.some((object) => touchesObject(tombstone, object))).map(({ id }) => id);
}
