import { CodedError, FaultKind } from "../../base/errors.ts";
import { DAY_MS, HOUR_MS, type UnixMs } from "../../base/units.ts";

/** Bounds of what a tenant may ask. 0 is no bound. */
export type QueryLimits = {
  readonly lookbackMs: number;
  readonly lengthMsMax: number;
  /** Nodes of a flame graph when the question does not say. */
  readonly flamegraphNodesDefault: number;
  readonly flamegraphNodesMax: number;
};

/** As in Pyroscope 2; 2^20 nodes is what Profiles Drilldown asks for when it refines a graph. */
export const DEFAULT_QUERY_LIMITS: QueryLimits = {
  lookbackMs: 7 * DAY_MS,
  lengthMsMax: DAY_MS,
  flamegraphNodesDefault: 8192,
  flamegraphNodesMax: 1_048_576,
};

/** The tightest of several tenants' limits: a joined read must be allowed to each of them. */
export function tightestLimits(limits: readonly QueryLimits[]): QueryLimits {
  const smallest = (values: readonly number[]): number => {
    const set = values.filter((value) => value > 0);
    return set.length === 0 ? 0 : Math.min(...set);
  };
  return {
    lookbackMs: smallest(limits.map((one) => one.lookbackMs)),
    lengthMsMax: smallest(limits.map((one) => one.lengthMsMax)),
    flamegraphNodesDefault: smallest(limits.map((one) => one.flamegraphNodesDefault)),
    flamegraphNodesMax: smallest(limits.map((one) => one.flamegraphNodesMax)),
  };
}

/** `startMs` inclusive, `endMs` exclusive; both equal: nothing can be in it. */
export type TimeRange = { readonly startMs: UnixMs; readonly endMs: UnixMs };

/**
 * Checks a range as asked: both ends set, in order, not too long; cut to how far back a tenant may look, which leaves nothing of a range
 * that is wholly older (an empty answer, not an error: Grafana's health check asks for 1970).
 *
 * Errors: `range_missing`, `range_reversed`, `range_too_long` (all invalid).
 */
export function checkRange(start: bigint | number, end: bigint | number, limits: QueryLimits, nowMs: UnixMs): TimeRange {
  let startMs = Number(start);
  const endMs = Number(end);
  if (startMs === 0 || endMs === 0) {
    throw new CodedError(
      "range_missing",
      FaultKind.Invalid,
      "missing time range in the query: set start and end, in milliseconds since 1970",
    );
  }
  if (startMs > endMs) {
    throw new CodedError("range_reversed", FaultKind.Invalid, `invalid time range: start ${startMs} is after end ${endMs}`);
  }
  if (limits.lookbackMs > 0) {
    const oldestMs = nowMs - limits.lookbackMs;
    if (endMs < oldestMs) return { startMs: endMs as UnixMs, endMs: endMs as UnixMs };
    startMs = Math.max(startMs, oldestMs);
  }
  if (limits.lengthMsMax > 0 && endMs - startMs > limits.lengthMsMax) {
    throw new CodedError(
      "range_too_long",
      FaultKind.Invalid,
      `the query time range exceeds the limit (max_query_length, actual: ${hours(endMs - startMs)}, limit: ${hours(limits.lengthMsMax)}): ask for a shorter range`,
    );
  }
  return { startMs: startMs as UnixMs, endMs: endMs as UnixMs };
}

/** For calls that may leave the range out altogether: then as far back as allowed. */
export function rangeOrRecent(start: bigint, end: bigint, limits: QueryLimits, nowMs: UnixMs): TimeRange {
  if (start !== 0n || end !== 0n) return checkRange(start, end, limits, nowMs);
  const lookbackMs = limits.lookbackMs > 0 ? limits.lookbackMs : RECENT_MS;
  // What was acknowledged a moment ago, by a sender whose clock runs ahead a little, counts as recent too.
  return { startMs: (nowMs - lookbackMs) as UnixMs, endMs: (nowMs + HOUR_MS) as UnixMs };
}

/** The default retention. */
const RECENT_MS = 31 * DAY_MS;

/**
 * How many nodes a flame graph may have: the default for 0.
 * Errors: `nodes_invalid` (invalid).
 */
export function checkNodes(asked: bigint | undefined, limits: QueryLimits): number {
  const nodes = asked ?? 0n;
  if (nodes === 0n) return limits.flamegraphNodesDefault;
  if (nodes < 0n) throw new CodedError("nodes_invalid", FaultKind.Invalid, `max nodes must be positive, got ${nodes}`);
  if (limits.flamegraphNodesMax > 0 && nodes > BigInt(limits.flamegraphNodesMax)) {
    throw new CodedError(
      "nodes_invalid",
      FaultKind.Invalid,
      `max flamegraph nodes limit ${nodes} is greater than allowed ${limits.flamegraphNodesMax}`,
    );
  }
  return Number(nodes);
}

/** Errors: `step_invalid` (invalid). Unit of `step`: seconds. */
export function checkStepMs(step: number): number {
  // Below a millisecond there would be more points than milliseconds; NaN compares false.
  if (!(step >= 0.001) || !Number.isFinite(step))
    throw new CodedError("step_invalid", FaultKind.Invalid, `step must be >= 1ms, got ${step} s`);
  return Math.floor(step * 1000 + 1e-6);
}

function hours(durationMs: number): string {
  return `${Math.round((durationMs / HOUR_MS) * 100) / 100}h`;
}
