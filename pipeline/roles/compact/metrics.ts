import { counter, gauge, histogram, type Registry } from "../../base/metrics.ts";
import type { Catalog } from "../../catalog/catalog.ts";

export type CompactMetrics = ReturnType<typeof createCompactMetrics>;

/** What is due to be merged, whoever does it. */
export type Due = { readonly objects: number; readonly sizeBytes: number };

/** All metrics of the compact role. */
export function createCompactMetrics(registry: Registry, catalog: Catalog, due: () => Due) {
  gauge(registry, {
    name: "brazier_catalog_live_objects",
    help: "segments and blocks in the catalog",
    collect: (metric) => metric.set(catalog.state.objects.size),
  });
  gauge(registry, {
    name: "brazier_catalog_version",
    help: "version of the catalog",
    collect: (metric) => metric.set(catalog.state.version),
  });
  gauge(registry, {
    name: "brazier_compaction_due_objects",
    help: "objects that are due to be merged, those that any worker is merging included; the same in every compactor",
    collect: (metric) => metric.set(due().objects),
  });
  gauge(registry, {
    name: "brazier_compaction_due_bytes",
    help: "bytes of the objects that are due to be merged: what to scale compactors by",
    collect: (metric) => metric.set(due().sizeBytes),
  });
  return {
    compactions: counter(registry, {
      name: "brazier_compactions_total",
      help: "compactions by reason and outcome",
      labelNames: ["reason", "outcome"],
    }),
    readBytes: counter(registry, { name: "brazier_compaction_read_bytes_total", help: "bytes of the objects that compactions replaced" }),
    writtenBytes: counter(registry, { name: "brazier_compaction_written_bytes_total", help: "bytes of the blocks that compactions wrote" }),
    seconds: histogram(registry, { name: "brazier_compaction_duration_seconds", help: "time of a compaction from plan to commit" }),
    orphans: counter(registry, {
      name: "brazier_orphan_objects_total",
      help: "objects found that nothing points to and nobody here retired",
    }),
    swept: counter(registry, { name: "brazier_swept_objects_total", help: "objects deleted because nothing points to them" }),
  };
}
