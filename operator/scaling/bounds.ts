import { durationSeconds } from "../desired/duration.ts";
import { SIZES } from "../desired/sizes.ts";
import type { ProfilingStackSpec } from "../types/profiling-stack.ts";
import type { ScalingBounds } from "./decide.ts";

/** What the spec says about the number of segment workers; undefined where the operator has nothing to decide. */
export function segmentBounds(spec: ProfilingStackSpec): ScalingBounds | undefined {
  const scaling = spec.segment?.autoscaling;
  if (scaling === undefined || spec.size === "demo") return undefined;
  const { minReplicas, maxReplicas, targetWaiting, targetAge, scaleDownStabilization } = scaling;
  // A worker without a partition has nothing to do.
  const partitions = spec.queue?.partitions ?? SIZES[spec.size].partitions;
  const max = Math.min(maxReplicas, partitions);
  return {
    min: Math.min(minReplicas, max),
    max,
    targetWaiting,
    targetAgeMs: Math.max(1, durationSeconds(targetAge)) * 1000,
    windowMs: Math.min(3600, durationSeconds(scaleDownStabilization)) * 1000,
  };
}
