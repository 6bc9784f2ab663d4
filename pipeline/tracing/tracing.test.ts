import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ask, push } from "../../test/harness/client.ts";
import { makePprof } from "../../test/harness/make-pprof.ts";
import { silentLog } from "../base/log.ts";
import { loadConfig } from "../config/load.ts";
import { type Server, startServer } from "../main.ts";
import { parseHeaders, tracesUrl } from "./exporter.ts";
import { type CollectedSpan, type FakeCollector, startFakeCollector } from "./testing/fake-collector.ts";

/* Goal: one trace shows the whole way of a profile, and one the whole way of a question. Method: a collector that decodes what it is sent. */

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const PARENT = "b7ad6b7169203331";
const folder = mkdtempSync(join(tmpdir(), "brazier-tracing-"));
let collector: FakeCollector;
let server: Server;
let url: string;

beforeAll(async () => {
  collector = await startFakeCollector();
  const flags = {
    data_dir: join(folder, "data"),
    "http.host": "127.0.0.1",
    "http.port": "0",
    "otlp.enabled": "false",
    "self_profile.enabled": "false",
    "tracing.endpoint": collector.url,
    "tracing.sample_ratio": "0",
    "tracing.headers": "x-api-key=hunter2",
  };
  const loaded = loadConfig({ flags, environment: {}, file: undefined });
  server = await startServer(loaded, silentLog, { page: { folder: join(folder, "no-page"), absent: () => "" } });
  url = `http://127.0.0.1:${server.port}`;
}, 60_000);

afterAll(async () => {
  await server?.stop();
  await collector?.stop();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

function spansOf(trace: string): ReadonlyMap<string, CollectedSpan> {
  return new Map(collector.spans.filter((span) => span.traceId === trace).map((span) => [span.name, span]));
}

async function traced(trace: string, path: string, contentType: string, body: string | Uint8Array<ArrayBuffer>): Promise<Response> {
  const headers = { "content-type": contentType, traceparent: `00-${trace}-${PARENT}-01` };
  const response = await fetch(url + path, { method: "POST", headers, body });
  await response.arrayBuffer();
  return response;
}

const profile = makePprof({ stacks: { "main;work": [1, 10] }, time: Date.now() });
const labels = { service_name: "shop", __name__: "process_cpu" };

describe("a trace that comes with a push", () => {
  it("goes on to the commit, by way of the queue", async () => {
    const folded = "/ingest?name=shop&format=folded";
    expect((await traced(TRACE, folded, "text/plain", "main;work 10\n")).status).toBe(200);
    await expect
      .poll(() => [...spansOf(TRACE).keys()].sort(), { timeout: 15_000 })
      .toEqual(["POST /ingest", "build", "commit", "decode", "publish", "push", "put"].sort());
    const spans = spansOf(TRACE);
    const parentOf = (name: string): string | undefined =>
      [...spans.values()].find(({ spanId }) => spanId === spans.get(name)?.parentSpanId)?.name;
    expect(spans.get("POST /ingest")?.parentSpanId).toBe(PARENT);
    expect(["push", "decode", "publish", "build", "commit", "put"].map(parentOf)).toEqual([
      "POST /ingest",
      "push",
      "push",
      "publish",
      "publish",
      "commit",
    ]);
    for (const { startNs, endNs, status } of spans.values()) {
      expect(endNs).toBeGreaterThanOrEqual(startNs);
      expect(Math.abs(Number(startNs / 1_000_000n) - Date.now())).toBeLessThan(60_000);
      expect(status).toBe(0);
    }
    expect(collector.requests[0]).toMatchObject({
      path: "/v1/traces",
      headers: { "x-api-key": "hunter2", "content-type": "application/x-protobuf" },
    });
  });

  it("shows a fault where it happened", async () => {
    const trace = TRACE.replace("0af", "1af");
    expect((await traced(trace, "/ingest?name=shop&format=pprof", "text/plain", "no profile")).status).toBeGreaterThanOrEqual(400);
    await expect.poll(() => spansOf(trace).has("push"), { timeout: 15_000 }).toBe(true);
    expect(spansOf(trace).has("commit")).toBe(false);
  });
});

describe("a trace that comes with a question", () => {
  it("goes on to the thread that answers it", async () => {
    expect((await push(url, [{ labels, profile }])).status).toBe(200);
    const trace = TRACE.replace("0af", "2af");
    const question = {
      start: String(Date.now() - 60_000),
      end: String(Date.now() + 60_000),
      labelSelector: '{service_name="shop"}',
      profile_typeID: "process_cpu:samples:count:cpu:nanoseconds",
    };
    const method = "/querier.v1.QuerierService/SelectMergeStacktraces";
    expect((await traced(trace, method, "application/json", JSON.stringify(question))).status).toBe(200);
    await expect
      .poll(() => [...spansOf(trace).keys()].sort(), { timeout: 15_000 })
      .toEqual([`POST ${method}`, "answer", "merge", "plan", "query", "read"].sort());
    const spans = spansOf(trace);
    expect(spans.get("answer")?.parentSpanId).toBe(spans.get("query")?.spanId);
    for (const name of ["plan", "read", "merge"]) expect(spans.get(name)?.parentSpanId).toBe(spans.get("answer")?.spanId);
  });
});

describe("without a trace", () => {
  it("chance decides, which here says no", async () => {
    const before = collector.spans.length;
    await ask(url, "LabelNames", { start: String(Date.now() - 1000), end: String(Date.now()) });
    const trace = TRACE.replace("0af", "3af");
    await traced(trace, "/ingest?name=shop&format=folded", "text/plain", "main;work 10\n");
    await expect.poll(() => spansOf(trace).size, { timeout: 15_000 }).toBeGreaterThan(6);
    expect(collector.spans.slice(before).every((span) => span.traceId === trace)).toBe(true);
  });

  it("a request has an id, its own or one of ours", async () => {
    const own = await fetch(`${url}/ready`, { headers: { "x-request-id": "gateway-17" } });
    expect(own.headers.get("x-request-id")).toBe("gateway-17");
    const [first, second] = await Promise.all([
      fetch(`${url}/ready`),
      fetch(`${url}/ready`, { headers: { "x-request-id": "not one\tof ours" } }),
    ]);
    expect(first.headers.get("x-request-id")).toMatch(/^[\w-]{9,}$/);
    expect(second.headers.get("x-request-id")).not.toBe(first.headers.get("x-request-id"));
    expect(second.headers.get("x-request-id")).toMatch(/^[\w-]+$/);
  });
});

describe("where spans go", () => {
  it("is the collector's place for traces, unless another is named", () => {
    expect(tracesUrl("http://c:4318")).toBe("http://c:4318/v1/traces");
    expect(tracesUrl("https://c/otlp/v1/traces")).toBe("https://c/otlp/v1/traces");
    expect(parseHeaders(" a=1, b = x=y ")).toEqual({ a: "1", b: "x=y" });
    expect(() => parseHeaders("hunter2")).toThrow(expect.objectContaining({ code: "tracing_headers_invalid" }));
    expect(() => parseHeaders("hunter2")).not.toThrow(/hunter2/);
  });
});
