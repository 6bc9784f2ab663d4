import { systemClock } from "../base/clock.ts";
import { rebuildCatalog as rebuild } from "../catalog/rebuild.ts";
import { openDirectoryStore } from "../objects/directory.ts";

/** `brazier rebuild-catalog`: for a data directory whose server refuses to start because the catalog is damaged. */
export async function rebuildCatalog({ data }: { readonly data: string }): Promise<void> {
  const store = await openDirectoryStore({ path: data, clock: systemClock });
  try {
    const { objects, sizeBytes, skipped } = await rebuild({ store });
    for (const { key, fault } of skipped) process.stdout.write(`left out ${key}: ${fault.rawMessage}\n`);
    process.stdout.write(`a new catalog of ${objects} objects with ${sizeBytes} bytes; ${skipped.length} damaged ones were left out\n`);
  } finally {
    await store.close();
  }
}
