import { gzipSync } from "node:zlib";
import { fromBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ProfileSchema } from "../../pipeline/api/gen/google/v1/profile_pb.ts";
import { ask, push, pushBody } from "../harness/client.ts";
import type { WireFlameGraph } from "../harness/flame-graph.ts";
import { makePprof } from "../harness/make-pprof.ts";
import { type Server, startServer } from "../harness/server.ts";
import { flameGraphOf, lastHour, profileTypesOf, stacksOf } from "./ask.ts";

/*
 * Goal: the places where servers that mean to be compatible are not: what Grafana, its SDKs and curl send beyond the letter of the protocol.
 * Method: plain HTTP, as those clients write it, against the real server; values worked out by hand.
 */
const CPU = "process_cpu:cpu:nanoseconds:cpu:nanoseconds";
/** On a full minute, so that buckets of a minute end where the tests say. */
const AT_MS = Math.floor(Date.now() / 60_000) * 60_000 - 600_000;
const RANGE = { start: AT_MS - 600_000, end: AT_MS + 600_000 };

type Reply = { readonly status: number; readonly text: string; readonly headers: Headers };

async function post(
  url: string,
  path: string,
  body: string | Uint8Array<ArrayBuffer> | FormData,
  headers: Record<string, string> = {},
): Promise<Reply> {
  const response = await fetch(url + path, { method: "POST", body, headers });
  return { status: response.status, text: await response.text(), headers: response.headers };
}

function querier(url: string, method: string, body: object | string, headers: Record<string, string> = {}): Promise<Reply> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return post(url, `/querier.v1.QuerierService/${method}`, text, { "content-type": "application/json", ...headers });
}

function cpuProfile(stacks: Readonly<Record<string, number>>, time: number | bigint = AT_MS): Buffer {
  return makePprof({ stacks: Object.fromEntries(Object.entries(stacks).map(([stack, value]) => [stack, [1, value]])), time });
}

describe("reading, as Grafana and curl do it", () => {
  let server: Server;

  beforeAll(async () => {
    server = await startServer();
    const labels = { __name__: "process_cpu", service_name: "shop" };
    const reply = await push(server.url, [
      {
        labels: { ...labels, pod: "a", "k8s.node.name": "n1" },
        profile: cpuProfile({ "main;work": 100, "main;rest": 20, "main;idle": 3 }),
      },
      { labels: { ...labels, pod: "b", "k8s.node.name": "n2" }, profile: cpuProfile({ "main;work": 50 }, AT_MS + 60_000) },
      { labels: { ...labels, pod: "b", "k8s.node.name": "n2" }, profile: cpuProfile({ "main;work": 7 }, AT_MS + 60_001) },
    ]);
    expect(reply.status, reply.body.toString()).toBe(200);
  });
  afterAll(() => server?.stop());

  it("answers 64-bit numbers as strings and leaves zeros out", async () => {
    const { text } = await querier(server.url, "SelectMergeStacktraces", { profileTypeID: CPU, labelSelector: "{}", ...RANGE });
    expect(JSON.parse(text)).toMatchObject({
      flamegraph: { total: "180", maxSelf: "157", levels: [{ values: ["0", "180", "0", "0"] }, {}, {}] },
    });
  });

  it.each([
    ["proto names", { profile_typeID: CPU, label_selector: '{pod="a"}', start: RANGE.start, end: RANGE.end, max_nodes: 100 }],
    [
      "camel names",
      { profileTypeID: CPU, labelSelector: '{pod="a"}', start: String(RANGE.start), end: String(RANGE.end), maxNodes: "100" },
    ],
    [
      "both, with call_site and unknown fields and enums",
      {
        profile_typeID: CPU,
        label_selector: '{pod="a"}',
        ...RANGE,
        maxNodes: 100,
        stackTraceSelector: { call_site: [{ name: "main" }] },
        format: "PROFILE_FORMAT_OF_THE_FUTURE",
        fromTheFuture: { a: [1] },
      },
    ],
  ])("understands %s without a Connect header", async (_, body) => {
    const { status, text } = await querier(server.url, "SelectMergeStacktraces", body);
    expect(status, text).toBe(200);
    expect(stacksOf((JSON.parse(text) as { flamegraph: WireFlameGraph }).flamegraph)).toEqual({
      "main;work": 100,
      "main;rest": 20,
      "main;idle": 3,
    });
  });

  it.each([[[]], [["{}"]], [undefined]])("takes matchers %j for everything", async (matchers) => {
    const { text } = await querier(server.url, "LabelValues", { name: "pod", ...(matchers === undefined ? {} : { matchers }), ...RANGE });
    expect(JSON.parse(text)).toEqual({ names: ["a", "b"] });
  });

  it("passes Grafana's health check, which asks for 1970", async () => {
    const { status, text } = await querier(server.url, "ProfileTypes", { start: 1000, end: 4000 });
    expect([status, JSON.parse(text)]).toEqual([200, {}]);
    const { text: recent } = await querier(server.url, "ProfileTypes", {});
    expect(JSON.parse(recent).profileTypes.map(({ ID }: { ID: string }) => ID)).toContain(CPU);
  });

  it("gives the empty flame graph its exact shape", async () => {
    const { text } = await querier(server.url, "SelectMergeStacktraces", { profileTypeID: CPU, labelSelector: '{pod="none"}', ...RANGE });
    expect(JSON.parse(text)).toEqual({ flamegraph: { names: ["total"], levels: [{ values: ["0", "0", "0", "0"] }] } });
  });

  it("orders children by name, tells x as a difference, and folds the small ones into other", async () => {
    const request = { profileTypeID: CPU, labelSelector: '{pod="a"}', ...RANGE };
    const whole = JSON.parse((await querier(server.url, "SelectMergeStacktraces", request)).text).flamegraph;
    const name = (index: string): string => whole.names[Number(index)];
    const bottom = whole.levels[2].values;
    expect([bottom[3], bottom[7], bottom[11]].map(name)).toEqual(["idle", "rest", "work"]);
    expect([bottom[0], bottom[4], bottom[8]]).toEqual(["0", "0", "0"]);
    const cut = JSON.parse((await querier(server.url, "SelectMergeStacktraces", { ...request, maxNodes: 3 })).text).flamegraph;
    expect(cut.names).toContain("other");
    expect(cut.total).toBe("123");
  });

  it("takes 1048576 nodes at a call site and refuses one more, and none below zero", async () => {
    const request = (maxNodes: number) => ({
      profileTypeID: CPU,
      labelSelector: "{}",
      ...RANGE,
      maxNodes,
      stackTraceSelector: { callSite: [{ name: "main" }, { name: "work" }] },
    });
    const { status, text } = await querier(server.url, "SelectMergeStacktraces", request(1 << 20));
    expect([status, JSON.parse(text).flamegraph.total]).toEqual([200, "157"]);
    for (const wrong of [(1 << 20) + 1, -1]) {
      const reply = await querier(server.url, "SelectMergeStacktraces", request(wrong));
      expect([reply.status, JSON.parse(reply.text).code]).toEqual([400, "invalid_argument"]);
    }
  });

  it("sums what ends in a bucket, and does not divide by its length", async () => {
    const request = { profileTypeID: CPU, labelSelector: "{}", start: AT_MS, end: AT_MS + 120_000, step: 60, groupBy: ["pod"] };
    const { series } = JSON.parse((await querier(server.url, "SelectSeries", request)).text);
    const points = (index: number) =>
      series[index].points.map((p: { timestamp: string; value: number }) => [Number(p.timestamp) - AT_MS, p.value]);
    expect(series.map(({ labels }: { labels: unknown }) => labels)).toEqual([[{ name: "pod", value: "a" }], [{ name: "pod", value: "b" }]]);
    expect(points(0)).toEqual([[0, 123]]);
    // 1 ms after the edge belongs to the next bucket.
    expect(points(1)).toEqual([
      [60_000, 50],
      [120_000, 7],
    ]);
  });

  it.each([0, 0.0005, -1])("refuses a step of %d s", async (step) => {
    const reply = await querier(server.url, "SelectSeries", { profileTypeID: CPU, labelSelector: "{}", ...RANGE, step });
    expect([reply.status, JSON.parse(reply.text).code]).toEqual([400, "invalid_argument"]);
  });

  it("puts heatmap slots at the right edge, with 20 rows over the values of all", async () => {
    const request = {
      profileTypeID: CPU,
      labelSelector: "{}",
      start: AT_MS,
      end: AT_MS + 120_000,
      step: 60,
      queryType: 1,
      exemplarType: 2,
    };
    const { series } = JSON.parse((await querier(server.url, "SelectHeatmap", request)).text);
    const [{ slots }] = series;
    expect(slots.map(({ timestamp }: { timestamp: string }) => Number(timestamp) - AT_MS)).toEqual([0, 60_000, 120_000]);
    expect(slots.map(({ yMin, counts }: { yMin: number[]; counts: number[] }) => [yMin.length, counts.length])).toEqual([
      [20, 20],
      [20, 20],
      [20, 20],
    ]);
    expect(slots[0].yMin[0] ?? 0).toBe(7);
    expect(slots[0].counts[19]).toBe(1);
    expect(slots[0].exemplars).toHaveLength(1);
    expect(slots[0].exemplars[0]).toMatchObject({ value: "123", profileId: expect.stringMatching(/^[0-9a-f-]{36}$/) });
  });

  it("finds one profile by the id of its exemplar", async () => {
    const request = { profileTypeID: CPU, labelSelector: "{}", ...RANGE, step: 60, exemplarType: "EXEMPLAR_TYPE_INDIVIDUAL" };
    const { series } = JSON.parse((await querier(server.url, "SelectSeries", request)).text);
    const exemplars = series[0].points.flatMap((point: { exemplars?: { profileId: string; value: string }[] }) => point.exemplars ?? []);
    expect(exemplars.map(({ value }: { value: string }) => value)).toEqual(["123", "50", "7"]);
    const graph = await flameGraphOf(server.url, CPU, "{}", { profileIdSelector: [exemplars[1].profileId] });
    expect(stacksOf(graph)).toEqual({ "main;work": 50 });
  });

  it.each([
    ["LabelNames", {}, (body: { names: string[] }) => body.names],
    [
      "Series",
      { labelNames: [] },
      (body: { labelsSet: { labels: { name: string }[] }[] }) => body.labelsSet[0]!.labels.map(({ name }) => name),
    ],
  ] as const)("shows dotted label names in %s to those who can read them", async (method, more, names) => {
    const seen = async (headers: Record<string, string>) =>
      names(JSON.parse((await querier(server.url, method, { ...RANGE, ...more }, headers)).text) as never);
    expect(await seen({})).not.toContain("k8s.node.name");
    expect(await seen({ accept: "*/*; allow-utf8-labelnames=true" })).toContain("k8s.node.name");
    expect((await querier(server.url, method, RANGE, { accept: "/;=" })).status).toBe(400);
  });

  it("selects by dotted names in quotes", async () => {
    expect(stacksOf(await flameGraphOf(server.url, CPU, '{"k8s.node.name"="n2"}'))).toEqual({ "main;work": 57 });
  });

  it("gives seven numbers a node in a diff", async () => {
    const side = (pod: string) => ({ profileTypeID: CPU, labelSelector: `{pod="${pod}"}`, ...RANGE });
    const { flamegraph } = JSON.parse((await querier(server.url, "Diff", { left: side("a"), right: side("b") })).text);
    expect(flamegraph).toMatchObject({ total: "180", leftTicks: "123", rightTicks: "57" });
    expect(flamegraph.levels.map(({ values }: { values: string[] }) => values.length % 7)).toEqual([0, 0, 0]);
    expect(flamegraph.levels[0].values).toEqual(["0", "123", "0", "0", "57", "0", "0"]);
  });

  it("downloads pprof to a client that sends nothing but the content type", async () => {
    const { SelectMergeProfileRequestSchema } = await import("../../pipeline/api/gen/querier/v1/querier_pb.ts");
    const { create, toBinary } = await import("@bufbuild/protobuf");
    const request = create(SelectMergeProfileRequestSchema, {
      profileTypeID: CPU,
      labelSelector: '{pod="a"}',
      start: BigInt(RANGE.start),
      end: BigInt(RANGE.end),
    });
    const response = await fetch(`${server.url}/querier.v1.QuerierService/SelectMergeProfile`, {
      method: "POST",
      headers: { "content-type": "application/proto" },
      body: toBinary(SelectMergeProfileRequestSchema, request),
    });
    const profile = fromBinary(ProfileSchema, new Uint8Array(await response.arrayBuffer()));
    expect(profile.sample.map(({ value }) => Number(value[0])).sort((a, b) => a - b)).toEqual([3, 20, 100]);
  });

  it("renders for Grafana's drill-down and flame graph AI", async () => {
    const query = encodeURIComponent(`${CPU}{service_name="shop"}`);
    const range = `from=${RANGE.start}&until=${RANGE.end}`;
    const json = await (await fetch(`${server.url}/pyroscope/render?query=${query}&${range}&format=json`)).json();
    expect(json).toMatchObject({ version: 1, flamebearer: { numTicks: 180, maxSelf: 157 }, metadata: { format: "single" } });
    const dot = await fetch(`${server.url}/pyroscope/render?query=${query}&${range}&format=dot`);
    expect(await dot.text()).toMatch(/^digraph/);
    const sides = `leftQuery=${query}&leftFrom=${RANGE.start}&leftUntil=${RANGE.end}&rightQuery=${query}&rightFrom=${RANGE.start}&rightUntil=${RANGE.end}`;
    const diff = await (await fetch(`${server.url}/pyroscope/render-diff?${sides}`)).json();
    expect(diff).toMatchObject({ metadata: { format: "double" }, leftTicks: 180, rightTicks: 180 });
    const values = await (await fetch(`${server.url}/pyroscope/label-values?label=__name__`)).json();
    expect(values).toContain(CPU);
  });

  it.each(["/settings.v1.SettingsService/Get", "/vcs.v1.VCSService/GithubApp", "/adhocprofiles.v1.AdHocProfileService/List"])(
    "answers %s with 501 until it is built",
    async (path) => {
      const { status, text } = await post(server.url, path, "{}", { "content-type": "application/json" });
      expect([200, 501]).toContain(status);
      if (status === 501) expect(JSON.parse(text).code).toBe("unimplemented");
    },
  );
});

describe("writing, as the SDKs do it", () => {
  let server: Server;
  beforeAll(async () => {
    server = await startServer({ config: { limits: { body_max: "1MiB", profile_max: "1MiB" } } });
  });
  afterAll(() => server?.stop());

  const name = (app: string): string => encodeURIComponent(`${app}{region=eu}`);
  const stored = async (service: string, selector = `{service_name="${service}"}`) =>
    stacksOf(await flameGraphOf(server.url, CPU, selector));

  function form(profile: Buffer, config?: object): FormData {
    const parts = new FormData();
    parts.append("profile", new Blob([Uint8Array.from(profile)]), "profile.pprof");
    if (config !== undefined) parts.append("sample_type_config", new Blob([JSON.stringify(config)]), "sample_type_config.json");
    return parts;
  }

  it.each([
    ["seconds", String(AT_MS / 1000)],
    ["milliseconds", String(AT_MS)],
    ["microseconds", `${AT_MS}000`],
    ["nanoseconds", `${AT_MS}000000`],
  ])("takes multipart without a format, with times in %s, and answers exactly 200 with nothing", async (unit, from) => {
    const reply = await post(
      server.url,
      `/ingest?name=${name(`multi-${unit}`)}&from=${from}&until=${from}&spyName=gospy`,
      form(cpuProfile({ "main;a": 5 })),
    );
    expect([reply.status, reply.text]).toEqual([200, ""]);
    expect(await stored(`multi-${unit}`)).toEqual({ "main;a": 5 });
  });

  it("takes the raw body that format=pprof announces, whatever its content type", async () => {
    const body = Uint8Array.from(cpuProfile({ "main;raw": 6 }));
    const reply = await post(server.url, `/ingest?name=${name("raw")}&format=pprof&spyName=nodespy`, body, {
      "content-type": "application/octet-stream",
    });
    expect([reply.status, reply.text]).toEqual([200, ""]);
    expect(await stored("raw")).toEqual({ "main;raw": 6 });
    expect(await profileTypesOf(server.url, "raw")).toContain(CPU);
  });

  it("ignores Content-Encoding on /ingest and looks at the bytes", async () => {
    const body = Uint8Array.from(cpuProfile({ "main;gz": 7 }));
    const reply = await post(server.url, `/ingest?name=${name("gz")}&format=pprof`, body, { "content-encoding": "gzip" });
    expect(reply.status).toBe(200);
    expect(await stored("gz")).toEqual({ "main;gz": 7 });
  });

  it("takes folded text: the suffix names the type, the rate gives the time", async () => {
    const at = Math.floor(AT_MS / 1000);
    const reply = await post(
      server.url,
      `/ingest?name=folded.cpu&from=${at}&until=${at + 10}&sampleRate=100`,
      "main;work 3\nmain;rest 1\n",
    );
    expect(reply.status).toBe(200);
    expect(await stored("folded")).toEqual({ "main;work": 30_000_000, "main;rest": 10_000_000 });
  });

  it("takes a gzipped Push, as the Rust and Python SDKs send it", async () => {
    const labels = { __name__: "process_cpu", service_name: "pushed" };
    const body = gzipSync(pushBody([{ labels, profile: cpuProfile({ "main;p": 8 }) }]));
    const headers = { "content-type": "application/proto", "content-encoding": "gzip" };
    const reply = await post(server.url, "/push.v1.PusherService/Push", Uint8Array.from(body), headers);
    expect([reply.status, reply.text]).toEqual([200, ""]);
    expect(await stored("pushed")).toEqual({ "main;p": 8 });
  });

  it("takes a Push as JSON", async () => {
    const rawProfile = cpuProfile({ "main;j": 9 }).toString("base64");
    const labels = [
      { name: "__name__", value: "process_cpu" },
      { name: "service_name", value: "json" },
    ];
    const body = JSON.stringify({ series: [{ labels, samples: [{ rawProfile, ID: "" }] }] });
    const reply = await post(server.url, "/push.v1.PusherService/Push", body, { "content-type": "application/json" });
    expect([reply.status, reply.text]).toEqual([200, "{}"]);
    expect(await stored("json")).toEqual({ "main;j": 9 });
  });

  it("stores the good ones of a Push and fails the call", async () => {
    const labels = (pod: string) => ({ __name__: "process_cpu", service_name: "partly", pod });
    const reply = await push(server.url, [
      { labels: labels("bad"), profile: Buffer.from("garbage") },
      { labels: labels("good"), profile: cpuProfile({ "main;good": 1 }) },
    ]);
    expect([reply.status, JSON.parse(reply.body.toString()).code]).toEqual([400, "invalid_argument"]);
    expect(await stored("partly")).toEqual({ "main;good": 1 });
  });

  it.each([
    ["no name", "/ingest?format=pprof", 400],
    ["a bad name", "/ingest?name=a%20b&format=pprof", 400],
    ["garbage", "/ingest?name=app&format=pprof", 422],
  ])("answers %s on /ingest rightly and with an error", async (_, path, status) => {
    const reply = await post(server.url, path, "garbage");
    expect(reply.status).toBe(status);
    expect(JSON.parse(reply.text)).toMatchObject({ code: "invalid_argument", message: expect.stringMatching(/./) });
  });

  it("answers a body over the limit with 413 on /ingest and OTLP, and resource_exhausted on Push", async () => {
    const large = new Uint8Array(1_100_000);
    expect((await post(server.url, "/ingest?name=app&format=pprof", large)).status).toBe(413);
    const otlp = await post(server.url, "/v1development/profiles", large, { "content-type": "application/x-protobuf" });
    expect(otlp.status).toBe(413);
    const pushed = await post(server.url, "/push.v1.PusherService/Push", large, { "content-type": "application/proto" });
    expect([pushed.status, JSON.parse(pushed.text).code]).toEqual([429, "resource_exhausted"]);
  });

  it("lists many label values", async () => {
    const pods = Array.from({ length: 400 }, (_, index) => `pod-${String(index).padStart(4, "0")}`);
    const labels = (pod: string) => ({ __name__: "process_cpu", service_name: "many", pod });
    const reply = await push(
      server.url,
      pods.map((pod) => ({ labels: labels(pod), profile: cpuProfile({ "main;m": 1 }) })),
    );
    expect(reply.status, reply.body.toString()).toBe(200);
    const { names } = await ask<{ names: string[] }>(server.url, "LabelValues", {
      name: "pod",
      matchers: ['{service_name="many"}'],
      ...lastHour(),
    });
    expect(names).toEqual(pods);
  });
});

describe("limits and tenants", () => {
  it("answers 429 with the seconds to wait when a tenant sends too fast", async () => {
    const server = await startServer({ config: { limits: { ingestion_rate: 1000, ingestion_burst: 1000 } } });
    try {
      const replies = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          push(server.url, [
            { labels: { __name__: "process_cpu", service_name: `fast-${index}` }, profile: cpuProfile({ [`main;${"f".repeat(200)}`]: 1 }) },
          ]),
        ),
      );
      const refused = replies.filter(({ status }) => status === 429);
      expect(refused.length).toBeGreaterThan(0);
      expect(new Set(replies.map(({ status }) => status)).isSubsetOf(new Set([200, 429]))).toBe(true);
      expect(Number(refused[0]?.headers.get("retry-after"))).toBeGreaterThan(0);
      expect(JSON.parse(refused[0]?.body.toString() ?? "{}").code).toBe("resource_exhausted");
    } finally {
      await server.stop();
    }
  });

  it("joins tenants for reading, keeps them apart otherwise, and asks for one when writing", async () => {
    const server = await startServer({ config: { auth: { mode: "header" } } });
    try {
      for (const [tenant, value] of [
        ["a", 1],
        ["b", 20],
      ] as const) {
        const labels = { __name__: "process_cpu", service_name: "shared" };
        const reply = await push(server.url, [{ labels, profile: cpuProfile({ "main;t": value }) }], { tenant });
        expect(reply.status, reply.body.toString()).toBe(200);
      }
      const total = async (tenant: string) => {
        const request = { profileTypeID: CPU, labelSelector: "{}", ...RANGE };
        return JSON.parse((await querier(server.url, "SelectMergeStacktraces", request, { "x-scope-orgid": tenant })).text).flamegraph
          .total;
      };
      expect([await total("a"), await total("b"), await total("a|b"), await total("b|a|a")]).toEqual(["1", "20", "21", "21"]);
      expect((await querier(server.url, "ProfileTypes", RANGE)).status).toBe(401);
      expect((await post(server.url, "/ingest?name=x&format=pprof", "")).status).toBe(401);
      const joined = await push(server.url, [{ labels: { __name__: "n", service_name: "s" }, profile: cpuProfile({ x: 1 }) }], {
        tenant: "a|b",
      });
      expect(joined.status).toBe(400);
      expect((await querier(server.url, "GetProfileStats", {}, { "x-scope-orgid": "a|b" })).status).toBe(400);
    } finally {
      await server.stop();
    }
  });
});
