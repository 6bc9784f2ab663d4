import type {
  AnalyzeQueryRequest,
  DiffRequest,
  ProfileTypesRequest,
  SelectHeatmapRequest,
  SelectMergeProfileRequest,
  SelectMergeSpanProfileRequest,
  SelectMergeStacktracesRequest,
  SelectSeriesRequest,
  SeriesRequest,
} from "../../api/gen/querier/v1/querier_pb.ts";
import { FunctionTreeDirection, FunctionTreeSelection, HeatmapQueryType, ProfileFormat } from "../../api/gen/querier/v1/querier_pb.ts";
import type { LabelNamesRequest, LabelValuesRequest } from "../../api/gen/types/v1/types_pb.ts";
import { ExemplarType, TimeSeriesAggregationType } from "../../api/gen/types/v1/types_pb.ts";
import { CodedError, FaultKind } from "../../base/errors.ts";
import type { TenantId, UnixMs } from "../../base/units.ts";
import type { Selection, StackSelection, TypedSelection } from "./engine-interface.ts";
import type { Matcher } from "./matcher.ts";
import type { ExemplarKind, FunctionTreeRequest, Question, StackQuery } from "./question.ts";
import { parseSelector, selectorMatchers } from "./selector.ts";
import { checkNodes, checkRange, checkStepMs, type QueryLimits, rangeOrRecent, type TimeRange } from "./validate-range.ts";
import { checkStacks, goPgoOf } from "./validate-stacks.ts";

/** Who asks and what they may ask. */
export type Asker = {
  readonly tenants: readonly TenantId[];
  readonly limits: QueryLimits;
  readonly nowMs: UnixMs;
  readonly utf8Names: boolean;
};

/*
 * From a request message to a Question that needs no further check. Errors (CodedError, all invalid unless said): `range_…`, `nodes_invalid`,
 * `step_invalid`, `selector_invalid`, `selector_regex_invalid`, `profile_type_invalid`, `label_name_missing`, `limit_invalid`, those of
 * {@link checkStacks}, `function_tree_invalid`, `heatmap_…`, `async_query_unsupported` (unimplemented).
 */

export function checkProfileTypes(request: ProfileTypesRequest, asker: Asker): Question {
  const range = rangeOrRecent(request.start, request.end, asker.limits, asker.nowMs);
  return { kind: "profile_types", selection: { tenants: asker.tenants, matchers: [], ...range } };
}

export function checkLabelNames(request: LabelNamesRequest, asker: Asker): Question {
  return { kind: "label_names", selection: checkSelection(request, asker), utf8Names: asker.utf8Names };
}

export function checkLabelValues(request: LabelValuesRequest, asker: Asker): Question {
  if (request.name === "")
    throw new CodedError("label_name_missing", FaultKind.Invalid, "name is required: the label whose values are asked for");
  return { kind: "label_values", selection: checkSelection(request, asker), name: request.name };
}

export function checkSeries(request: SeriesRequest, asker: Asker): Question {
  return { kind: "series", selection: checkSelection(request, asker), names: request.labelNames, utf8Names: asker.utf8Names };
}

export function checkMergeStacktraces(request: SelectMergeStacktracesRequest, asker: Asker): Question {
  if (request.async !== undefined && (request.async.type !== 0 || request.async.requestId !== "")) {
    throw new CodedError("async_query_unsupported", FaultKind.Unimplemented, "asynchronous queries are not supported: ask without async");
  }
  const stacks = checkStacks(request);
  switch (request.format) {
    case ProfileFormat.DOT: {
      const asked = Number(request.maxNodes ?? 0n);
      const nodesMax = asked > 0 ? asked : DOT_NODES_DEFAULT;
      return {
        kind: "dot",
        ...checkQuery(request, stacks, asker),
        nodesMax,
        sourceNodesMax: Math.max(DOT_SOURCE_NODES, nodesMax),
        form: "response",
      };
    }
    case ProfileFormat.PPROF:
      return {
        kind: "pprof",
        ...checkQuery(request, stacks, asker),
        nodesMax: nodesOfProfile(request.maxNodes),
        goPgo: goPgoOf(request.stackTraceSelector),
        form: "response",
      };
    case ProfileFormat.TREE:
      return { kind: "tree_bytes", ...checkTreeQuery(request, stacks, asker) };
    case ProfileFormat.FUNCTIONS:
      return { kind: "functions", ...checkQuery(request, stacks, asker), limit: functionsLimit(request) };
    case ProfileFormat.FUNCTION_TREE: {
      const asked = checkFunctionTree(request, stacks.callSite);
      const selected = asked.anchored ? stacks : { ...stacks, callSite: [] };
      return { kind: "function_tree", ...checkQuery(request, selected, asker), request: asked };
    }
    // What a newer client may ask for is answered as a flame graph: it falls back when the field it wanted is missing.
    default:
      return { kind: "flamegraph", ...checkTreeQuery(request, stacks, asker) };
  }
}

export function checkMergeSpanProfile(request: SelectMergeSpanProfileRequest, asker: Asker): Question {
  const query = checkTreeQuery(request, checkStacks({ spanSelector: request.spanSelector }), asker);
  return { kind: request.format === ProfileFormat.TREE ? "tree_bytes" : "flamegraph", ...query };
}

export function checkMergeProfile(request: SelectMergeProfileRequest, asker: Asker): Question {
  return {
    kind: "pprof",
    ...checkQuery(request, checkStacks(request), asker),
    nodesMax: nodesOfProfile(request.maxNodes),
    goPgo: goPgoOf(request.stackTraceSelector),
    form: "profile",
  };
}

export function checkSelectSeries(request: SelectSeriesRequest, asker: Asker): Question {
  // Whole profiles: Pyroscope takes no notice of a call site here, and its recorded answers say so; see docs/decisions/0011-timelines-ignore-call-sites.md.
  const stacks = { ...checkStacks({ stackTraceSelector: request.stackTraceSelector }), callSite: [] };
  const range = checkRange(request.start, request.end, asker.limits, asker.nowMs);
  checkProfileType(request.profileTypeID);
  const stepMs = checkStepMs(request.step);
  return {
    kind: "time_series",
    selection: bucketSelection(request, range, stepMs, asker),
    stacks,
    buckets: { ...range, stepMs },
    groupBy: request.groupBy,
    aggregation: request.aggregation === TimeSeriesAggregationType.AVERAGE ? "average" : "sum",
    exemplars: exemplarKind(request.exemplarType),
    limit: checkLimit(request.limit),
  };
}

export function checkSelectHeatmap(request: SelectHeatmapRequest, asker: Asker): Question {
  const stepMs = checkStepMs(request.step);
  const limit = checkLimit(request.limit);
  if (request.start >= request.end) {
    throw new CodedError(
      "range_reversed",
      FaultKind.Invalid,
      `start time must be before end time, got start=${request.start} end=${request.end}`,
    );
  }
  const range = checkRange(request.start, request.end, asker.limits, asker.nowMs);
  checkProfileType(request.profileTypeID);
  const of = heatmapOf(request.queryType);
  const exemplars = exemplarKind(request.exemplarType);
  if (exemplars !== "none" && exemplars !== of) {
    throw new CodedError(
      "heatmap_exemplar_mismatch",
      FaultKind.Invalid,
      `exemplars of type ${exemplars} do not go with a heatmap of type ${of}`,
    );
  }
  const selection = bucketSelection(request, range, stepMs, asker);
  return {
    kind: "heatmap",
    of,
    selection,
    stacks: checkStacks({}),
    buckets: { ...range, stepMs },
    groupBy: request.groupBy,
    exemplars,
    limit,
  };
}

export function checkDiff(request: DiffRequest, asker: Asker): Question {
  const { left, right } = request;
  if (left === undefined || right === undefined) {
    throw new CodedError("diff_side_missing", FaultKind.Invalid, "left and right are required, each with a profile type and a time range");
  }
  const asked = [left.maxNodes, right.maxNodes, request.maxNodes].reduce((a = 0n, b = 0n) => (a > b ? a : b));
  const nodesMax = checkNodes(asked, asker.limits);
  const side = (of: SelectMergeStacktracesRequest): StackQuery => checkQuery(of, checkStacks(of), asker);
  const sides = { left: side(left), right: side(right) };
  if (request.format === ProfileFormat.FUNCTIONS) return { kind: "functions_diff", ...sides, limit: functionsLimit(left), form: "rows" };
  if (left.format === ProfileFormat.FUNCTIONS) return { kind: "functions_diff", ...sides, limit: functionsLimit(left), form: "tables" };
  return { kind: "diff", ...sides, nodesMax };
}

/** Errors: `tenant_ambiguous` (invalid). */
export function checkProfileStats(_request: unknown, { tenants }: Asker): Question {
  const [tenant, ...others] = tenants;
  if (tenant === undefined || others.length > 0) {
    throw new CodedError("tenant_ambiguous", FaultKind.Invalid, `this call takes exactly one tenant, the header names ${tenants.length}`);
  }
  return { kind: "profile_stats", tenant };
}

export function checkAnalyzeQuery(request: AnalyzeQueryRequest, asker: Asker): Question {
  const range = checkRange(request.start, request.end, asker.limits, asker.nowMs);
  const matchers = request.query.trim() === "" ? [] : selectorMatchers(parseSelector(request.query));
  return { kind: "analyze_query", selection: { tenants: asker.tenants, matchers, ...range } };
}

/** A DOT graph has 100 nodes unless asked otherwise, drawn from a profile of at least 512. Source: api.md 3.5. */
export const DOT_NODES_DEFAULT = 100;
export const DOT_SOURCE_NODES = 512;

type RangeRequest = { readonly start: bigint; readonly end: bigint };
type TypedRequest = RangeRequest & { readonly profileTypeID: string; readonly labelSelector: string };

function checkSelection(request: RangeRequest & { readonly matchers: readonly string[] }, asker: Asker): Selection {
  const range = checkRange(request.start, request.end, asker.limits, asker.nowMs);
  return { tenants: asker.tenants, matchers: request.matchers.flatMap((text) => selectorMatchers(parseSelector(text))), ...range };
}

function checkTreeQuery(
  request: TypedRequest & { readonly maxNodes?: bigint | undefined },
  stacks: StackSelection,
  asker: Asker,
): StackQuery & { nodesMax: number } {
  const range = checkRange(request.start, request.end, asker.limits, asker.nowMs);
  const nodesMax = checkNodes(request.maxNodes, asker.limits);
  return { selection: typedSelection(request, range, asker), stacks, nodesMax };
}

function checkQuery(request: TypedRequest, stacks: StackSelection, asker: Asker): StackQuery {
  const range = checkRange(request.start, request.end, asker.limits, asker.nowMs);
  return { selection: typedSelection(request, range, asker), stacks };
}

function typedSelection(request: TypedRequest, range: TimeRange, asker: Asker): TypedSelection {
  const profileTypeId = checkProfileType(request.profileTypeID);
  const matchers: readonly Matcher[] = selectorMatchers(parseSelector(request.labelSelector));
  return { tenants: asker.tenants, matchers, profileTypeId, ...range };
}

/** The first bucket ends at the start of the range, so its profiles are older: from behind start - step. */
function bucketSelection(request: TypedRequest, range: TimeRange, stepMs: number, asker: Asker): TypedSelection {
  const isEmpty = range.startMs === range.endMs;
  const startMs = isEmpty ? range.startMs : ((range.startMs - stepMs + 1) as UnixMs);
  return typedSelection(request, { startMs, endMs: range.endMs }, asker);
}

/** Five parts, or six with an old client's `:delta`, which means nothing any more. Errors: `profile_type_invalid` (invalid). */
export function checkProfileType(id: string): string {
  const parts = id.split(":");
  if (parts.length !== 5 && parts.length !== 6) {
    throw new CodedError(
      "profile_type_invalid",
      FaultKind.Invalid,
      `profile type must be of the form <name>:<sample-type>:<sample-unit>:<period-type>:<period-unit>(:delta), got ${JSON.stringify(id)}`,
    );
  }
  return parts.slice(0, 5).join(":");
}

/** Of a pprof answer: no bound unless asked for. */
function nodesOfProfile(asked: bigint | undefined): number {
  return asked === undefined || asked < 0n ? 0 : Number(asked);
}

function checkLimit(limit: bigint | undefined): number {
  if (limit !== undefined && limit < 0n)
    throw new CodedError("limit_invalid", FaultKind.Invalid, `limit must be non-negative, got ${limit}`);
  return Number(limit ?? 0n);
}

function functionsLimit(request: SelectMergeStacktracesRequest): number {
  return checkLimit(request.formatOptions?.functions?.limit);
}

function checkFunctionTree(request: SelectMergeStacktracesRequest, path: readonly string[]): FunctionTreeRequest {
  const options = request.formatOptions?.functionTree;
  const chain = options?.selection === FunctionTreeSelection.FUNCTION_CHAIN;
  const direction = options?.direction ?? FunctionTreeDirection.CALLEES;
  const both = direction === FunctionTreeDirection.BOTH;
  const callers = both || direction === FunctionTreeDirection.CALLERS;
  const depthMax = options?.maxDepth ?? 1;
  const refuse = (what: string): never => {
    throw new CodedError("function_tree_invalid", FaultKind.Invalid, `function tree: ${what}`);
  };
  if (!chain && callers) refuse("a root path has callees only: ask for direction CALLEES, or for selection FUNCTION_CHAIN");
  if (chain && path.length === 0) refuse("a function chain needs at least one name in stack_trace_selector.call_site");
  if (chain && both && path.length !== 1) refuse("direction BOTH needs exactly one name in stack_trace_selector.call_site");
  if (depthMax > FUNCTION_TREE_DEPTH_MAX) refuse(`max_depth is at most ${FUNCTION_TREE_DEPTH_MAX}, got ${depthMax}`);
  return { path, anchored: !chain, callers, callees: both || !callers, depthMax };
}

const FUNCTION_TREE_DEPTH_MAX = 128;

function exemplarKind(type: ExemplarType): ExemplarKind {
  if (type === ExemplarType.INDIVIDUAL) return "individual";
  return type === ExemplarType.SPAN ? "span" : "none";
}

function heatmapOf(type: HeatmapQueryType): "individual" | "span" {
  if (type === HeatmapQueryType.INDIVIDUAL) return "individual";
  if (type === HeatmapQueryType.SPAN) return "span";
  throw new CodedError("heatmap_query_type_missing", FaultKind.Invalid, "a valid heatmap query type must be specified: INDIVIDUAL or SPAN");
}
