import { get } from "node:http";
import { create, toBinary, toJsonString } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { QuerierService } from "../../api/gen/querier/v1/querier_pb.ts";
import { LabelNamesRequestSchema } from "../../api/gen/types/v1/types_pb.ts";
import { systemClock } from "../../base/clock.ts";
import { silentLog } from "../../base/log.ts";
import { createRegistry } from "../../base/metrics.ts";
import { systemRandom } from "../../base/random.ts";
import type { DurationMs } from "../../base/units.ts";
import { type App, createApp } from "../../http/app.ts";
import { createAuthenticate } from "../../http/authenticate.ts";
import { Bodies } from "../../http/bodies.ts";
import { OPEN_GATE } from "../../http/gate.ts";
import { createHttpMetrics } from "../../http/metrics.ts";
import { OnePortServer } from "../../http/one-port.ts";
import type { Asking } from "./asking.ts";
import { querierRoutes } from "./connect.ts";
import { directQueries } from "./direct-queries.ts";
import { querierPlainRoutes } from "./http.ts";
import { queryCancelled } from "./pace.ts";
import { DEFAULT_QUERY_LIMITS } from "./validate-range.ts";

/* A client that goes away, on every way in: who answers is told. */

let app: App;
let server: OnePortServer;
let url: string;
let onAsk: (asking: Asking) => void = () => {};

beforeAll(async () => {
  const registry = createRegistry();
  const authenticate = createAuthenticate({ kind: "none" });
  const deps = {
    ask: (_question: unknown, asking: Asking): Promise<Uint8Array> =>
      new Promise((_, reject) => {
        asking.signal.addEventListener("abort", () => reject(queryCancelled()), { once: true });
        onAsk(asking);
      }),
    limitsOf: () => DEFAULT_QUERY_LIMITS,
    clock: systemClock,
  };
  app = await createApp({
    authenticate,
    gate: OPEN_GATE,
    random: systemRandom,
    bodies: new Bodies(1 << 20, createRegistry()),
    connect: [querierRoutes(deps)],
    plain: [querierPlainRoutes(deps)],
    direct: directQueries({ ...deps, authenticate, bodies: new Bodies(1 << 20, registry), log: silentLog }),
    log: silentLog,
    metrics: createHttpMetrics(registry, systemClock),
  });
  server = new OnePortServer(app.listener);
  url = `http://127.0.0.1:${await server.listen(0, "127.0.0.1")}`;
});
afterAll(async () => {
  await server.close(0 as DurationMs);
  await app.close();
});

const range = { start: BigInt(Date.now() - 60_000), end: BigInt(Date.now()) };

const question = create(LabelNamesRequestSchema, range);

/** Without a client of Connect, which would end its request by itself. */
async function ask(headers: Record<string, string>, body: string | Uint8Array<ArrayBuffer>) {
  const response = await fetch(`${url}/querier.v1.QuerierService/LabelNames`, { method: "POST", headers, body });
  return { status: response.status, body: (await response.json()) as unknown };
}

const WAYS: Readonly<Record<string, (signal: AbortSignal) => Promise<unknown>>> = {
  "Connect JSON over HTTP/1.1": (signal) =>
    createClient(QuerierService, createConnectTransport({ baseUrl: url, httpVersion: "1.1", useBinaryFormat: false })).labelNames(range, {
      signal,
    }),
  "Connect proto over HTTP/2": (signal) =>
    createClient(QuerierService, createConnectTransport({ baseUrl: url, httpVersion: "2" })).labelNames(range, { signal }),
  gRPC: (signal) => createClient(QuerierService, createGrpcTransport({ baseUrl: url })).labelNames(range, { signal }),
  "plain HTTP": (signal) =>
    new Promise((_, reject) => {
      get(`${url}/pyroscope/label-values?label=pod`, { signal }).on("error", reject);
    }),
};

describe("a client that goes away", () => {
  it.each(Object.keys(WAYS))("is noticed: %s", async (way) => {
    const gone = new AbortController();
    const noticed = new Promise<void>((resolve) => {
      onAsk = ({ signal, tenants }) => {
        expect([signal.aborted, tenants]).toEqual([false, ["anonymous"]]);
        signal.addEventListener("abort", () => resolve(), { once: true });
        gone.abort();
      };
    });
    await expect(WAYS[way]!(gone.signal)).rejects.toThrow();
    await noticed;
  });

  it("is noticed, too, when its own deadline is over", async () => {
    const noticed = new Promise<void>((resolve) => {
      onAsk = ({ signal }) => signal.addEventListener("abort", () => resolve(), { once: true });
    });
    const client = createClient(QuerierService, createGrpcTransport({ baseUrl: url }));
    await expect(client.labelNames(range, { timeoutMs: 300 })).rejects.toMatchObject({ code: 4 });
    await noticed;
  });

  it.each(["json", "proto"])("is told so over Connect (%s), whose client might still listen", async (codec) => {
    const noticed = new Promise<void>((resolve) => {
      onAsk = ({ signal }) => signal.addEventListener("abort", () => resolve(), { once: true });
    });
    const body = codec === "json" ? toJsonString(LabelNamesRequestSchema, question) : toBinary(LabelNamesRequestSchema, question);
    const reply = await ask({ "content-type": `application/${codec}`, "connect-timeout-ms": "200" }, body);
    await noticed;
    expect(reply).toMatchObject({ status: 504, body: { code: "deadline_exceeded", message: expect.stringContaining("200 ms") } });
  });

  it("is refused with a deadline that is no number", async () => {
    for (const text of ["soon", "-1", "1.5", "12345678901"]) {
      const reply = await ask(
        { "content-type": "application/json", "connect-timeout-ms": text },
        toJsonString(LabelNamesRequestSchema, question),
      );
      expect(reply).toMatchObject({ status: 400, body: { code: "invalid_argument" } });
    }
  });
});
