import { numberAt, valueAt } from "../kube/object.ts";
import type { Context } from "./context.ts";
import { FIELD_MANAGER } from "./names.ts";
import { workloadOf } from "./rollout.ts";
import type { Role } from "./sizes.ts";

/**
 * How many pods an autoscaled part has until its autoscaler has said a number: those there, within the bounds. Afterwards it is not ours to
 * say. A field that its only owner gives up falls back to one pod, however many carried the load.
 */
export function replicasUntilTaken(context: Context, role: Role): number | undefined {
  const bounds = context.spec[role]?.autoscaling;
  if (bounds === undefined) return undefined;
  const workload = workloadOf(context, role);
  const entries = valueAt(workload, "metadata", "managedFields");
  const isTaken = Array.isArray(entries) && entries.some((entry) => valueAt(entry, "manager") !== FIELD_MANAGER && setsReplicas(entry));
  if (isTaken) return undefined;
  const present = numberAt(workload, "spec", "replicas") ?? bounds.minReplicas;
  return Math.min(bounds.maxReplicas, Math.max(bounds.minReplicas, present));
}

function setsReplicas(entry: unknown): boolean {
  return valueAt(entry, "fieldsV1", "f:spec", "f:replicas") !== undefined;
}
