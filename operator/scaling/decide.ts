/** A look at what a part has to do, as its kind of work is counted; the first of a row of looks is the oldest. */
export type LoadSample = {
  /** On a clock that never steps back. */
  readonly atMs: number;
  /** The workers that the Deployment asked for then. */
  readonly replicas: number;
  /** Workers that the amount of work asks for. */
  readonly needed: number;
  /** Age of the oldest work, as a multiple of what it may be; 0 where age says nothing. */
  readonly lateness: number;
};

export type ScalingBounds = {
  readonly min: number;
  readonly max: number;
  /** How long fewer workers must have been enough before any is removed. */
  readonly windowMs: number;
};

/** How the reasons of a part's decisions are told. */
export type ScalingWords = {
  readonly untold: string;
  readonly seenOnce: string;
  readonly aboveMax: string;
  readonly much: string;
  readonly late: string;
  readonly beyondMax: string;
  readonly little: string;
};

export type ScalingDecision = { readonly replicas: number; readonly reason: string };

/** New workers need this long to start and to take their share: until then a high age says nothing about their number. */
export const SETTLE_MS = 60_000;
/** At most this many times the workers at once. */
const STEP_UP = 2;
/** At least this share of the workers stays: how many carry a load shows only when fewer try, and a backlog costs more than a worker. */
const STEP_DOWN = 0.75;

/**
 * How many workers of a part there should be. Pure: what is known of their load comes in, the newest sample is now. The amount says how many are
 * needed, whatever there is; the age says that those there are too few. More come at once, as soon as two looks agree. Fewer come step by step,
 * each when fewer would have been enough for a whole window since the last.
 *
 * The reason stays the same while the world does, so that a settled stack's status rests.
 */
export function decideReplicas(
  samples: readonly LoadSample[],
  bounds: ScalingBounds,
  current: number,
  words: ScalingWords,
): ScalingDecision {
  const { min, max } = bounds;
  if (current < min) return { replicas: min, reason: "fewer than minReplicas" };
  if (current > max) return { replicas: max, reason: words.aboveMax };
  const [previous, latest] = [samples.at(-2), samples.at(-1)];
  if (latest === undefined) return { replicas: current, reason: words.untold };
  // One look is worth one step: a stack is looked at more often than its load.
  if (latest.replicas !== current) return { replicas: current, reason: "the number has just changed" };
  if (previous === undefined) return { replicas: current, reason: words.seenOnce };
  const up = Math.min(wish(previous, samples, current), wish(latest, samples, current));
  if (up > current) {
    const replicas = Math.min(up, max, current * STEP_UP);
    if (replicas > current) return { replicas, reason: latest.lateness > 1 ? words.late : words.much };
    return { replicas: current, reason: words.beyondMax };
  }
  return fewer(samples, latest, bounds, current, words);
}

function fewer(
  samples: readonly LoadSample[],
  latest: LoadSample,
  { min, windowMs }: ScalingBounds,
  current: number,
  words: ScalingWords,
): ScalingDecision {
  const from = latest.atMs - windowMs;
  const window = samples.filter(({ atMs }) => atMs >= from);
  const needed = Math.max(min, ...window.map(need));
  if (needed >= current) return { replicas: current, reason: current === min ? "minReplicas are enough" : "as many as are needed" };
  const isCovered = (samples[0]?.atMs ?? latest.atMs) <= from && window.every(({ replicas }) => replicas === current);
  if (!isCovered) return { replicas: current, reason: "fewer may be enough: that must have been so for scaleDownStabilization" };
  return { replicas: Math.max(needed, Math.floor(current * STEP_DOWN)), reason: words.little };
}

/** Workers that a sample shows to be needed. Those there are kept while the age is more than half of what it may be: it would rise. */
function need({ needed, lateness, replicas }: LoadSample): number {
  return Math.max(needed, lateness > 0.5 ? replicas : 0);
}

/** As {@link need}, and more where the workers there have had their time and work is still too old. */
function wish(sample: LoadSample, samples: readonly LoadSample[], current: number): number {
  if (sample.lateness <= 1 || !hasSettled(samples, sample, current)) return sample.needed;
  return Math.max(sample.needed, Math.ceil(current * Math.min(STEP_UP, sample.lateness)));
}

function hasSettled(samples: readonly LoadSample[], { atMs }: LoadSample, current: number): boolean {
  const from = atMs - SETTLE_MS;
  return (samples[0]?.atMs ?? atMs) <= from && samples.every((sample) => sample.atMs < from || sample.replicas === current);
}
