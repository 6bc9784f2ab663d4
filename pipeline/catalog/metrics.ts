import { counter, type Registry } from "../base/metrics.ts";
import type { BucketCatalog } from "./bucket-catalog.ts";

/** What this process adds to the log, and how often it has to wait for others there. */
export function observeCatalog(catalog: BucketCatalog, registry: Registry): void {
  counter(registry, {
    name: "brazier_catalog_commits_total",
    help: "entries that this process has written to the catalog's log",
    collect: (metric) => metric.inc(catalog.commits),
  });
  counter(registry, {
    name: "brazier_catalog_conflicts_total",
    help: "changes of the catalog that were made anew because another process had written the next entry",
    collect: (metric) => metric.inc(catalog.conflicts),
  });
}
