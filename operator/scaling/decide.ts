import type { LagSample } from "./lag.ts";

export type ScalingBounds = {
  readonly min: number;
  readonly max: number;
  /** Messages waiting for each worker that are aimed at. */
  readonly targetWaiting: number;
  readonly targetAgeMs: number;
  /** How long fewer workers must have been enough before any is removed. */
  readonly windowMs: number;
};

export type ScalingDecision = { readonly replicas: number; readonly reason: string };

/** New workers need this long to start and to take their share: until then a high age says nothing about their number. */
export const SETTLE_MS = 60_000;
/** At most this many times the workers at once. */
const STEP_UP = 2;
/** At least this share of the workers stays: how many carry a load shows only when fewer try, and a backlog costs more than a worker. */
const STEP_DOWN = 0.75;

/**
 * How many segment workers there should be. Pure: what is known of the lag comes in, the newest sample is now. Messages say how many are needed,
 * whatever there is; the age says that those there are too few. More come at once, as soon as two looks agree. Fewer come step by step, each
 * when fewer would have been enough for a whole window since the last.
 *
 * The reason stays the same while the world does, so that a settled stack's status rests.
 */
export function decideReplicas(samples: readonly LagSample[], bounds: ScalingBounds, current: number): ScalingDecision {
  const { min, max } = bounds;
  if (current < min) return { replicas: min, reason: "fewer than minReplicas" };
  if (current > max) return { replicas: max, reason: "more than maxReplicas, or than there are partitions" };
  const [previous, latest] = [samples.at(-2), samples.at(-1)];
  if (latest === undefined) return { replicas: current, reason: "no segment worker has told yet how much waits" };
  // One look is worth one step: a stack is looked at more often than its queue.
  if (latest.replicas !== current) return { replicas: current, reason: "the number has just changed" };
  if (previous === undefined) return { replicas: current, reason: "how much waits was seen only once" };
  const up = Math.min(wish(previous, samples, bounds, current), wish(latest, samples, bounds, current));
  if (up > current) {
    const replicas = Math.min(up, max, current * STEP_UP);
    if (replicas > current)
      return { replicas, reason: latest.oldestMs > bounds.targetAgeMs ? "profiles wait too long" : "many profiles wait" };
    return { replicas: current, reason: "more profiles wait than maxReplicas workers, or one for each partition, can take" };
  }
  return fewer(samples, latest, bounds, current);
}

function fewer(samples: readonly LagSample[], latest: LagSample, bounds: ScalingBounds, current: number): ScalingDecision {
  const from = latest.atMs - bounds.windowMs;
  const window = samples.filter(({ atMs }) => atMs >= from);
  const needed = Math.max(bounds.min, ...window.map((sample) => need(sample, bounds)));
  if (needed >= current) return { replicas: current, reason: current === bounds.min ? "minReplicas are enough" : "as many as are needed" };
  const isCovered = (samples[0]?.atMs ?? latest.atMs) <= from && window.every(({ replicas }) => replicas === current);
  if (!isCovered) return { replicas: current, reason: "fewer may be enough: that must have been so for scaleDownStabilization" };
  return { replicas: Math.max(needed, Math.floor(current * STEP_DOWN)), reason: "few profiles wait" };
}

/** Workers that a sample shows to be needed. Those there are kept while the age is more than half of what it may be: it would rise. */
function need(sample: LagSample, { targetWaiting, targetAgeMs }: ScalingBounds): number {
  return Math.max(Math.ceil(sample.messages / targetWaiting), sample.oldestMs > targetAgeMs / 2 ? sample.replicas : 0);
}

/** As {@link need}, and more where the workers there have had their time and profiles still wait too long. */
function wish(sample: LagSample, samples: readonly LagSample[], bounds: ScalingBounds, current: number): number {
  const byMessages = Math.ceil(sample.messages / bounds.targetWaiting);
  if (sample.oldestMs <= bounds.targetAgeMs || !hasSettled(samples, sample, current)) return byMessages;
  return Math.max(byMessages, Math.ceil(current * Math.min(STEP_UP, sample.oldestMs / bounds.targetAgeMs)));
}

function hasSettled(samples: readonly LagSample[], { atMs }: LagSample, current: number): boolean {
  const from = atMs - SETTLE_MS;
  return (samples[0]?.atMs ?? atMs) <= from && samples.every((sample) => sample.atMs < from || sample.replicas === current);
}
