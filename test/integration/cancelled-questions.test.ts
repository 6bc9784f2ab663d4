import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { ask, push } from "../harness/client.ts";
import { type FaultProxy, startFaultProxy } from "../harness/fault-proxy.ts";
import { type Installation, startInstallation } from "../harness/installation.ts";
import { makePprof } from "../harness/make-pprof.ts";
import { metricOf } from "../harness/metrics.ts";
import { type S3TestServer, startS3 } from "../harness/s3.ts";
import { type Server, startServer } from "../harness/server.ts";
import { until } from "../harness/until.ts";

/*
 * Goal: when a client leaves, nothing works for it any more: neither its thread, nor its reads from S3, nor the queriers it was shared with, nor its place in
 * line. Method: an S3 that does not answer reads of objects, so that questions are in the middle of their work for as long as we like; clients that
 * leave; and then an S3 that answers, of which nobody must want anything.
 */

const SERVICES = 60;
/** Reads of one question at once. */
const READS_MAX = 16;
/** Of one tenant on a querier with one thread. */
const PLACES = 4;

let s3: S3TestServer;
let proxy: FaultProxy;
let reads = 0;

beforeAll(async () => {
  s3 = await startS3();
  proxy = await startFaultProxy(s3.url);
});
afterAll(async () => {
  await proxy?.stop();
  await s3?.stop();
});
afterEach(() => {
  proxy.fault = () => "none";
});

function storageOf(prefix: string): Readonly<Record<string, unknown>> {
  const s3Keys = { ...(s3.storage["s3"] as object), endpoint: proxy.url, hedge_after: 0, timeout: "10m" };
  return { ...s3.storage, prefix, s3: s3Keys };
}

/** What reads objects hangs, or goes through. */
function objectReads(fault: "hang" | "none"): void {
  proxy.fault = (method, path) => {
    const isObject = method === "GET" && /\/(segments|blocks)\//.test(path);
    if (isObject) reads++;
    return isObject ? fault : "none";
  };
}

const range = { start: String(Date.now() - 1_800_000), end: String(Date.now() + 1_800_000) };
const wide = { ...range, profileTypeID: "process_cpu:cpu:nanoseconds:cpu:nanoseconds", labelSelector: "{}" };

async function fill(url: string): Promise<void> {
  const profiles = Array.from({ length: SERVICES }, (_, i) => ({
    labels: { service_name: `s${i}`, __name__: "process_cpu" },
    profile: makePprof({ stacks: { [`main;f${i}`]: [1, 10] }, time: Date.now() }),
  }));
  expect((await push(url, profiles)).status).toBe(200);
}

/** A wide question, with the way to leave it. */
function wideQuestion(url: string): { readonly leave: () => void; readonly ended: Promise<string> } {
  const gone = new AbortController();
  const body = JSON.stringify(wide);
  const ended = fetch(`${url}/querier.v1.QuerierService/SelectMergeStacktraces`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
    signal: gone.signal,
  }).then(
    (response) => `answered ${response.status}`,
    (error: Error) => error.name,
  );
  return { leave: () => gone.abort(), ended };
}

const cancelledQuestions = (url: string): Promise<number> => metricOf(url, 'brazier_queries_total{kind="flamegraph",outcome="cancelled"}');
const cancelledReads = (url: string): Promise<number> => metricOf(url, 'brazier_s3_requests_total{operation="get",outcome="cancelled"}');

/** Each querier answers a small question after what was left behind could have gone on, and reads nothing for it. */
async function expectQuiet(queriers: readonly Server[]): Promise<void> {
  const before = reads;
  objectReads("none");
  for (const { url } of queriers) {
    const { profileTypes } = await ask<{ profileTypes?: readonly unknown[] }>(url, "ProfileTypes", range);
    expect(profileTypes).toHaveLength(2);
  }
  expect(reads).toBe(before);
}

describe("a question whose client has left", () => {
  let server: Server;

  beforeAll(async () => {
    const config = { storage: storageOf("alone"), compact: { enabled: false }, query: { threads: 1, cache_max: "1MiB" } };
    server = await startServer({ config, readyWithinMs: 60_000 });
    await fill(server.url);
  });
  afterAll(() => server?.stop());

  it("keeps a read that another one waits for", async () => {
    objectReads("hang");
    const [first, second] = [wideQuestion(server.url), wideQuestion(server.url)];
    await until("two questions", async () => (await metricOf(server.url, "brazier_query_running")) === 2);
    await until("reads in flight", () => proxy.waiting === READS_MAX);
    const before = await cancelledReads(server.url);
    first.leave();
    await until("the end of one", async () => (await metricOf(server.url, "brazier_query_running")) === 1);
    expect([proxy.waiting, await cancelledReads(server.url)]).toEqual([READS_MAX, before]);
    second.leave();
    await until("the end of all reads", () => proxy.waiting === 0);
  });

  it("leaves the line", async () => {
    objectReads("hang");
    const before = await cancelledQuestions(server.url);
    const questions = Array.from({ length: PLACES + 3 }, () => wideQuestion(server.url));
    await until("a line", async () => (await metricOf(server.url, "brazier_query_waiting")) === 3);
    for (const { leave } of questions.toReversed()) leave();
    await until("the end of all", async () => (await cancelledQuestions(server.url)) === before + questions.length);
    expect([await metricOf(server.url, "brazier_query_waiting"), await metricOf(server.url, "brazier_query_running")]).toEqual([0, 0]);
    await until("the end of all reads", () => proxy.waiting === 0);
    await expectQuiet([server]);
  });

  it("gives up its reads from S3", async () => {
    objectReads("hang");
    const before = await cancelledQuestions(server.url);
    const { leave, ended } = wideQuestion(server.url);
    await until("reads in flight", () => proxy.waiting === READS_MAX);
    expect(await metricOf(server.url, "brazier_query_running")).toBe(1);
    leave();
    expect(await ended).toBe("AbortError");
    await until("the end of all reads", () => proxy.waiting === 0);
    await until("the end of the question", async () => (await cancelledQuestions(server.url)) === before + 1);
    expect(await metricOf(server.url, "brazier_query_running")).toBe(0);
    await expectQuiet([server]);
    // Nothing was kept of them. The thread had gone to sleep before it could count them, and counts when it has to wait again.
    expect(await wideQuestion(server.url).ended).toBe("answered 200");
    expect(await cancelledReads(server.url)).toBeGreaterThanOrEqual(READS_MAX);
  });
});

describe("a question shared with other queriers", () => {
  let installation: Installation;

  beforeAll(async () => {
    installation = await startInstallation({
      processes: { query: 3, compact: 0 },
      config: { storage: storageOf("shared"), query: { share_above: 1, threads: 1, cache_max: "1MiB" } },
    });
    await fill(installation.url("ingest"));
    await until("all profiles at each querier", async () => {
      const found = installation
        .of("query")
        .map(({ url }) => ask<{ names?: readonly string[] }>(url, "LabelValues", { ...range, name: "service_name" }));
      return (await Promise.all(found)).every(({ names }) => names?.length === SERVICES);
    });
  });
  afterAll(() => installation?.stop());

  it("ends at all of them when its client has left", async () => {
    objectReads("hang");
    const [asked, ...peers] = installation.of("query") as [Server, ...Server[]];
    const { leave, ended } = wideQuestion(asked.url);
    for (const { url } of peers) await until("a part at each peer", async () => (await metricOf(url, "brazier_query_parts_running")) > 0);
    await until("reads in flight", () => proxy.waiting > 0);
    leave();
    expect(await ended).toBe("AbortError");
    await until("the end of all reads", () => proxy.waiting === 0);
    for (const { url } of peers) {
      await until("the end of all parts", async () => (await metricOf(url, "brazier_query_parts_running")) === 0);
    }
    await until("the end of the question", async () => (await cancelledQuestions(asked.url)) === 1);
    await expectQuiet([asked, ...peers]);
  });

  it("is answered from S3 by all of them together", async () => {
    objectReads("none");
    const { flamegraph } = await ask<{ flamegraph?: { total?: string } }>(installation.url("query"), "SelectMergeStacktraces", wide);
    expect(flamegraph?.total).toBe(String(SERVICES * 10));
    for (const { url } of installation.of("query")) {
      expect(await metricOf(url, 'brazier_query_parts_total{side="answered",outcome="answered"}')).toBeGreaterThan(0);
      expect(await metricOf(url, "brazier_query_read_bytes_total")).toBeGreaterThan(0);
    }
  });
});
