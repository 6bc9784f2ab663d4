import { create, fromJson, type JsonValue } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import {
  DiffRequestSchema,
  ProfileTypesRequestSchema,
  SelectHeatmapRequestSchema,
  SelectMergeProfileRequestSchema,
  SelectMergeSpanProfileRequestSchema,
  SelectMergeStacktracesRequestSchema,
  SelectSeriesRequestSchema,
} from "../../api/gen/querier/v1/querier_pb.ts";
import { LabelNamesRequestSchema, LabelValuesRequestSchema } from "../../api/gen/types/v1/types_pb.ts";
import { isCoded } from "../../base/errors.ts";
import { DAY_MS, type TenantId, type UnixMs } from "../../base/units.ts";
import {
  type Asker,
  checkDiff,
  checkLabelNames,
  checkLabelValues,
  checkMergeProfile,
  checkMergeSpanProfile,
  checkMergeStacktraces,
  checkProfileTypes,
  checkSelectHeatmap,
  checkSelectSeries,
} from "./validate.ts";
import { DEFAULT_QUERY_LIMITS, tightestLimits } from "./validate-range.ts";

const NOW_MS = 1_795_400_000_000 as UnixMs;
const ASKER: Asker = { tenants: ["t" as TenantId], limits: DEFAULT_QUERY_LIMITS, nowMs: NOW_MS, utf8Names: false };
const CPU = "process_cpu:cpu:nanoseconds:cpu:nanoseconds";
const RANGE = { start: String(NOW_MS - 3_600_000), end: String(NOW_MS) };
const BASE = { ...RANGE, profileTypeID: CPU, labelSelector: "{}" };

function codeOf(ask: () => unknown): string | undefined {
  try {
    ask();
    return undefined;
  } catch (error) {
    if (!isCoded(error)) throw error;
    return error.code;
  }
}

const stacktraces = (fields: JsonValue & object) =>
  checkMergeStacktraces(fromJson(SelectMergeStacktracesRequestSchema, fields as JsonValue, { ignoreUnknownFields: true }), ASKER);

describe("a range", () => {
  const cases: readonly [string, Record<string, string>, string | undefined][] = [
    ["none", {}, "range_missing"],
    ["no end", { start: RANGE.start }, "range_missing"],
    ["no start", { end: RANGE.end }, "range_missing"],
    ["reversed", { start: RANGE.end, end: RANGE.start }, "range_reversed"],
    ["over a day", { start: String(NOW_MS - DAY_MS - 1), end: RANGE.end }, "range_too_long"],
    ["a day", { start: String(NOW_MS - DAY_MS), end: RANGE.end }, undefined],
    ["a moment", { start: RANGE.end, end: RANGE.end }, undefined],
    ["of 1970", { start: "1000", end: "4000" }, undefined],
  ];
  it.each(cases)("%s", (_, range, code) => {
    expect(codeOf(() => checkLabelNames(fromJson(LabelNamesRequestSchema, range), ASKER))).toBe(code);
  });

  it("that is older than the lookback selects nothing", () => {
    const question = checkLabelNames(create(LabelNamesRequestSchema, { start: 1000n, end: 4000n }), ASKER);
    expect(question).toMatchObject({ selection: { startMs: 4000, endMs: 4000 } });
  });

  it("that begins before the lookback is cut to it, before its length counts", () => {
    const oldest = NOW_MS - DEFAULT_QUERY_LIMITS.lookbackMs;
    const question = checkLabelNames(create(LabelNamesRequestSchema, { start: 1000n, end: BigInt(oldest + 5) }), ASKER);
    expect(question).toMatchObject({ selection: { startMs: oldest, endMs: oldest + 5 } });
  });

  it("may be left out of profile types altogether, but not by half", () => {
    const question = checkProfileTypes(create(ProfileTypesRequestSchema, {}), ASKER);
    expect(question).toMatchObject({ kind: "profile_types", selection: { startMs: NOW_MS - DEFAULT_QUERY_LIMITS.lookbackMs } });
    expect(codeOf(() => checkProfileTypes(create(ProfileTypesRequestSchema, { end: 5n }), ASKER))).toBe("range_missing");
  });

  it("of joined tenants keeps to the tightest of their limits", () => {
    const loose = { lookbackMs: 0, lengthMsMax: 5, flamegraphNodesDefault: 10, flamegraphNodesMax: 0 };
    const tight = { lookbackMs: 7, lengthMsMax: 3, flamegraphNodesDefault: 4, flamegraphNodesMax: 9 };
    expect(tightestLimits([loose, tight])).toEqual({ lookbackMs: 7, lengthMsMax: 3, flamegraphNodesDefault: 4, flamegraphNodesMax: 9 });
    expect(tightestLimits([loose])).toEqual(loose);
  });
});

describe("checkMergeStacktraces", () => {
  it.each([
    ["no format", {}, "flamegraph"],
    ["a format it does not know", { format: "PROFILE_FORMAT_HOLOGRAM" }, "flamegraph"],
    ["the closed sandwich format", { format: "PROFILE_FORMAT_SANDWICH", sandwichFunction: "f" }, "flamegraph"],
    ["tree", { format: "PROFILE_FORMAT_TREE" }, "tree_bytes"],
    ["dot", { format: "PROFILE_FORMAT_DOT" }, "dot"],
    ["pprof", { format: "PROFILE_FORMAT_PPROF" }, "pprof"],
    ["functions", { format: "PROFILE_FORMAT_FUNCTIONS", formatOptions: { functions: { limit: "0" } } }, "functions"],
  ])("takes %s", (_, fields, kind) => {
    expect(stacktraces({ ...BASE, ...fields }).kind).toBe(kind);
  });

  it("resolves the number of nodes", () => {
    const nodes = (maxNodes?: string) => stacktraces({ ...BASE, ...(maxNodes === undefined ? {} : { maxNodes }) });
    expect(nodes()).toMatchObject({ nodesMax: 8192 });
    expect(nodes("0")).toMatchObject({ nodesMax: 8192 });
    expect(nodes("1048576")).toMatchObject({ nodesMax: 1_048_576 });
    expect(codeOf(() => nodes("1048577"))).toBe("nodes_invalid");
    expect(codeOf(() => nodes("-1"))).toBe("nodes_invalid");
    expect(stacktraces({ ...BASE, format: "PROFILE_FORMAT_DOT" })).toMatchObject({ nodesMax: 100, sourceNodesMax: 512 });
    expect(stacktraces({ ...BASE, format: "PROFILE_FORMAT_DOT", maxNodes: "600" })).toMatchObject({ nodesMax: 600, sourceNodesMax: 600 });
    expect(stacktraces({ ...BASE, format: "PROFILE_FORMAT_PPROF" })).toMatchObject({ nodesMax: 0 });
  });

  it("takes field names in both spellings at once", () => {
    const mixed = {
      ...RANGE,
      profile_typeID: CPU,
      label_selector: '{a="b"}',
      stackTraceSelector: { call_site: [{ name: "main" }] },
      maxNodes: 5,
    };
    expect(stacktraces(mixed)).toMatchObject({
      selection: { profileTypeId: CPU, matchers: [{ name: "a", op: "=", value: "b" }] },
      stacks: { callSite: ["main"] },
      nodesMax: 5,
    });
  });

  it("cuts the sixth part of an old profile type", () => {
    expect(stacktraces({ ...BASE, profileTypeID: `${CPU}:delta` })).toMatchObject({ selection: { profileTypeId: CPU } });
    expect(stacktraces({ ...BASE, profileTypeID: "off_cpu:off_cpu:nanoseconds::" })).toMatchObject({
      selection: { profileTypeId: "off_cpu:off_cpu:nanoseconds::" },
    });
  });

  const uuid = "7C9E6679-7425-40de-944b-e07fc1f90ae7";
  it("brings ids to one spelling", () => {
    expect(stacktraces({ ...BASE, profileIdSelector: [uuid], spanSelector: ["9A517183f26a089d"] })).toMatchObject({
      stacks: { profileIds: ["7c9e6679742540de944be07fc1f90ae7"], spanIds: ["9a517183f26a089d"] },
    });
  });

  it.each([
    ["a type of four parts", { profileTypeID: "a:b:c:d" }, "profile_type_invalid"],
    ["no type", { profileTypeID: "" }, "profile_type_invalid"],
    ["no selector", { labelSelector: "" }, "selector_invalid"],
    ["an unclosed selector", { labelSelector: "{a=" }, "selector_invalid"],
    ["a bad regex", { labelSelector: '{a=~"("}' }, "selector_regex_invalid"],
    ["a bad profile id", { profileIdSelector: ["12"] }, "profile_id_invalid"],
    ["a short span id", { spanSelector: ["12"] }, "span_id_invalid"],
    ["a span id that is no hex", { spanSelector: ["zzzzzzzzzzzzzzzz"] }, "span_id_invalid"],
    ["a short trace id", { traceIdSelector: ["9a517183f26a089d"] }, "trace_id_invalid"],
    [
      "span and trace",
      { spanSelector: ["9a517183f26a089d"], traceIdSelector: ["9a517183f26a089d9a517183f26a089d"] },
      "span_and_trace_selector",
    ],
    ["a bad frame regex", { stackTraceSelector: { frameFilter: { includeFunctionNameRegexes: ["("] } } }, "selector_regex_invalid"],
    ["async", { async: { type: "ASYNC_QUERY_TYPE_FORCE" } }, "async_query_unsupported"],
    ["a negative limit", { format: "PROFILE_FORMAT_FUNCTIONS", formatOptions: { functions: { limit: "-1" } } }, "limit_invalid"],
  ])("refuses %s", (_, fields, code) => {
    expect(codeOf(() => stacktraces({ ...BASE, ...fields }))).toBe(code);
  });

  const tree = (selection: string, direction: string, names: readonly string[], maxDepth = 1) =>
    codeOf(() =>
      stacktraces({
        ...BASE,
        format: "PROFILE_FORMAT_FUNCTION_TREE",
        stackTraceSelector: { callSite: names.map((name) => ({ name })) },
        formatOptions: {
          functionTree: { selection: `FUNCTION_TREE_SELECTION_${selection}`, direction: `FUNCTION_TREE_DIRECTION_${direction}`, maxDepth },
        },
      }),
    );
  it("takes only function trees that make sense", () => {
    expect(tree("ROOT_PATH", "CALLEES", [])).toBeUndefined();
    expect(tree("ROOT_PATH", "CALLERS", ["a"])).toBe("function_tree_invalid");
    expect(tree("FUNCTION_CHAIN", "CALLERS", ["a", "b"])).toBeUndefined();
    expect(tree("FUNCTION_CHAIN", "CALLEES", [])).toBe("function_tree_invalid");
    expect(tree("FUNCTION_CHAIN", "BOTH", ["a"])).toBeUndefined();
    expect(tree("FUNCTION_CHAIN", "BOTH", ["a", "b"])).toBe("function_tree_invalid");
    expect(tree("ROOT_PATH", "CALLEES", ["a"], 128)).toBeUndefined();
    expect(tree("ROOT_PATH", "CALLEES", ["a"], 129)).toBe("function_tree_invalid");
  });

  it("shows one level of a function tree unless asked otherwise, and none when asked for none", () => {
    const depth = (functionTree: Record<string, number>) =>
      stacktraces({ ...BASE, format: "PROFILE_FORMAT_FUNCTION_TREE", formatOptions: { functionTree } });
    expect(depth({})).toMatchObject({ request: { depthMax: 1, anchored: true, callees: true, callers: false } });
    expect(depth({ maxDepth: 0 })).toMatchObject({ request: { depthMax: 0 } });
  });
});

describe("the other requests", () => {
  it("span profiles without spans mean all samples", () => {
    const question = checkMergeSpanProfile(fromJson(SelectMergeSpanProfileRequestSchema, { ...BASE, format: "PROFILE_FORMAT_DOT" }), ASKER);
    expect(question).toMatchObject({ kind: "flamegraph", stacks: { spanIds: [] }, nodesMax: 8192 });
  });

  it("pprof of a Go PGO selector ignores the call site", () => {
    const selector = { callSite: [{ name: "main" }], goPgo: { keepLocations: 5, aggregateCallees: true } };
    const question = checkMergeProfile(fromJson(SelectMergeProfileRequestSchema, { ...BASE, stackTraceSelector: selector }), ASKER);
    expect(question).toMatchObject({
      kind: "pprof",
      form: "profile",
      stacks: { callSite: [] },
      goPgo: { keepLocations: 5, aggregateCallees: true },
    });
  });

  it("a timeline reads from behind one step before its start", () => {
    const question = checkSelectSeries(fromJson(SelectSeriesRequestSchema, { ...BASE, step: 15, groupBy: ["pod"], limit: "3" }), ASKER);
    expect(question).toMatchObject({
      kind: "time_series",
      selection: { startMs: NOW_MS - 3_600_000 - 15_000 + 1, endMs: NOW_MS },
      buckets: { startMs: NOW_MS - 3_600_000, endMs: NOW_MS, stepMs: 15_000 },
      limit: 3,
      aggregation: "sum",
      exemplars: "none",
    });
  });

  it("a timeline ignores a call site and honours a frame filter", () => {
    const stackTraceSelector = { callSite: [{ name: "main" }], frameFilter: { includeFunctionNames: ["f"] } };
    const question = checkSelectSeries(fromJson(SelectSeriesRequestSchema, { ...BASE, step: 15, stackTraceSelector }), ASKER);
    expect(question).toMatchObject({ stacks: { callSite: [], frameFilter: { includeNames: ["f"] } } });
  });

  it.each([[0], [-1], [0.0009], ["NaN"], ["Infinity"]])("a step of %s is refused", (step) => {
    expect(codeOf(() => checkSelectSeries(fromJson(SelectSeriesRequestSchema, { ...BASE, step }), ASKER))).toBe("step_invalid");
  });

  const heatmap = (fields: object) =>
    checkSelectHeatmap(fromJson(SelectHeatmapRequestSchema, { ...BASE, step: 15, queryType: "HEATMAP_QUERY_TYPE_SPAN", ...fields }), ASKER);
  it("heatmaps say of what they are", () => {
    expect(heatmap({ exemplarType: "EXEMPLAR_TYPE_SPAN" })).toMatchObject({ kind: "heatmap", of: "span", exemplars: "span" });
    expect(heatmap({ exemplarType: "EXEMPLAR_TYPE_NONE" })).toMatchObject({ exemplars: "none" });
    expect(codeOf(() => heatmap({ exemplarType: "EXEMPLAR_TYPE_INDIVIDUAL" }))).toBe("heatmap_exemplar_mismatch");
    expect(codeOf(() => heatmap({ queryType: "HEATMAP_QUERY_TYPE_UNSPECIFIED" }))).toBe("heatmap_query_type_missing");
    expect(codeOf(() => heatmap({ limit: "-1" }))).toBe("limit_invalid");
    expect(codeOf(() => heatmap({ start: RANGE.end }))).toBe("range_reversed");
    expect(codeOf(() => heatmap({ step: 0 }))).toBe("step_invalid");
  });

  it("label values need a name", () => {
    expect(codeOf(() => checkLabelValues(fromJson(LabelValuesRequestSchema, RANGE), ASKER))).toBe("label_name_missing");
  });

  const diff = (left: object, right: object) =>
    checkDiff(fromJson(DiffRequestSchema, { left: { ...BASE, ...left }, right: { ...BASE, ...right } }), ASKER);
  it("a diff takes the larger number of nodes and refuses what either side would", () => {
    expect(diff({ maxNodes: "5" }, { maxNodes: "7" })).toMatchObject({ kind: "diff", nodesMax: 7 });
    expect(diff({}, {})).toMatchObject({ nodesMax: 8192 });
    expect(diff({ format: "PROFILE_FORMAT_FUNCTIONS" }, {})).toMatchObject({ kind: "functions_diff", form: "tables" });
    expect(codeOf(() => diff({ profileTypeID: "x" }, {}))).toBe("profile_type_invalid");
    expect(codeOf(() => diff({}, { end: "0" }))).toBe("range_missing");
    expect(codeOf(() => checkDiff(create(DiffRequestSchema, {}), ASKER))).toBe("diff_side_missing");
  });
});
