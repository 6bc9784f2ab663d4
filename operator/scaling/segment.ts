import type { Context } from "../desired/context.ts";
import { workloadOf } from "../desired/rollout.ts";
import { numberAt } from "../kube/object.ts";
import { segmentBounds } from "./bounds.ts";
import { decideReplicas, type ScalingDecision } from "./decide.ts";

/** How many segment workers the operator decides on; undefined where it does not. Pure: asked twice, it says the same. */
export function segmentDecision(context: Pick<Context, "spec" | "key" | "observed">): ScalingDecision | undefined {
  const bounds = segmentBounds(context.spec);
  if (bounds === undefined || context.spec.segment?.autoscaling?.by === "KEDA") return undefined;
  const current = numberAt(workloadOf(context, "segment"), "spec", "replicas");
  if (current === undefined) return { replicas: bounds.min, reason: "begins with minReplicas" };
  return decideReplicas(context.observed.lag, bounds, current);
}
