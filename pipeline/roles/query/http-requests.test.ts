import { create, toBinary } from "@bufbuild/protobuf";
import fastify, { type FastifyInstance } from "fastify";
import { afterEach, describe, expect, it } from "vitest";
import { ProfileTypesResponseSchema } from "../../api/gen/querier/v1/querier_pb.ts";
import { LabelValuesResponseSchema } from "../../api/gen/types/v1/types_pb.ts";
import { isCoded } from "../../base/errors.ts";
import { HOUR_MS, type TenantId, type UnixMs } from "../../base/units.ts";
import { OPEN_GATE } from "../../http/gate.ts";
import { querierPlainRoutes } from "./http.ts";
import { checkRender, checkRenderDiff, timelineStepMs } from "./http-requests.ts";
import type { Question } from "./question.ts";
import type { Asker } from "./validate.ts";
import { DEFAULT_QUERY_LIMITS } from "./validate-range.ts";

const NOW_MS = 1_795_389_607_000 as UnixMs;
const ASKER: Asker = { tenants: ["t" as TenantId], limits: DEFAULT_QUERY_LIMITS, nowMs: NOW_MS, utf8Names: false };
const CPU = "process_cpu:cpu:nanoseconds:cpu:nanoseconds";

const render = (parameters: Readonly<Record<string, string>>) => checkRender((name) => parameters[name], ASKER);
const renderDiff = (parameters: Readonly<Record<string, string>>) => checkRenderDiff((name) => parameters[name], ASKER);
function codeOf(ask: () => unknown): string | undefined {
  try {
    ask();
    return undefined;
  } catch (error) {
    if (!isCoded(error)) throw error;
    return error.code;
  }
}

describe("checkRender", () => {
  it("takes the type from the selector and snaps the timeline to its step", () => {
    expect(render({ query: `${CPU}{service_name="a"}`, from: "now-10m", until: "now", groupBy: "pod" })).toMatchObject({
      kind: "render",
      selection: {
        profileTypeId: CPU,
        matchers: [{ name: "service_name", op: "=", value: "a" }],
        startMs: NOW_MS - 600_000,
        endMs: NOW_MS,
      },
      nodesMax: 8192,
      timeline: {
        buckets: { startMs: NOW_MS - 7000 - 600_000, endMs: NOW_MS - 7000, stepMs: 15_000 },
        groupBy: ["pod"],
        aggregation: "sum",
      },
    });
  });

  it("looks at the last hour unless told otherwise", () => {
    expect(render({ query: CPU })).toMatchObject({ selection: { startMs: NOW_MS - HOUR_MS, endMs: NOW_MS } });
  });

  it("takes nodes in both spellings and draws graphs", () => {
    expect(render({ query: CPU, "max-nodes": "7" })).toMatchObject({ nodesMax: 7 });
    expect(render({ query: CPU, maxNodes: "7", "max-nodes": "0" })).toMatchObject({ nodesMax: 7 });
    expect(render({ query: CPU, "max-nodes": "many" })).toMatchObject({ nodesMax: 8192 });
    expect(render({ query: CPU, format: "dot" })).toMatchObject({ kind: "dot", form: "text", nodesMax: 100, sourceNodesMax: 512 });
  });

  it.each([
    [{}, "parameter_missing"],
    [{ query: "{a=}" }, "selector_invalid"],
    [{ query: '{a="b"}' }, "profile_type_invalid"],
    [{ query: "up" }, "profile_type_invalid"],
    [{ query: CPU, from: "soon" }, "time_invalid"],
    [{ query: CPU, from: "now", until: "now-1h" }, "range_reversed"],
    [{ query: CPU, from: "now-30h" }, "range_too_long"],
    [{ query: CPU, format: "svg" }, "format_unknown"],
    [{ query: CPU, "max-nodes": "9999999" }, "nodes_invalid"],
  ])("refuses %j with %s", (parameters, code) => {
    expect(codeOf(() => render(parameters as Record<string, string>))).toBe(code);
  });
});

describe("checkRenderDiff", () => {
  it("needs the same type on both sides", () => {
    const sides = (left: string, right: string) => () => renderDiff({ leftQuery: left, rightQuery: right });
    expect(sides(CPU, `${CPU}{a="b"}`)()).toMatchObject({ kind: "render_diff", right: { selection: { matchers: [{ name: "a" }] } } });
    expect(codeOf(sides(CPU, "a:b:c:d:e"))).toBe("diff_types_differ");
    expect(codeOf(sides(CPU, ""))).toBe("parameter_missing");
  });
});

describe("timelineStepMs", () => {
  it.each([
    [60_000, 15_000],
    [6 * HOUR_MS, 15_000],
    [7 * HOUR_MS, 15_000],
    [8 * HOUR_MS, 20_000],
    [24 * HOUR_MS, 60_000],
    [30 * 24 * HOUR_MS, 30 * 60_000],
  ])("a range of %d ms has points every %d ms", (rangeMs, stepMs) => {
    expect(timelineStepMs(NOW_MS - rangeMs, NOW_MS)).toBe(stepMs);
  });
});

describe("GET /pyroscope/label-values", () => {
  let app: FastifyInstance | undefined;
  afterEach(() => app?.close());

  async function get(url: string): Promise<{ status: number; body: unknown; asked: Question[] }> {
    const asked: Question[] = [];
    app = fastify();
    const ask = async (question: Question): Promise<Uint8Array> => {
      asked.push(question);
      if (question.kind === "profile_types")
        return toBinary(ProfileTypesResponseSchema, create(ProfileTypesResponseSchema, { profileTypes: [{ ID: CPU }] }));
      return toBinary(LabelValuesResponseSchema, create(LabelValuesResponseSchema, { names: ["a", "b"] }));
    };
    app.setErrorHandler((error, _request, reply) =>
      reply.code(isCoded(error) ? 400 : 500).send({ code: isCoded(error) ? error.code : String(error) }),
    );
    const clock = { nowMs: () => NOW_MS, monotonicMs: () => 0, sleep: async () => {} };
    const caller = () => ({ tenants: ASKER.tenants, mayRead: true, mayWrite: true, utf8LabelNames: false });
    querierPlainRoutes({ ask, limitsOf: () => DEFAULT_QUERY_LIMITS, clock })({ fastify: app, caller, gate: OPEN_GATE });
    const response = await app.inject({ method: "GET", url });
    return { status: response.statusCode, body: response.json(), asked };
  }

  it("lists the values of a label, and the profile types as those of __name__", async () => {
    expect(await get("/pyroscope/label-values?label=service_name")).toMatchObject({
      status: 200,
      body: ["a", "b"],
      asked: [{ kind: "label_values", name: "service_name", selection: { startMs: NOW_MS - DEFAULT_QUERY_LIMITS.lookbackMs } }],
    });
    expect(await get("/pyroscope/label-values?label=__name__")).toMatchObject({ status: 200, body: [CPU] });
  });

  it("refuses a range and a missing label", async () => {
    expect(await get("/pyroscope/label-values?label=a&from=now-1h")).toMatchObject({
      status: 400,
      body: { code: "range_unsupported" },
      asked: [],
    });
    expect(await get("/pyroscope/label-values")).toMatchObject({ status: 400, body: { code: "parameter_missing" } });
  });
});
