import { durationSeconds } from "../desired/duration.ts";
import { SIZES } from "../desired/sizes.ts";
import type { ProfilingStackSpec } from "../types/profiling-stack.ts";
import { type CountedPart, windowMs } from "./counted-part.ts";
import type { ScalingBounds } from "./decide.ts";
import { type Reading, readingOf } from "./reading.ts";

/** Messages that are in no published segment yet, and the age of the oldest of them. */
export const WAITING = "brazier_queue_waiting_messages";
export const OLDEST = "brazier_queue_oldest_seconds";

/** How far the segment workers of a stack are behind, all of them together. */
export type Lag = {
  /** Messages that are in no published segment yet. */
  readonly messages: number;
  /** Age of the oldest of them; 0 where there is none. */
  readonly oldestMs: number;
};

/** The lag in the metrics of a segment worker; undefined where they do not tell it. */
export function lagOf(page: string): Lag | undefined {
  const reading = readingOf(page, SEGMENT.metrics);
  return reading === undefined ? undefined : lagIn(reading);
}

function lagIn(reading: Reading): Lag {
  return { messages: reading[WAITING] ?? 0, oldestMs: (reading[OLDEST] ?? 0) * 1000 };
}

/** Segment workers, by the messages of the stream that are in no segment yet, and by the age of the oldest of them. */
export const SEGMENT: CountedPart = {
  component: "segment",
  metrics: [WAITING, OLDEST],
  words: {
    untold: "no segment worker has told yet how much waits",
    seenOnce: "how much waits was seen only once",
    aboveMax: "more than maxReplicas, or than there are partitions",
    much: "many profiles wait",
    late: "profiles wait too long",
    beyondMax: "more profiles wait than maxReplicas workers, or one for each partition, can take",
    little: "few profiles wait",
  },
  rulesOf: (spec) => {
    const [scaling, bounds] = [spec.segment?.autoscaling, segmentBounds(spec)];
    if (scaling === undefined || bounds === undefined || scaling.by === "KEDA") return undefined;
    const targetAgeMs = Math.max(1, durationSeconds(scaling.targetAge)) * 1000;
    return {
      bounds,
      loadOf: (reading) => {
        const { messages, oldestMs } = lagIn(reading);
        return { needed: Math.ceil(messages / scaling.targetWaiting), lateness: oldestMs / targetAgeMs };
      },
    };
  },
};

/** Between what numbers segment workers are, whoever counts them; undefined where their number is fixed. */
export function segmentBounds(spec: ProfilingStackSpec): ScalingBounds | undefined {
  const scaling = spec.segment?.autoscaling;
  if (scaling === undefined || spec.size === "demo") return undefined;
  // A worker without a partition has nothing to do.
  const partitions = spec.queue?.partitions ?? SIZES[spec.size].partitions;
  const max = Math.min(scaling.maxReplicas, partitions);
  return {
    min: Math.min(scaling.minReplicas, max),
    max,
    windowMs: windowMs(scaling.scaleDownStabilization),
  };
}
