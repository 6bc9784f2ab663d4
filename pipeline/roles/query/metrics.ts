import { counter, gauge, histogram, type Registry } from "../../base/metrics.ts";
import type { DiskCache } from "./disk-cache/keeper.ts";
import type { FairTurns } from "./fair-turns.ts";
import type { QueryThreads } from "./query-threads.ts";

export type QueryMetrics = ReturnType<typeof createQueryMetrics>;

/** All metrics of the query role. */
export function createQueryMetrics(
  registry: Registry,
  {
    turns,
    threads,
    diskCache,
    partsAtWork,
  }: {
    readonly turns: FairTurns;
    readonly threads: QueryThreads;
    readonly diskCache: DiskCache | undefined;
    readonly partsAtWork: () => number;
  },
) {
  gauge(registry, {
    name: "brazier_query_running",
    help: "questions that are being answered",
    collect: (metric) => metric.set(turns.running),
  });
  gauge(registry, {
    name: "brazier_query_waiting",
    help: "questions that wait for their turn",
    collect: (metric) => metric.set(turns.waiting),
  });
  gauge(registry, {
    name: "brazier_query_in_flight",
    help: "questions that are being answered or wait for their turn: what to scale queriers by",
    collect: (metric) => metric.set(turns.running + turns.waiting),
  });
  gauge(registry, {
    name: "brazier_query_parts_running",
    help: "parts of other queriers' questions that are being answered",
    collect: (metric) => metric.set(partsAtWork()),
  });
  gauge(registry, {
    name: "brazier_query_cache_bytes",
    help: "memory of the decoded sections that query threads keep",
    collect: (metric) => metric.set(threads.cacheBytes),
  });
  gauge(registry, {
    name: "brazier_query_disk_cache_bytes",
    help: "ranges of the bucket kept in query.cache_dir",
    collect: (metric) => metric.set(diskCache?.usedBytes ?? 0),
  });
  return {
    seconds: histogram(registry, {
      name: "brazier_query_duration_seconds",
      help: "time of a question from its turn to its answer, by kind",
      labelNames: ["kind"],
    }),
    questions: counter(registry, {
      name: "brazier_queries_total",
      help: "questions by kind and outcome: answered, cancelled, or the code of the fault",
      labelNames: ["kind", "outcome"],
    }),
    readBytes: counter(registry, {
      name: "brazier_query_read_bytes_total",
      help: "bytes of sections that were in no query thread's memory",
    }),
    parts: counter(registry, {
      name: "brazier_query_parts_total",
      help: "parts of questions by side (asked of peers, answered for peers) and outcome; what no peer answered was answered here",
      labelNames: ["side", "outcome"],
    }),
    cacheHits: counter(registry, { name: "brazier_query_cache_hits_total", help: "sections that were in a query thread's memory" }),
    diskHits: counter(registry, { name: "brazier_query_disk_cache_hits_total", help: "ranges of the bucket that were in query.cache_dir" }),
    cacheMisses: counter(registry, { name: "brazier_query_cache_misses_total", help: "sections that were not in a query thread's memory" }),
  };
}
