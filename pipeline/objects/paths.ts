import { assert } from "../base/assert.ts";
import { CodedError, FaultKind } from "../base/errors.ts";

/*
 * The only place that spells object keys (architecture.md 6). A key is `/`-separated parts of letters, digits and a few
 * marks that every store and every file system takes as they are; what may hold anything else (a tenant) is escaped here.
 *
 *   segments/<object id>                 fresh from the queue, of many tenants
 *   blocks/<tenant>/<object id>          compacted, of one tenant
 *   catalog/<shard>/log/<20 digits>      one change
 *   catalog/<shard>/checkpoint/<20 digits>
 *   inbox/<object id>                    a message too large for the queue
 *   dead/<object id>                     a message nobody can read
 *   leases/compact/<20 digits>           who compacts what
 *   probe/<object id>                    written and removed again, to see whether a write can succeed
 */

export const SEGMENTS_PREFIX = "segments/";
export const BLOCKS_PREFIX = "blocks/";
export const DEAD_PREFIX = "dead/";
export const INBOX_PREFIX = "inbox/";
export const COMPACT_LEASES_PREFIX = "leases/compact/";

export function segmentKey(objectId: string): string {
  return `${SEGMENTS_PREFIX}${objectId}`;
}

export function blockKey(tenant: string, objectId: string): string {
  return `${BLOCKS_PREFIX}${escapePart(tenant)}/${objectId}`;
}

export function inboxKey(objectId: string): string {
  return `${INBOX_PREFIX}${objectId}`;
}

export function deadKey(objectId: string): string {
  return `${DEAD_PREFIX}${objectId}`;
}

export function probeKey(objectId: string): string {
  return `probe/${objectId}`;
}

export function catalogLogPrefix(shard: number): string {
  return `catalog/${shard}/log/`;
}

export function catalogLogKey(shard: number, version: number): string {
  return catalogLogPrefix(shard) + versionDigits(version);
}

export function catalogCheckpointPrefix(shard: number): string {
  return `catalog/${shard}/checkpoint/`;
}

export function catalogCheckpointKey(shard: number, version: number): string {
  return catalogCheckpointPrefix(shard) + versionDigits(version);
}

/** A version of a register, see `register.ts`. */
export function registerKey(prefix: string, version: number): string {
  return prefix + versionDigits(version);
}

/** The version at the end of a log, checkpoint or register key; undefined for a foreign object under the same prefix. */
export function catalogVersion(key: string, prefix: string): number | undefined {
  const digits = key.slice(prefix.length);
  return key.startsWith(prefix) && /^\d{20}$/.test(digits) && Number.isSafeInteger(Number(digits)) ? Number(digits) : undefined;
}

/** The object id at the end of a segment's or block's key; undefined for anything that is not ours, which nobody may delete. */
export function objectIdOfKey(key: string): string | undefined {
  return /^(?:segments|blocks\/[^/]+)\/([0-9a-f]{28})$/.exec(key)?.[1];
}

/** The object id at the end of an inbox key; undefined for anything that is not ours. */
export function inboxIdOfKey(key: string): string | undefined {
  return /^inbox\/([0-9a-f]{28})$/.exec(key)?.[1];
}

const KEY_BYTES_MAX = 1024;
/** A part starts with neither a dot (hidden files, `.` and `..`) nor nothing. 255: the longest file name of common file systems. */
const KEY_PART = /^(?!\.)[A-Za-z0-9!_.*'()%-]{1,255}$/;

/** Errors: `object_key_invalid`. */
export function checkKey(key: string): void {
  if (key.length <= KEY_BYTES_MAX && key.split("/").every((part) => KEY_PART.test(part))) return;
  throw new CodedError(
    "object_key_invalid",
    FaultKind.Invalid,
    `object key is not one that paths.ts builds: ${JSON.stringify(key.slice(0, 200))}`,
    {
      facts: { key },
    },
  );
}

export function isKey(text: string): boolean {
  return text.length <= KEY_BYTES_MAX && text.split("/").every((part) => KEY_PART.test(part));
}

/** Percent-encodes what a key part cannot hold; different texts give different parts. */
function escapePart(text: string): string {
  assert(text.length > 0, "a part of a key is not empty");
  return encodeURIComponent(text).replaceAll("~", "%7E").replace(/^\./, "%2E");
}

function versionDigits(version: number): string {
  assert(Number.isSafeInteger(version), "a catalog version is a whole number");
  assert(version >= 0, "a catalog version is not negative");
  return String(version).padStart(20, "0");
}
