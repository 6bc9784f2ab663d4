import { fromBinary } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { ProfileTypesResponseSchema, SelectMergeStacktracesResponseSchema } from "../../api/gen/querier/v1/querier_pb.ts";
import { GetProfileStatsResponseSchema, LabelValuesResponseSchema } from "../../api/gen/types/v1/types_pb.ts";
import { STEP_ELEMENTS } from "../../base/steps.ts";
import type { TenantId, UnixMs } from "../../base/units.ts";
import { rowsOf, spanRowsOf } from "./answer/testing/rows.ts";
import { stacksOf } from "./answer/testing/stacks.ts";
import { type Stack, treeOf } from "./answer/testing/trees.ts";
import { answer } from "./answer.ts";
import { type Engine, EVERY_STACK, type Selection, type SeriesOfKind, type ServiceOfKind } from "./engine-interface.ts";
import type { Matcher } from "./matcher.ts";
import { queryCancelled } from "./pace.ts";
import type { Question } from "./question.ts";

/** An engine that notes what it is asked for, and the steps that are made of its answers. */
class NotingEngine implements Engine {
  readonly asked: string[] = [];
  steps = 0;
  /** At this step nobody waits any more. */
  endsAt = Number.POSITIVE_INFINITY;
  readonly #stacks: readonly Stack[];
  readonly #kind = { name: "cpu", periodType: { type: "p", unit: "u" }, sampleTypes: [{ type: "s", unit: "n" }] };

  constructor(stacks: readonly Stack[] = [{ names: ["main"], value: 3 }]) {
    this.#stacks = stacks;
  }

  step(): undefined {
    if (++this.steps === this.endsAt) throw queryCancelled();
  }
  async tree() {
    this.asked.push("tree");
    return treeOf(this.#stacks);
  }
  async stacks() {
    this.asked.push("stacks");
    return stacksOf(this.#stacks.map(({ names, value }) => ({ locations: names.map((name) => `${name}:1`).reverse(), value })));
  }
  async rows() {
    this.asked.push("rows");
    return rowsOf([{ labels: {}, timeMs: 1, value: 3 }]);
  }
  async spanRows() {
    this.asked.push("spanRows");
    return spanRowsOf([]);
  }
  async series(): Promise<readonly SeriesOfKind[]> {
    this.asked.push("series");
    return [{ labels: [{ name: "service_name", value: "stored" }], kind: this.#kind, sampleTypes: [0] }];
  }
  async labelNames(): Promise<ReadonlySet<string>> {
    this.asked.push("labelNames");
    return new Set(["service_name"]);
  }
  async services(): Promise<readonly ServiceOfKind[]> {
    this.asked.push("services");
    return [{ service: "known", kind: this.#kind, sampleTypes: [0] }];
  }
  async scope() {
    this.asked.push("scope");
    const none = {
      objectCount: 0,
      datasetCount: 0,
      seriesCount: 0,
      profileCount: 0,
      sampleCount: 0,
      indexBytes: 0,
      profileBytes: 0,
      symbolBytes: 0,
    };
    return { segments: none, blocks: none };
  }
  async stored() {
    this.asked.push("stored");
    return { oldestMs: 5 as UnixMs, newestMs: 9 as UnixMs };
  }
}

const selection = (matchers: readonly Matcher[] = []): Selection => ({
  tenants: ["t" as TenantId],
  matchers,
  startMs: 0 as UnixMs,
  endMs: 10 as UnixMs,
});
const typed = { ...selection(), profileTypeId: "cpu:s:n:p:u" };

describe("answer", () => {
  const buckets = { startMs: 0 as UnixMs, endMs: 10 as UnixMs, stepMs: 5 };
  const series = { buckets, groupBy: [], aggregation: "sum", limit: 0 } as const;
  const stacks = EVERY_STACK;
  const cases: readonly [string, Question, readonly string[]][] = [
    ["profile types", { kind: "profile_types", selection: selection() }, ["services"]],
    ["label names", { kind: "label_names", selection: selection(), utf8Names: false }, ["labelNames"]],
    ["a flame graph", { kind: "flamegraph", selection: typed, stacks, nodesMax: 0 }, ["tree"]],
    ["pprof", { kind: "pprof", selection: typed, stacks, nodesMax: 0, goPgo: undefined, form: "profile" }, ["stacks"]],
    ["a timeline", { kind: "time_series", selection: typed, stacks, ...series, exemplars: "individual" }, ["rows"]],
    ["a timeline with spans", { kind: "time_series", selection: typed, stacks, ...series, exemplars: "span" }, ["rows", "spanRows"]],
    [
      "a heatmap of spans",
      { kind: "heatmap", of: "span", selection: typed, stacks, buckets, groupBy: [], exemplars: "none", limit: 0 },
      ["spanRows"],
    ],
    ["a diff", { kind: "diff", left: { selection: typed, stacks }, right: { selection: typed, stacks }, nodesMax: 0 }, ["tree", "tree"]],
    ["what a query would read", { kind: "analyze_query", selection: selection() }, ["scope"]],
  ];
  it.each(cases)("reads what it takes for %s and no more", async (_, question, asked) => {
    const engine = new NotingEngine();
    await answer(question, engine);
    expect(engine.asked).toEqual(asked);
  });

  const values = async (name: string, matchers: readonly Matcher[]) => {
    const engine = new NotingEngine();
    const bytes = await answer({ kind: "label_values", selection: selection(matchers), name }, engine);
    return { asked: engine.asked, names: fromBinary(LabelValuesResponseSchema, bytes).names };
  };
  it("reads no object for values that the catalog knows", async () => {
    expect(await values("service_name", [])).toEqual({ asked: ["services"], names: ["known"] });
    expect(await values("service_name", [{ name: "__type__", op: "=", value: "s" }])).toMatchObject({ asked: ["services"] });
    expect(await values("service_name", [{ name: "pod", op: "=", value: "x" }])).toEqual({ asked: ["series"], names: ["stored"] });
    expect(await values("pod", [])).toMatchObject({ asked: ["series"] });
  });

  it("answers the landing page of Profiles Drilldown from the catalog, in both of its forms", async () => {
    for (const names of [
      ["__profile_type__", "service_name"],
      ["__name__", "__profile_type__", "__type__", "pyroscope_app", "service_name"],
    ]) {
      const engine = new NotingEngine();
      await answer({ kind: "series", selection: selection(), names, utf8Names: false }, engine);
      expect(engine.asked).toEqual(["services"]);
    }
  });

  const large = Array.from({ length: 5 * STEP_ELEMENTS }, (_, i) => ({ names: [`h${i % 50}`, `w${Math.floor(i / 50)}`], value: 1 }));
  const tree = { selection: typed, stacks, nodesMax: 0 };
  const both = { left: { selection: typed, stacks }, right: { selection: typed, stacks } };
  const functionTree = { path: ["h1"], anchored: false, callers: true, callees: true, depthMax: 9 };
  // Of each element: laid out, its name, its numbers; then JSON.
  const passes: readonly [string, Question, number][] = [
    ["a flame graph", { kind: "flamegraph", ...tree }, 3],
    [
      "a flame graph as JSON",
      { kind: "json", of: { kind: "flamegraph", ...tree }, typeName: SelectMergeStacktracesResponseSchema.typeName },
      3.2,
    ],
    ["tree bytes", { kind: "tree_bytes", ...tree }, 2],
    ["functions", { kind: "functions", limit: 0, selection: typed, stacks }, 1],
    ["a function tree", { kind: "function_tree", request: functionTree, selection: typed, stacks }, 1],
    ["pprof", { kind: "pprof", ...tree, goPgo: undefined, form: "response" }, 2],
    ["pprof, cut", { kind: "pprof", ...tree, nodesMax: 100, goPgo: undefined, form: "response" }, 4],
    ["a diff", { kind: "diff", ...both, nodesMax: 0 }, 5],
    ["a diff of functions", { kind: "functions_diff", ...both, limit: 0, form: "rows" }, 2],
    ["a rendered flame graph", { kind: "render", ...tree, timeline: { ...series, exemplars: "none" } }, 3],
  ];
  it.each(passes)(
    "makes %s in steps, so that others of the thread need not wait for the whole, and ends at any of them",
    async (_, asked, times) => {
      const engine = new NotingEngine(large);
      await answer(asked, engine);
      expect(engine.steps).toBeGreaterThanOrEqual((times * large.length) / STEP_ELEMENTS);
      const left = new NotingEngine(large);
      left.endsAt = engine.steps - 1;
      await expect(answer(asked, left)).rejects.toMatchObject({ code: "query_cancelled" });
    },
  );

  it("gives whole response messages", async () => {
    const engine = new NotingEngine();
    const types = fromBinary(ProfileTypesResponseSchema, await answer({ kind: "profile_types", selection: selection() }, engine));
    expect(types.profileTypes.map((type) => type.ID)).toEqual(["cpu:s:n:p:u"]);
    const stats = fromBinary(GetProfileStatsResponseSchema, await answer({ kind: "profile_stats", tenant: "t" as TenantId }, engine));
    expect(stats).toMatchObject({ dataIngested: true, oldestProfileTime: 5n, newestProfileTime: 9n });
    const dot = await answer({ kind: "dot", selection: typed, stacks, sourceNodesMax: 0, nodesMax: 0, form: "response" }, engine);
    expect(fromBinary(SelectMergeStacktracesResponseSchema, dot).dot).toMatch(/^digraph "app" \{/);
  });
});
