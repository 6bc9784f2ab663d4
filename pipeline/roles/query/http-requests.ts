import { CodedError, FaultKind } from "../../base/errors.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from "../../base/units.ts";
import { EVERY_STACK, type TypedSelection } from "./engine-interface.ts";
import type { Question, SeriesOptions } from "./question.ts";
import { parseSelector } from "./selector.ts";
import { parseTime } from "./time-grammar.ts";
import { type Asker, checkProfileType, DOT_NODES_DEFAULT, DOT_SOURCE_NODES } from "./validate.ts";
import { checkNodes, checkRange } from "./validate-range.ts";

/** Parameters of a URL; of a repeated one the first counts. */
export type Parameters = (name: string) => string | undefined;

/**
 * `GET /pyroscope/render`. Errors (invalid): `parameter_missing`, `time_invalid`, `format_unknown`, and those of the selector, range and nodes.
 */
export function checkRender(parameters: Parameters, asker: Asker): Question {
  const selection = checkQueryParameter(parameters, { query: "query", from: "from", until: "until" }, asker);
  const stacks = EVERY_STACK;
  const nodes = nodesOf(parameters);
  switch (parameters("format") ?? "json") {
    case "dot": {
      const nodesMax = nodes > 0n ? Number(nodes) : DOT_NODES_DEFAULT;
      return { kind: "dot", selection, stacks, nodesMax, sourceNodesMax: Math.max(DOT_SOURCE_NODES, nodesMax), form: "text" };
    }
    case "json":
    case "":
      return {
        kind: "render",
        selection,
        stacks,
        nodesMax: checkNodes(nodes, asker.limits),
        timeline: timelineOptions(parameters, selection),
      };
    default:
      throw new CodedError("format_unknown", FaultKind.Invalid, `unknown format ${JSON.stringify(parameters("format"))}: use json or dot`);
  }
}

/** `GET /pyroscope/render-diff`. Errors as {@link checkRender}, and `diff_types_differ`. */
export function checkRenderDiff(parameters: Parameters, asker: Asker): Question {
  const side = (name: "left" | "right"): TypedSelection =>
    checkQueryParameter(parameters, { query: `${name}Query`, from: `${name}From`, until: `${name}Until` }, asker);
  const left = side("left");
  const right = side("right");
  if (left.profileTypeId !== right.profileTypeId) {
    throw new CodedError(
      "diff_types_differ",
      FaultKind.Invalid,
      `profile types must match: ${left.profileTypeId} and ${right.profileTypeId}`,
    );
  }
  const nodesMax = checkNodes(nodesOf(parameters), asker.limits);
  return {
    kind: "render_diff",
    left: { selection: left, stacks: EVERY_STACK },
    right: { selection: right, stacks: EVERY_STACK },
    nodesMax,
  };
}

/** The profile type is the metric name of the selector. */
function checkQueryParameter(parameters: Parameters, names: { query: string; from: string; until: string }, asker: Asker): TypedSelection {
  const query = parameters(names.query) ?? "";
  if (query === "")
    throw new CodedError(
      "parameter_missing",
      FaultKind.Invalid,
      `'${names.query}' is required: a profile type and a selector, process_cpu:cpu:nanoseconds:cpu:nanoseconds{service_name="x"}`,
    );
  const { metricName, matchers } = parseSelector(query);
  const named = metricName ?? matchers.find((matcher) => matcher.name === "__profile_type__" && matcher.op === "=")?.value;
  if (named === undefined)
    throw new CodedError("profile_type_invalid", FaultKind.Invalid, `'${names.query}' must contain a profile type selection`);
  const profileTypeId = checkProfileType(named);
  const startMs = parseTime(parameters(names.from) || "now-1h", asker.nowMs);
  const endMs = parseTime(parameters(names.until) || "now", asker.nowMs);
  return { tenants: asker.tenants, matchers, profileTypeId, ...checkRange(startMs, endMs, asker.limits, asker.nowMs) };
}

/** Two spellings; what is no number is as good as absent. */
function nodesOf(parameters: Parameters): bigint {
  for (const name of ["maxNodes", "max-nodes"]) {
    const text = parameters(name) ?? "";
    if (/^-?\d+$/.test(text) && BigInt(text) !== 0n) return BigInt(text);
  }
  return 0n;
}

function timelineOptions(parameters: Parameters, { startMs, endMs }: TypedSelection): SeriesOptions {
  const stepMs = timelineStepMs(startMs, endMs);
  const snap = (timeMs: number): TypedSelection["startMs"] => (timeMs - (timeMs % stepMs)) as TypedSelection["startMs"];
  const groupBy = (parameters("groupBy") ?? "").split(",").filter((name) => name !== "");
  return {
    buckets: { startMs: snap(startMs), endMs: snap(endMs), stepMs },
    groupBy: groupBy.slice(0, 1),
    aggregation: parameters("aggregation") === "avg" ? "average" : "sum",
    exemplars: "none",
    limit: 0,
  };
}

/** A point every 15 s, or about 1500 points at an interval that people read: Grafana's table, each row up to where the next is nearer. */
export function timelineStepMs(startMs: number, endMs: number): number {
  const wantedMs = (endMs - startMs) / 1500;
  if (wantedMs < 15 * SECOND_MS) return 15 * SECOND_MS;
  return TIMELINE_STEPS.find(([upToMs]) => wantedMs <= upToMs)?.[1] ?? 365 * DAY_MS;
}

const TIMELINE_STEPS: readonly (readonly [upToMs: number, stepMs: number])[] = [
  [17.5 * SECOND_MS, 15 * SECOND_MS],
  [25 * SECOND_MS, 20 * SECOND_MS],
  [45 * SECOND_MS, 30 * SECOND_MS],
  [1.5 * MINUTE_MS, MINUTE_MS],
  [3.5 * MINUTE_MS, 2 * MINUTE_MS],
  [7.5 * MINUTE_MS, 5 * MINUTE_MS],
  [12.5 * MINUTE_MS, 10 * MINUTE_MS],
  [17.5 * MINUTE_MS, 15 * MINUTE_MS],
  [25 * MINUTE_MS, 20 * MINUTE_MS],
  [45 * MINUTE_MS, 30 * MINUTE_MS],
  [1.5 * HOUR_MS, HOUR_MS],
  [2.5 * HOUR_MS, 2 * HOUR_MS],
  [4.5 * HOUR_MS, 3 * HOUR_MS],
  [9 * HOUR_MS, 6 * HOUR_MS],
  [DAY_MS, 12 * HOUR_MS],
  [7 * DAY_MS, DAY_MS],
  [21 * DAY_MS, 7 * DAY_MS],
  [42 * DAY_MS, 30 * DAY_MS],
];
