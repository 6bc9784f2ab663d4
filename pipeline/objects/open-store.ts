import type { Clock } from "../base/clock.ts";
import { attachDirectoryStore, openDirectoryStore } from "./directory.ts";
import type { StoreLocation } from "./location.ts";
import type { ObjectStore } from "./object-store.ts";
import { S3Tally } from "./s3-tally.ts";

export type OpenStoreOptions = {
  readonly clock?: Clock;
  /** Told once when a directory holds something that is not an object. */
  readonly onForeign?: (path: string) => void;
};

/** Opens a bucket for a process; a directory that is not shared is then its own. Errors: those of the store. */
export async function openStore(location: StoreLocation, options: OpenStoreOptions = {}): Promise<ObjectStore> {
  return location.kind === "directory" ? openDirectoryStore({ ...location, ...options }) : openS3(location, options);
}

/** The same bucket on another thread of a process that has it open. */
export async function attachStore(location: StoreLocation): Promise<ObjectStore> {
  return location.kind === "directory" ? attachDirectoryStore(location) : openS3(location, {});
}

/** The library takes memory and time: only where there is an S3. */
async function openS3({ settings, tally }: Extract<StoreLocation, { kind: "s3" }>, { clock }: OpenStoreOptions): Promise<ObjectStore> {
  const { openS3Store } = await import("./s3.ts");
  return openS3Store(settings, { ...(clock && { clock }), ...(tally && { tally: new S3Tally(tally) }) });
}
