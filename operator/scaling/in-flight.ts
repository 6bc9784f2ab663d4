import type { Context } from "../desired/context.ts";
import { objectName } from "../desired/names.ts";
import { valueAt } from "../kube/object.ts";
import type { ProfilingStackSpec } from "../types/profiling-stack.ts";

/** Questions that a querier has, running and waiting; what a metrics adapter must offer for pods under just this name. */
export const IN_FLIGHT_METRIC = "brazier_query_in_flight";
export const METRICS_GROUP = "custom.metrics.k8s.io";

/** What the cluster's custom metrics say of {@link IN_FLIGHT_METRIC}; silent is an adapter that is there and does not answer. */
export type MetricOffer = "offered" | "not_offered" | "not_served" | "silent";

/** From the names that each version of the group serves; undefined is a version that the cluster does not know. */
export function offerOf(versions: readonly (readonly string[] | undefined)[]): MetricOffer {
  const names = versions.filter((names) => names !== undefined);
  if (names.length === 0) return "not_served";
  return names.flat().includes(`pods/${IN_FLIGHT_METRIC}`) ? "offered" : "not_offered";
}

export function wantsInFlight(spec: ProfilingStackSpec): boolean {
  return (spec.query?.autoscaling?.targetInFlight ?? 0) > 0;
}

/**
 * Questions for each querier that its autoscaler aims at; undefined leaves it to CPU. An autoscaler with a metric that nobody offers removes no
 * pods, so it gets only what is there; while the adapter is silent, it keeps what it has.
 */
export function inFlightTarget({ spec, key, observed }: Pick<Context, "spec" | "key" | "observed">): number | undefined {
  if (!wantsInFlight(spec)) return undefined;
  const target = spec.query?.autoscaling?.targetInFlight;
  if (observed.inFlight === "silent") return hasInFlight(observed.owned, objectName(key, "query")) ? target : undefined;
  return observed.inFlight === "offered" ? target : undefined;
}

function hasInFlight(owned: Context["observed"]["owned"], name: string): boolean {
  const autoscaler = owned.find(({ kind, metadata }) => kind === "HorizontalPodAutoscaler" && metadata.name === name);
  const metrics = valueAt(autoscaler, "spec", "metrics");
  return Array.isArray(metrics) && metrics.some((metric) => valueAt(metric, "pods", "metric", "name") === IN_FLIGHT_METRIC);
}
