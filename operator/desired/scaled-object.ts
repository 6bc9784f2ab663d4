import type { KubeObject } from "../kube/object.ts";
import { OLDEST, segmentBounds, WAITING } from "../scaling/segment.ts";
import { type Context, stackObject } from "./context.ts";
import { durationSeconds } from "./duration.ts";
import { OPTIONAL_KINDS } from "./monitoring.ts";
import { hostOf, objectName, STATUS_PORT } from "./names.ts";

/** How KEDA names the autoscaler that it makes of a ScaledObject. */
export function kedaAutoscalerName(context: Context): string {
  return `keda-hpa-${objectName(context.key, "segment")}`;
}

/**
 * Has KEDA count the segment workers, by what the operator would look at: the workers' own metrics. Any worker tells of the whole queue, so KEDA
 * needs neither a Prometheus nor a way into NATS.
 */
export function scaledObject(context: Context): KubeObject {
  const { spec, key } = context;
  const scaling = spec.segment?.autoscaling;
  const bounds = segmentBounds(spec);
  if (scaling === undefined || bounds === undefined) throw new Error("a part that is not scaled has no ScaledObject");
  const url = `http://${hostOf(key, "segment")}:${STATUS_PORT}/metrics`;
  const trigger = (metricType: "AverageValue" | "Value", valueLocation: string, targetValue: number) => ({
    type: "metrics-api",
    metricType,
    metadata: { format: "prometheus", url, valueLocation, targetValue: String(targetValue) },
  });
  return stackObject(
    context,
    { ...OPTIONAL_KINDS.scaledObject, part: "segment" },
    {
      spec: {
        scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: objectName(key, "segment") },
        pollingInterval: 15,
        minReplicaCount: bounds.min,
        maxReplicaCount: bounds.max,
        advanced: {
          horizontalPodAutoscalerConfig: {
            behavior: {
              scaleDown: {
                stabilizationWindowSeconds: Math.floor(bounds.windowMs / 1000),
                policies: [{ type: "Percent", value: 25, periodSeconds: 60 }],
              },
              // New workers need a minute to take their share: until then a high age says nothing about their number.
              scaleUp: { stabilizationWindowSeconds: 0, policies: [{ type: "Percent", value: 100, periodSeconds: 60 }] },
            },
          },
        },
        triggers: [
          trigger("AverageValue", WAITING, scaling.targetWaiting),
          // By how many times the oldest is too old: so many times the workers.
          trigger("Value", OLDEST, Math.max(1, durationSeconds(scaling.targetAge))),
        ],
      },
    },
  );
}
