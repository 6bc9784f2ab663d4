import { CodedError, FaultKind } from "../../../base/errors.ts";
import type { ValueType } from "../../../profile/profile-type.ts";

/** What the values of a text profile are. `period`: by how much a sample is multiplied, when values are samples of a known rate. */
export type TextType = {
  readonly app: string;
  readonly metric: string;
  readonly sampleType: ValueType;
  readonly periodType: ValueType;
  readonly period: number;
};

const CPU_TIME: ValueType = { type: "cpu", unit: "nanoseconds" };
const NONE: ValueType = { type: "", unit: "" };
const SECOND_NS = 1_000_000_000;

/** Suffix of the application → metric, sample type, unit. */
const SUFFIXES: Readonly<Record<string, readonly [metric: string, type: string, unit: string]>> = {
  cpu: ["process_cpu", "samples", "count"],
  itimer: ["process_cpu", "samples", "count"],
  wall: ["wall", "samples", "count"],
  seconds: ["wall", "samples", "count"],
  milliseconds: ["wall", "samples", "count"],
  microseconds: ["wall", "samples", "count"],
  nanoseconds: ["wall", "samples", "count"],
  inuse_objects: ["memory", "inuse_objects", "count"],
  inuse_space: ["memory", "inuse_space", "bytes"],
  alloc_objects: ["memory", "alloc_objects", "count"],
  alloc_space: ["memory", "alloc_space", "bytes"],
  live: ["memory", "live", "count"],
  bytes: ["memory", "samples", "bytes"],
  alloc_in_new_tlab_objects: ["memory", "alloc_in_new_tlab_objects", "count"],
  alloc_in_new_tlab_bytes: ["memory", "alloc_in_new_tlab_bytes", "bytes"],
  alloc_outside_tlab_objects: ["memory", "alloc_outside_tlab_objects", "count"],
  alloc_outside_tlab_bytes: ["memory", "alloc_outside_tlab_bytes", "bytes"],
  goroutines: ["goroutine", "goroutines", "count"],
  mutex_count: ["mutex", "contentions", "count"],
  mutex_duration: ["mutex", "delay", "nanoseconds"],
  block_count: ["block", "contentions", "count"],
  block_duration: ["block", "delay", "nanoseconds"],
  lock_count: ["block", "contentions", "count"],
  lock_duration: ["block", "delay", "nanoseconds"],
  exceptions: ["exceptions", "samples", "count"],
};

/**
 * Formats that are only stacks and numbers tell their type by the end of the application's name: `shop.cpu` is the CPU profile of
 * `shop`, and without a dot it is CPU too. Samples of CPU and wall time become nanoseconds when the rate is known.
 *
 * Errors: `unknown_profile_type` (invalid).
 */
export function textType(name: string, sampleRate: number): TextType {
  const dot = name.lastIndexOf(".");
  const suffix = dot === -1 ? "cpu" : name.slice(dot + 1);
  const app = dot === -1 ? name : name.slice(0, dot);
  const known = Object.hasOwn(SUFFIXES, suffix) ? SUFFIXES[suffix] : undefined;
  if (known === undefined) {
    throw new CodedError(
      "unknown_profile_type",
      FaultKind.Invalid,
      `application ${JSON.stringify(name)} ends in ${JSON.stringify(suffix)}, which is no profile type: end it in .cpu, .wall, .inuse_space …`,
      {
        facts: { suffix },
      },
    );
  }
  const [metric, type, unit] = known;
  if (sampleRate !== 0 && (metric === "process_cpu" || metric === "wall")) {
    const sampleType = { type: metric === "wall" ? "wall" : "cpu", unit: "nanoseconds" };
    return { app, metric, sampleType, periodType: CPU_TIME, period: Math.floor(SECOND_NS / sampleRate) };
  }
  return { app, metric, sampleType: { type, unit }, periodType: NONE, period: 0 };
}
