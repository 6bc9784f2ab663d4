import type { UnixMs } from "../../pipeline/base/units.ts";
import type { Context } from "../desired/context.ts";
import { objectName } from "../desired/names.ts";
import { workloadOf } from "../desired/rollout.ts";
import { kedaAutoscalerName } from "../desired/scaled-object.ts";
import { conditionAt, numberAt, textAt } from "../kube/object.ts";
import { COMPACT } from "../scaling/compact.ts";
import { type CountedPart, decisionOf } from "../scaling/counted-part.ts";
import { IN_FLIGHT_METRIC, inFlightTarget, METRICS_GROUP } from "../scaling/in-flight.ts";
import { SEGMENT, segmentBounds } from "../scaling/segment.ts";
import type { ProfilingStackStatus } from "../types/profiling-stack.ts";
import { isoSeconds } from "./moments.ts";

type Row = NonNullable<ProfilingStackStatus["scaling"]>[number];

/** The number of each part that is decided anew all the time: what it is, between what bounds, who decides and why. Pure. */
export function scalingOf(context: Context, isApplied: boolean, nowMs: UnixMs): readonly Row[] {
  if (context.isDemo) return [];
  return [
    ...autoscaled(context, "ingest"),
    ...counted(context, SEGMENT, isApplied, nowMs),
    ...byKeda(context),
    ...counted(context, COMPACT, isApplied, nowMs),
    ...autoscaled(context, "query"),
  ];
}

/** A decision that was not carried out is not one: what was said before stays. */
function counted(context: Context, part: CountedPart, isApplied: boolean, nowMs: UnixMs): readonly Row[] {
  const { component } = part;
  const [bounds, decision] = [part.rulesOf(context.spec)?.bounds, decisionOf(part, context)];
  if (bounds === undefined || decision === undefined) return [];
  const before = context.observed.stack.status?.scaling?.find((row) => row.component === component);
  if (!isApplied) return before === undefined ? [] : [before];
  const lastScaleTime = before === undefined || before.replicas === decision.replicas ? before?.lastScaleTime : isoSeconds(nowMs);
  return [
    {
      component,
      replicas: decision.replicas,
      minReplicas: bounds.min,
      maxReplicas: bounds.max,
      by: "Operator",
      reason: decision.reason,
      ...(lastScaleTime === undefined ? {} : { lastScaleTime }),
    },
  ];
}

/** What KEDA makes of the ScaledObject; the autoscaler that it makes of that carries the stack's labels, too. */
function byKeda(context: Context): readonly Row[] {
  const { spec, key, observed } = context;
  const bounds = segmentBounds(spec);
  const named = (kind: string, name: string) => observed.owned.find((object) => object.kind === kind && object.metadata.name === name);
  const asked = named("ScaledObject", objectName(key, "segment"));
  if (asked === undefined || bounds === undefined || spec.segment?.autoscaling?.by !== "KEDA") return [];
  const autoscaler = named("HorizontalPodAutoscaler", kedaAutoscalerName(context));
  const { targetWaiting, targetAge } = spec.segment.autoscaling;
  const ready = conditionAt(asked, "Ready");
  const basis = `by messages that wait (${targetWaiting} for each worker) and their age (${targetAge})`;
  const reason =
    ready === undefined
      ? `KEDA has not taken up ScaledObject ${asked.metadata.name} yet: see whether its operator runs`
      : textAt(ready, "status") === "True"
        ? `${basis}${hindrance(autoscaler)}`
        : `KEDA cannot decide: ${textAt(ready, "reason")}: ${textAt(ready, "message")}`;
  const running = numberAt(workloadOf(context, "segment"), "spec", "replicas") ?? bounds.min;
  const lastScaleTime = textAt(autoscaler, "status", "lastScaleTime");
  return [
    {
      component: "segment",
      replicas: numberAt(autoscaler, "status", "desiredReplicas") || running,
      minReplicas: bounds.min,
      maxReplicas: bounds.max,
      by: "KEDA",
      reason: reason.slice(0, 1024),
      ...(lastScaleTime === undefined ? {} : { lastScaleTime }),
    },
  ];
}

/** What a HorizontalPodAutoscaler has decided, in its own words where it cannot decide. */
function autoscaled(context: Context, component: "ingest" | "query"): readonly Row[] {
  const { spec, key, observed } = context;
  const scaling = spec[component]?.autoscaling;
  const autoscaler = observed.owned.find(
    ({ kind, metadata }) => kind === "HorizontalPodAutoscaler" && metadata.name === objectName(key, component),
  );
  if (scaling === undefined || autoscaler === undefined) return [];
  const running = numberAt(workloadOf(context, component), "spec", "replicas") ?? scaling.minReplicas;
  const lastScaleTime = textAt(autoscaler, "status", "lastScaleTime");
  const basis = component === "query" ? queryBasis(context, scaling.targetCpuPercent) : `by CPU (${scaling.targetCpuPercent} %)`;
  return [
    {
      component,
      replicas: numberAt(autoscaler, "status", "desiredReplicas") || running,
      minReplicas: scaling.minReplicas,
      maxReplicas: scaling.maxReplicas,
      by: "HorizontalPodAutoscaler",
      reason: `${basis}${hindrance(autoscaler)}`.slice(0, 1024),
      ...(lastScaleTime === undefined ? {} : { lastScaleTime }),
    },
  ];
}

function queryBasis(context: Context, cpuPercent: number): string {
  const target = inFlightTarget(context);
  if (target !== undefined) return `by CPU (${cpuPercent} %) and questions in flight (${target} for each querier)`;
  const alone = `by CPU (${cpuPercent} %) alone`;
  const remedy = "to scale by questions in flight, too, have an adapter offer it for pods (docs/kubernetes.md, Scaling)";
  switch (context.observed.inFlight) {
    case "not_served":
      return `${alone}: the cluster serves no ${METRICS_GROUP}; ${remedy}`;
    case "not_offered":
      return `${alone}: ${METRICS_GROUP} has no ${IN_FLIGHT_METRIC}; ${remedy}`;
    case "silent":
      return `${alone}: ${METRICS_GROUP} does not answer; see the APIService of that group`;
    default:
      return `${alone}, as spec.query.autoscaling.targetInFlight asks`;
  }
}

/** What an autoscaler's conditions say of why it does not do what it should. */
function hindrance(autoscaler: unknown): string {
  const of = (type: string, status: string): unknown => {
    const found = conditionAt(autoscaler, type);
    return textAt(found, "status") === status ? found : undefined;
  };
  const blind = of("ScalingActive", "False") ?? of("AbleToScale", "False");
  if (blind !== undefined) return `; it cannot decide: ${textAt(blind, "reason")}: ${textAt(blind, "message")}`;
  return textAt(of("ScalingLimited", "True"), "reason") === "TooManyReplicas" ? "; more than maxReplicas would be needed" : "";
}
