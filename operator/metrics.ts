import { counter, gauge, histogram, type Registry } from "../pipeline/base/metrics.ts";

export type OperatorMetrics = ReturnType<typeof operatorMetrics>;

/** All metrics of the operator. */
export function operatorMetrics(registry: Registry, live: { readonly queued: () => number; readonly leading: () => boolean }) {
  gauge(registry, {
    name: "brazier_operator_queue_keys",
    help: "Stacks that wait to be looked at, those of later included.",
    collect: (metric) => metric.set(live.queued()),
  });
  gauge(registry, {
    name: "brazier_operator_leading",
    help: "1 while this process is the one that acts.",
    collect: (metric) => metric.set(live.leading() ? 1 : 0),
  });
  return {
    reconciles: counter(registry, {
      name: "brazier_operator_reconciles_total",
      help: "Reconciliations, by how they ended.",
      labelNames: ["outcome"],
    }),
    seconds: histogram(registry, { name: "brazier_operator_reconcile_seconds", help: "How long a reconciliation took." }),
    calls: counter(registry, {
      name: "brazier_operator_api_calls_total",
      help: "Requests to the API server, watches not included; code 0 got no answer.",
      labelNames: ["verb", "kind", "code"],
    }),
  };
}
