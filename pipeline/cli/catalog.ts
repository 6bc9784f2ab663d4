import { systemClock } from "../base/clock.ts";
import { isCoded } from "../base/errors.ts";
import { SECOND_MS } from "../base/units.ts";
import { type Checked, checkCatalog } from "../catalog/check.ts";
import { rebuildCatalog } from "../catalog/rebuild.ts";
import { attachStore, openStore } from "../objects/open-store.ts";
import { storeLocation } from "../store-location.ts";
import { type SettingsOptions, settings } from "./settings.ts";

/*
 * `brazier catalog …`: for a bucket that is in doubt. Progress of long work goes to standard error, so that the answer can be piped.
 */

/** Exit 1 when the catalog names what is not there or is damaged, or cannot be read itself. */
export async function checkBucket(options: SettingsOptions & { readonly deep?: boolean; readonly json?: boolean }): Promise<void> {
  const store = await attachStore(storeLocation(settings(options).loaded.config));
  try {
    const checked = await checkCatalog({ store, deep: options.deep === true, onProgress: progress("checked") });
    process.stdout.write(
      options.json === true ? `${JSON.stringify({ ok: checked.findings.length === 0, ...checked })}\n` : report(checked),
    );
    if (checked.findings.length > 0) process.exitCode = 1;
  } catch (error) {
    if (options.json !== true || !isCoded(error) || !error.code.startsWith("catalog_")) throw error;
    process.stdout.write(`${JSON.stringify({ ok: false, code: error.code, message: error.rawMessage })}\n`);
    process.exitCode = 1;
  } finally {
    await store.close();
  }
}

/** For a bucket whose server refuses to start because the catalog is damaged. */
export async function rebuildBucket(options: SettingsOptions): Promise<void> {
  const store = await openStore(storeLocation(settings(options).loaded.config), { clock: systemClock });
  try {
    const { objects, sizeBytes, skipped } = await rebuildCatalog({ store, onProgress: progress("read") });
    for (const { key, fault } of skipped) process.stdout.write(`left out ${key}: ${fault.rawMessage}\n`);
    process.stdout.write(`a new catalog of ${objects} objects with ${sizeBytes} bytes; ${skipped.length} damaged ones were left out\n`);
  } finally {
    await store.close();
  }
}

function report({ version, checkpointVersion, objects, sizeBytes, findings, unreferenced }: Checked): string {
  const lines = findings.map(({ what, key, message }) => `${what} ${key}: ${message}`);
  lines.push(`version ${version} (checkpoint ${checkpointVersion}): ${objects} objects with ${sizeBytes} bytes, ${findings.length} faults`);
  if (unreferenced.objects > 0) {
    lines.push(
      `${unreferenced.objects} more objects with ${unreferenced.sizeBytes} bytes are in no entry: on their way in, or waiting to be swept`,
    );
  }
  return `${lines.join("\n")}\n`;
}

const PROGRESS_EVERY_MS = 5 * SECOND_MS;

function progress(verb: string): (done: number, total: number) => void {
  let saidMs = systemClock.monotonicMs();
  return (done, total) => {
    if (systemClock.monotonicMs() - saidMs < PROGRESS_EVERY_MS) return;
    saidMs = systemClock.monotonicMs();
    process.stderr.write(`${verb} ${done} of ${total} objects\n`);
  };
}
