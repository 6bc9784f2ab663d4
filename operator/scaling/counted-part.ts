import { HOUR_MS, SECOND_MS } from "../../pipeline/base/units.ts";
import type { Context } from "../desired/context.ts";
import { durationSeconds } from "../desired/duration.ts";
import { workloadOf } from "../desired/rollout.ts";
import { numberAt } from "../kube/object.ts";
import type { ProfilingStackSpec } from "../types/profiling-stack.ts";
import { decideReplicas, type LoadSample, type ScalingBounds, type ScalingDecision, type ScalingWords } from "./decide.ts";
import type { Look, Reading } from "./reading.ts";

export type CountedComponent = "segment" | "compact";

/** A part whose pods the operator counts by their work. */
export type CountedPart = {
  readonly component: CountedComponent;
  /** The metrics by which it is counted; any of its pods tells of the work of all. */
  readonly metrics: readonly string[];
  readonly words: ScalingWords;
  /** What a stack's spec says about it; undefined where its number is fixed, or others decide. */
  rulesOf(spec: ProfilingStackSpec): CountingRules | undefined;
};

export type CountingRules = {
  readonly bounds: ScalingBounds;
  loadOf(reading: Reading): Pick<LoadSample, "needed" | "lateness">;
};

/** Looks are kept for as long: no window can be longer. */
export const WINDOW_MS_MAX = HOUR_MS;

export function windowMs(scaleDownStabilization: string): number {
  return Math.min(WINDOW_MS_MAX, durationSeconds(scaleDownStabilization) * SECOND_MS);
}

/** How many pods of a part the operator decides on; undefined where it does not. Pure: asked twice, it says the same. */
export function decisionOf(part: CountedPart, context: Pick<Context, "spec" | "key" | "observed">): ScalingDecision | undefined {
  const rules = part.rulesOf(context.spec);
  if (rules === undefined) return undefined;
  const current = numberAt(workloadOf(context, part.component), "spec", "replicas");
  if (current === undefined) return { replicas: rules.bounds.min, reason: "begins with minReplicas" };
  return decide(part, rules, context.observed.looks[part.component] ?? [], current);
}

export function decide(
  { words }: CountedPart,
  { bounds, loadOf }: CountingRules,
  looks: readonly Look[],
  current: number,
): ScalingDecision {
  const samples = looks.map(({ atMs, replicas, reading }): LoadSample => ({ atMs, replicas, ...loadOf(reading) }));
  return decideReplicas(samples, bounds, current, words);
}
