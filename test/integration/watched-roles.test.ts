import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ALERTS_FILE, alertExpressions } from "../../hack/dashboards/alerts.ts";
import { DASHBOARD_FILE, dashboardExpressions } from "../../hack/dashboards/dashboard.ts";
import { metricNamesOf } from "../../hack/dashboards/promql.ts";
import { type FakeCollector, startFakeCollector } from "../../pipeline/tracing/testing/fake-collector.ts";
import { ask, pushBody } from "../harness/client.ts";
import { type Installation, ROLE_NAMES, startInstallation } from "../harness/installation.ts";
import { makePprof } from "../harness/make-pprof.ts";
import { type S3TestServer, startS3 } from "../harness/s3.ts";
import { REPOSITORY, type Server, startServer } from "../harness/server.ts";
import { until } from "../harness/until.ts";

/*
 * Goal: roles in processes of their own can be watched as one. Method: real processes around a real nats-server, a collector that takes their spans, a
 * second Brazier that takes their profiles, and the pages of metrics as Prometheus reads them.
 */

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
/** By Prometheus itself, and by processes with TLS. */
const MADE_ELSEWHERE: ReadonlySet<string> = new Set(["up", "brazier_tls_certificate_not_after_timestamp_seconds"]);
const labels = { service_name: "shop", __name__: "process_cpu" };
const CPU = "process_cpu:cpu:nanoseconds:cpu:nanoseconds";

describe("roles in processes of their own", () => {
  let collector: FakeCollector;
  let target: Server;
  let s3: S3TestServer;
  let installation: Installation;

  beforeAll(async () => {
    collector = await startFakeCollector();
    [target, s3] = await Promise.all([startServer(), startS3()]);
    installation = await startInstallation({
      selfProfile: true,
      config: {
        storage: s3.storage,
        tracing: { endpoint: collector.url, sample_ratio: 0 },
        self_profile: { url: target.url, interval: "2s" },
      },
    });
  });

  afterAll(async () => {
    await installation?.stop();
    await s3?.stop();
    await target?.stop();
    await collector?.stop();
  });

  const traced = (url: string, path: string, type: string, body: string | Uint8Array<ArrayBuffer>) =>
    fetch(url + path, { method: "POST", headers: { "content-type": type, traceparent: `00-${TRACE}-00f067aa0ba902b7-01` }, body });
  const range = () => ({ start: String(Date.now() - 3_600_000), end: String(Date.now() + 60_000) });
  const spansOf = () => collector.spans.filter(({ traceId }) => traceId === TRACE);

  it("tell one trace of a profile, from the push through the stream to the commit, and of a question", async () => {
    const profile = makePprof({ stacks: { "main;work": [1, 10] }, time: Date.now() });
    const pushed = await traced(
      installation.url("ingest"),
      "/push.v1.PusherService/Push",
      "application/proto",
      pushBody([{ labels, profile }]),
    );
    expect(pushed.status).toBe(200);
    const question = JSON.stringify({ ...range(), profileTypeID: CPU, labelSelector: '{service_name="shop"}' });
    await until("the profile to be found", async () => {
      const path = "/querier.v1.QuerierService/SelectMergeStacktraces";
      const answer = (await (await traced(installation.url("query"), path, "application/json", question)).json()) as {
        flamegraph?: { total?: string };
      };
      return answer.flamegraph?.total === "10";
    });
    const names = ["decode", "publish", "build", "put", "commit", "query", "answer", "plan", "read", "merge"];
    await until(
      `spans ${names.join(", ")}`,
      () => {
        const missing = names.filter((name) => !spansOf().some((span) => span.name === name));
        if (missing.length > 0)
          throw new Error(`no ${missing.join(", ")} among ${[...new Set(spansOf().map(({ name }) => name))].join(", ")}`);
        return true;
      },
      { withinMs: 30_000 },
    );
    // Each span but those of the client leads up to another one of the trace: across processes, threads and the stream.
    const ids = new Set(spansOf().map(({ spanId }) => spanId));
    const lost = spansOf().filter(({ parentSpanId }) => parentSpanId !== "00f067aa0ba902b7" && !ids.has(parentSpanId));
    expect(lost.map(({ name }) => name)).toEqual([]);
  });

  it("show together every metric that dashboards and alerts ask for, each page with its own role's", async () => {
    const namesOf = async (url: string) =>
      new Set([...(await (await fetch(`${url}/metrics`)).text()).matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name as string));
    const pages = new Map(await Promise.all(ROLE_NAMES.map(async (role) => [role, await namesOf(installation.url(role))] as const)));
    const all = new Set([...pages.values()].flatMap((names) => [...names]));
    const expressions = [
      ...alertExpressions(readFileSync(join(REPOSITORY, ALERTS_FILE), "utf8")),
      ...dashboardExpressions(JSON.parse(readFileSync(join(REPOSITORY, DASHBOARD_FILE), "utf8"))),
    ];
    const asked = new Set(expressions.flatMap(metricNamesOf).filter((name) => !MADE_ELSEWHERE.has(name)));
    expect(asked.size).toBeGreaterThan(10);
    expect([...asked].filter((name) => !all.has(name) && !all.has(name.replace(/_(bucket|sum|count)$/, "")))).toEqual([]);
    for (const [role, prefix] of [
      ["ingest", "brazier_ingest_"],
      ["segment", "brazier_segment_"],
      ["compact", "brazier_compact"],
      ["query", "brazier_query_"],
    ] as const) {
      const holders = ROLE_NAMES.filter((one) => [...pages.get(one)!].some((name) => name.startsWith(prefix)));
      expect([prefix, holders]).toEqual([prefix, [role]]);
    }
  });

  it("send their own profiles to one place, told apart by role", async () => {
    await until(
      "profiles of every role",
      async () => {
        const matchers = ['{service_name="brazier"}'];
        const { names = [] } = await ask<{ names?: readonly string[] }>(target.url, "LabelValues", { ...range(), name: "role", matchers });
        return ROLE_NAMES.every((role) => names.includes(role));
      },
      { withinMs: 90_000, everyMs: 250 },
    );
  });
});
