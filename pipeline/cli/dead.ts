import { systemClock } from "../base/clock.ts";
import { CodedError, FaultKind, isCoded } from "../base/errors.ts";
import { systemRandom } from "../base/random.ts";
import { openCatalog } from "../catalog/bucket-catalog.ts";
import type { ObjectStore } from "../objects/object-store.ts";
import { attachStore, openStore } from "../objects/open-store.ts";
import { DEAD_PREFIX, deadKey } from "../objects/paths.ts";
import { type DeadLetterHead, HEAD_BYTES_MAX, readDeadLetter } from "../roles/segment/dead-letter.ts";
import { replayDeadLetter } from "../roles/segment/replay.ts";
import { isExclusive, storeLocation } from "../store-location.ts";
import { type SettingsOptions, settings } from "./settings.ts";

/*
 * `brazier dead …`: messages that could not be read lie in the bucket with their reason. Listing and showing only read; replaying writes to the
 * catalog, and so needs a directory for itself.
 */

export async function listDead(options: SettingsOptions & { readonly json?: boolean }): Promise<void> {
  const store = await readingStore(options);
  let count = 0;
  try {
    for await (const { key, sizeBytes } of store.list(DEAD_PREFIX)) {
      const id = key.slice(DEAD_PREFIX.length);
      const head = await headOf(store, key);
      count++;
      const line = options.json === true ? JSON.stringify({ id, object_bytes: sizeBytes, ...head }) : row(id, head);
      process.stdout.write(`${line}\n`);
    }
  } finally {
    await store.close();
  }
  if (options.json !== true) process.stdout.write(count === 0 ? "no dead letters\n" : `${count} dead letters\n`);
}

/** The head of a letter; with `raw` the message itself, as it was in the queue. */
export async function showDead(id: string, options: SettingsOptions & { readonly raw?: boolean }): Promise<void> {
  const store = await readingStore(options);
  try {
    const { head, message } = readDeadLetter(await store.get(deadKey(id)).catch((error: unknown) => unknown(id, error)));
    process.stdout.write(options.raw === true ? message : `${JSON.stringify(head, null, 2)}\n`);
  } finally {
    await store.close();
  }
}

/** Exit 1 when one of them still cannot be read; the others are stored all the same. */
export async function replayDead(ids: readonly string[], options: SettingsOptions & { readonly all?: boolean }): Promise<void> {
  if ((options.all === true) === ids.length > 0) {
    throw new CodedError("flag_invalid", FaultKind.Invalid, "name the dead letters to replay, or say --all");
  }
  const { config } = settings(options).loaded;
  const store = await openStore(storeLocation(config), { clock: systemClock });
  try {
    const deps = { store, clock: systemClock, random: systemRandom };
    const catalog = await openCatalog({ ...deps, exclusive: isExclusive(config) });
    const chosen = [...ids];
    if (options.all === true) for await (const { key } of store.list(DEAD_PREFIX)) chosen.push(key.slice(DEAD_PREFIX.length));
    let failed = 0;
    for (const id of chosen) {
      try {
        process.stdout.write(`${id}: stored as ${await replayDeadLetter(id, { ...deps, catalog })}\n`);
      } catch (error) {
        if (!isCoded(error)) throw error;
        failed++;
        process.stdout.write(`${id}: ${error.code}: ${error.rawMessage}\n`);
      }
    }
    await catalog.close();
    process.stdout.write(`${chosen.length - failed} replayed, ${failed} left\n`);
    if (failed > 0) process.exitCode = 1;
  } finally {
    await store.close();
  }
}

function readingStore(options: SettingsOptions): Promise<ObjectStore> {
  return attachStore(storeLocation(settings(options).loaded.config));
}

async function headOf(store: ObjectStore, key: string): Promise<DeadLetterHead | { readonly code: string; readonly reason: string }> {
  try {
    return readDeadLetter(await store.getRange(key, 0, HEAD_BYTES_MAX)).head;
  } catch (error) {
    if (!isCoded(error)) throw error;
    return { code: error.code, reason: error.rawMessage };
  }
}

function row(id: string, head: Partial<DeadLetterHead> & { readonly code: string; readonly reason: string }): string {
  const at = head.at_ms === undefined ? "-" : new Date(head.at_ms).toISOString();
  return `${id}  ${at}  ${String(head.size_bytes ?? "-").padStart(9)} bytes  ${head.code}: ${head.reason}`;
}

function unknown(id: string, error: unknown): never {
  if (!isCoded(error, "object_not_found")) throw error;
  throw new CodedError("dead_letter_unknown", FaultKind.NotFound, `there is no dead letter ${id}: \`brazier dead list\` shows them`);
}
