import type { BucketCatalog } from "./catalog/bucket-catalog.ts";
import type { ReadyCheck } from "./http/readiness.ts";
import { type ProbeDeps, probeRead, probeWrite } from "./objects/probe.ts";
import type { RoleName } from "./roles.ts";

export type CheckedParts = ProbeDeps & {
  /** Resolves when the queue does its work. */
  readonly checkQueue: () => Promise<void>;
  readonly catalog: Pick<BucketCatalog, "refresh">;
  /** No other process writes this catalog: what is in memory is the newest. */
  readonly exclusive: boolean;
};

/**
 * What the roles of this process cannot do without. Ingest needs the queue, and the bucket only where the queue is in this process and answers a
 * push when it is stored. Segment and compact need a bucket that takes writes, query one that can be read; these three need a catalog
 * that is not stale.
 */
export function readyChecks(parts: CheckedParts, roles: readonly RoleName[]): readonly ReadyCheck[] {
  const has = (...wanted: readonly RoleName[]): boolean => wanted.some((role) => roles.includes(role));
  const checks: ReadyCheck[] = [];
  if (has("segment", "compact")) checks.push({ name: "bucket", look: () => probeWrite(parts) });
  else if (has("query")) checks.push({ name: "bucket", look: () => probeRead(parts) });
  if (has("ingest", "segment")) checks.push({ name: "queue", look: () => parts.checkQueue() });
  if (has("segment", "compact", "query") && !parts.exclusive)
    checks.push({ name: "catalog", look: async () => void (await parts.catalog.refresh()) });
  return checks;
}
