import { systemClock } from "../base/clock.ts";
import { rebuildCatalog as rebuild } from "../catalog/rebuild.ts";
import { openStore } from "../objects/open-store.ts";
import { storeLocation } from "../store-location.ts";
import { type SettingsOptions, settings } from "./settings.ts";

/** `brazier rebuild-catalog`: for a bucket whose server refuses to start because the catalog is damaged. */
export async function rebuildCatalog(options: SettingsOptions): Promise<void> {
  const store = await openStore(storeLocation(settings(options).loaded.config), { clock: systemClock });
  try {
    const { objects, sizeBytes, skipped } = await rebuild({ store });
    for (const { key, fault } of skipped) process.stdout.write(`left out ${key}: ${fault.rawMessage}\n`);
    process.stdout.write(`a new catalog of ${objects} objects with ${sizeBytes} bytes; ${skipped.length} damaged ones were left out\n`);
  } finally {
    await store.close();
  }
}
