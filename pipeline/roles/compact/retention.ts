import { DAY_MS, type UnixMs } from "../../base/units.ts";
import type { DatasetEntry } from "../../block/directory.ts";

/** How long profiles of a service are kept, in ms; 0 keeps them for ever. */
export type RetentionMs = (tenant: string, service: string) => number;

export type Expiry = { readonly nowMs: UnixMs; readonly retentionMs: RetentionMs };

/** Profiles before this time (ns) have outlived their retention; undefined when they are kept for ever. */
export function expiredBeforeNs({ nowMs, retentionMs }: Expiry, entry: Pick<DatasetEntry, "tenant" | "service">): bigint | undefined {
  const keptMs = retentionMs(entry.tenant, entry.service);
  return keptMs <= 0 ? undefined : BigInt(Math.floor(nowMs - keptMs)) * 1_000_000n;
}

/** Whether nothing of a dataset is to be kept. */
export function isExpired(entry: DatasetEntry, expiry: Expiry): boolean {
  const before = expiredBeforeNs(expiry, entry);
  return before !== undefined && entry.maxTimeNs < before;
}

/** A block spans a day at most when its profiles came in time: within that, waiting for the whole to expire saves rewriting it. */
const OVERDUE_NS = BigInt(DAY_MS) * 1_000_000n;

/** Whether an object is to be rewritten only because of what expired in it: a whole dataset, or rows that are overdue by a day. */
export function isWorthRewriting(entry: DatasetEntry, expiry: Expiry): boolean {
  const before = expiredBeforeNs(expiry, entry);
  return before !== undefined && (entry.maxTimeNs < before || entry.minTimeNs < before - OVERDUE_NS);
}
