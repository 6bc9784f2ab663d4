import type { Clock } from "../base/clock.ts";
import { isCoded } from "../base/errors.ts";
import type { Random } from "../base/random.ts";
import { KIB } from "../base/units.ts";
import { objectError } from "./errors.ts";
import { newObjectId } from "./object-id.ts";
import type { ObjectStore } from "./object-store.ts";
import { probeKey } from "./paths.ts";

export type ProbeDeps = { readonly store: ObjectStore; readonly clock: Clock; readonly random: Random };

const PROBE_BYTES = new TextEncoder().encode("probe");
/** As large as a small segment: the last few free bytes of a disk are no place for a profile. */
const WRITE_PROBE_BYTES = new Uint8Array(64 * KIB);

/**
 * Finds out at start whether a bucket keeps the one promise that everything stands on: of two creators of a key, one wins.
 *
 * Errors: `object_store_unsuitable` (invalid) when the second create succeeds, and whatever the store throws.
 */
export async function probeCreate({ store, clock, random }: ProbeDeps): Promise<void> {
  const key = probeKey(newObjectId(clock, random));
  await store.create(key, PROBE_BYTES);
  try {
    await store.create(key, PROBE_BYTES);
  } catch (error) {
    if (isCoded(error, "object_exists")) return;
    throw error;
  } finally {
    await store.delete(key);
  }
  throw objectError(
    "object_store_unsuitable",
    `${store.description} overwrites objects on create: use a bucket that supports if-none-match (S3, GCS, Azure, R2, MinIO, versitygw)`,
    { store: store.description },
  );
}

/** Whether a write can succeed now: what `/ready` stands on. Errors: those of {@link ObjectStore.create}. */
export async function probeWrite({ store, clock, random }: ProbeDeps): Promise<void> {
  const key = probeKey(newObjectId(clock, random));
  await store.create(key, WRITE_PROBE_BYTES);
  await store.delete(key);
}

/** Whether the bucket can be read now: it is asked for what is not there. Errors: those of {@link ObjectStore.getRange}, but `object_not_found`. */
export async function probeRead({ store, clock, random }: ProbeDeps): Promise<void> {
  try {
    await store.getRange(probeKey(newObjectId(clock, random)), 0, 1);
  } catch (error) {
    if (!isCoded(error, "object_not_found")) throw error;
  }
}
