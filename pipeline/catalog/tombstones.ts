import type { DatasetEntry } from "../block/directory.ts";
import type { LiveObject, Tombstone } from "./catalog.ts";

/** Whether a deletion may take rows out of a dataset: only out of those of objects that were created before it. */
export function touches(tombstone: Tombstone, object: Pick<LiveObject, "createdMs">, entry: DatasetEntry): boolean {
  return (
    object.createdMs <= tombstone.createdMs &&
    tombstone.tenant === entry.tenant &&
    (tombstone.service === undefined || tombstone.service === entry.service) &&
    tombstone.minTimeNs <= entry.maxTimeNs &&
    tombstone.maxTimeNs >= entry.minTimeNs
  );
}

export function touchesObject(tombstone: Tombstone, object: LiveObject): boolean {
  return object.datasets.some((entry) => touches(tombstone, object, entry));
}
