import { request as http1Request, type ServerResponse } from "node:http";
import { connect as connectHttp2, constants } from "node:http2";
import { connect as connectTcp } from "node:net";
import { gzipSync } from "node:zlib";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { QuerierService } from "../api/gen/querier/v1/querier_pb.ts";
import { systemClock } from "../base/clock.ts";
import { CodedError, FaultKind } from "../base/errors.ts";
import { silentLog } from "../base/log.ts";
import { createRegistry } from "../base/metrics.ts";
import { systemRandom } from "../base/random.ts";
import type { DurationMs } from "../base/units.ts";
import { type App, createApp } from "./app.ts";
import { createAuthenticate } from "./authenticate.ts";
import { Bodies } from "./bodies.ts";
import { callerOf, readTenants, writeTenant } from "./caller.ts";
import { OPEN_GATE } from "./gate.ts";
import { createHttpMetrics } from "./metrics.ts";
import { OnePortServer } from "./one-port.ts";

/*
 * One port, every protocol: the same small service asked over HTTP/1.1, h2c, Connect JSON and proto, gRPC and plain HTTP, with its faults.
 */

let app: App;
let server: OnePortServer;
let url: string;

beforeAll(async () => {
  const registry = createRegistry();
  app = await createApp({
    authenticate: createAuthenticate({ kind: "header" }),
    gate: OPEN_GATE,
    random: systemRandom,
    bodies: new Bodies(1e9, createRegistry()),
    connect: [
      (router) =>
        router.service(QuerierService, {
          labelNames: (_request, context) => ({ names: [...readTenants(callerOf(context.values))] }),
          labelValues: (request) => {
            if (request.name === "limited")
              throw new CodedError("rate_limited", FaultKind.Limited, "too much", { facts: { retryAfterSeconds: 6.2 } });
            if (request.name === "defect") throw new TypeError("a secret of the server");
            return { names: [request.name, String(request.start)] };
          },
          series: () => ({
            labelsSet: Array.from({ length: 200 }, (_, i) => ({ labels: [{ name: "service_name", value: `service-${i}` }] })),
          }),
        }),
    ],
    plain: [
      ({ fastify, caller }) => {
        fastify.post("/echo", async (request, reply) => {
          const tenant = writeTenant(caller(request));
          const body = await new Bodies(1e6, createRegistry()).take(request.raw, reply.raw, 1000);
          return reply.type("text/plain").send(`${tenant} ${body.length}`);
        });
        fastify.get("/long", (_request, reply) => reply.type("text/plain").send("x".repeat(5000)));
      },
    ],
    direct: [],
    log: silentLog,
    metrics: createHttpMetrics(registry, systemClock),
  });
  server = new OnePortServer(app.listener);
  url = `http://127.0.0.1:${await server.listen(0, "127.0.0.1")}`;
});

afterAll(async () => {
  await server.close(1000 as DurationMs);
  await app.close();
});

const headers = { "X-Scope-OrgID": "b|a|b" };

function post(path: string, body: string | Uint8Array, more: Record<string, string> = {}): Promise<Response> {
  return fetch(url + path, { method: "POST", body, headers: { ...headers, "content-type": "application/json", ...more } });
}

describe("connect on one port", () => {
  it.each([
    ["connect proto over HTTP/1.1", () => createConnectTransport({ baseUrl: url, httpVersion: "1.1", useBinaryFormat: true })],
    ["connect JSON over HTTP/1.1", () => createConnectTransport({ baseUrl: url, httpVersion: "1.1", useBinaryFormat: false })],
    ["connect proto over h2c", () => createConnectTransport({ baseUrl: url, httpVersion: "2", useBinaryFormat: true })],
    ["gRPC over h2c", () => createGrpcTransport({ baseUrl: url })],
    ["gRPC-Web over HTTP/1.1", () => createGrpcWebTransport({ baseUrl: url, httpVersion: "1.1" })],
  ] as const)("answers %s with the joined tenants, sorted, each once", async (_, transport) => {
    const client = createClient(QuerierService, transport());
    expect((await client.labelNames({}, { headers })).names).toEqual(["a", "b"]);
  });

  it("takes both spellings of a field, numbers as text, unknown fields and unknown names of an enum", async () => {
    const response = await post("/querier.v1.QuerierService/LabelValues", '{"name":"n","start":"12","later_field":{"x":1}}');
    expect(await response.json()).toEqual({ names: ["n", "12"] });
  });

  it("answers a missing tenant as unauthenticated", async () => {
    const client = createClient(QuerierService, createGrpcTransport({ baseUrl: url }));
    await expect(client.labelNames({})).rejects.toSatisfy((error) => ConnectError.from(error).code === Code.Unauthenticated);
    const response = await fetch(`${url}/querier.v1.QuerierService/LabelNames`, {
      method: "POST",
      body: "{}",
      headers: { "content-type": "application/json" },
    });
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ code: "unauthenticated" });
  });

  it("answers a limit with 429 and when to come back, rounded up", async () => {
    const response = await post("/querier.v1.QuerierService/LabelValues", '{"name":"limited"}');
    expect([response.status, response.headers.get("retry-after")]).toEqual([429, "7"]);
    expect(await response.json()).toMatchObject({ code: "resource_exhausted" });
  });

  it("answers what is not built with 501", async () => {
    expect((await post("/querier.v1.QuerierService/Diff", "{}")).status).toBe(501);
  });

  it("keeps the words of a defect to itself", async () => {
    const response = await post("/querier.v1.QuerierService/LabelValues", '{"name":"defect"}');
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain("secret");
  });

  it("takes gzip and refuses what grows beyond the bound", async () => {
    const small = gzipSync('{"name":"zipped"}');
    const answered = await post("/querier.v1.QuerierService/LabelValues", small, { "content-encoding": "gzip" });
    expect(await answered.json()).toEqual({ names: ["zipped", "0"] });
    const bomb = gzipSync(Buffer.alloc(10_000_000, "a"));
    expect((await post("/querier.v1.QuerierService/LabelValues", bomb, { "content-encoding": "gzip" })).status).toBe(429);
  });

  it("answers a malformed Accept header with 400", async () => {
    expect((await post("/querier.v1.QuerierService/LabelNames", "{}", { accept: "text/html;=" })).status).toBe(400);
  });

  it("gzips a long answer", async () => {
    const response = await post("/querier.v1.QuerierService/Series", "{}", { "accept-encoding": "gzip" });
    expect(response.headers.get("content-encoding")).toBe("gzip");
    expect(((await response.json()) as { labelsSet: unknown[] }).labelsSet).toHaveLength(200);
  });
});

describe("plain HTTP on the same port", () => {
  it("gives the body's faults their status", async () => {
    const one = { "X-Scope-OrgID": "a" };
    expect((await post("/echo", "12345", one)).status).toBe(200);
    expect((await post("/echo", "x".repeat(1001), one)).status).toBe(413);
    expect((await post("/echo", gzipSync("x".repeat(1001)), { ...one, "content-encoding": "gzip" })).status).toBe(413);
    expect((await post("/echo", "no gzip", { ...one, "content-encoding": "gzip" })).status).toBe(400);
    expect((await post("/echo", "x", { ...one, "content-encoding": "lzma" })).status).toBe(400);
    expect((await post("/echo", "two tenants")).status).toBe(400);
  });

  it("answers unknown routes with JSON", async () => {
    const response = await fetch(`${url}/nowhere`);
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ code: "not_found" });
  });

  it("gzips for who accepts it, and only then", async () => {
    const ask = (encoding: string): Promise<string | undefined> =>
      new Promise((resolve, reject) =>
        http1Request(`${url}/long`, { headers: { "accept-encoding": encoding } }, (response) => {
          response.resume();
          resolve(response.headers["content-encoding"]);
        })
          .on("error", reject)
          .end(),
      );
    expect(await ask("gzip, br")).toBe("gzip");
    expect(await ask("identity")).toBeUndefined();
  });

  it("reads a request that arrives byte by byte", async () => {
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connectTcp(Number(new URL(url).port), "127.0.0.1");
      socket.setNoDelay(true);
      let received = "";
      socket.on("data", (chunk) => {
        received += chunk.toString();
        if (received.includes("a 1")) resolve(received);
      });
      socket.on("error", reject);
      const text = "POST /echo HTTP/1.1\r\nHost: x\r\nX-Scope-OrgID: a\r\nContent-Length: 1\r\nConnection: close\r\n\r\nz";
      const send = (at: number): void => {
        if (at < text.length) socket.write(text[at] as string, () => setImmediate(send, at + 1));
      };
      socket.on("connect", () => send(0));
    });
    expect(answer).toContain("200 OK");
  });
});

describe("patience", () => {
  const patience = { headersMs: 100, requestMs: 200, streamIdleMs: 100, checkMs: 20 };

  it.each([
    ["says nothing", ""],
    ["says half a preface", "PR"],
    ["stops in its headers", "GET / HTTP/1.1\r\nHost: x\r\n"],
    ["stops in its body", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab"],
  ])("drops a client that %s", async (_, text) => {
    const own = new OnePortServer((request) => request.resume(), { patience });
    const port = await own.listen(0, "127.0.0.1");
    const ended = new Promise<void>((resolve) => {
      const socket = connectTcp(port, "127.0.0.1", () => socket.write(text));
      socket.resume();
      socket.on("error", () => {});
      socket.on("close", () => resolve());
    });
    await ended;
    await own.close(0 as DurationMs);
  });

  it("cancels an HTTP/2 request whose body stands still", async () => {
    const own = new OnePortServer((request) => request.resume(), { patience });
    const session = connectHttp2(`http://127.0.0.1:${await own.listen(0, "127.0.0.1")}`);
    const stream = session.request({ ":method": "POST", ":path": "/" });
    stream.write("ab");
    const code = await new Promise<number>((resolve) => stream.on("close", () => resolve(stream.rstCode)).on("error", () => {}));
    expect(code).toBe(8);
    session.destroy();
    await own.close(0 as DurationMs);
  });
});

describe("senders without an end", () => {
  const patience = { headersMs: 300, requestMs: 300, checkMs: 30, streamIdleMs: 60_000 };
  const drip = (write: () => void): (() => void) => {
    const timer = setInterval(write, 20);
    return () => clearInterval(timer);
  };

  it.each([
    ["a header now and then", "GET / HTTP/1.1\r\nHost: x\r\n", "X-Again: 1\r\n"],
    ["a byte of a body now and then", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n", "a"],
    ["chunks for ever", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\na\r\n"],
  ])("are dropped: %s", async (_, first, again) => {
    const own = new OnePortServer((request) => request.resume(), { patience });
    const socket = connectTcp(await own.listen(0, "127.0.0.1"), "127.0.0.1", () => socket.write(first));
    socket.resume();
    socket.on("error", () => {});
    const stop = drip(() => socket.writable && socket.write(again));
    await new Promise((resolve) => socket.once("close", resolve));
    stop();
    await own.close(0 as DurationMs);
  });

  it("are dropped over HTTP/2, too, and other requests of the connection go on", async () => {
    const own = new OnePortServer(
      (request, response) => (request.url === "/other" ? (response as ServerResponse).end("fine") : request.resume()),
      { patience },
    );
    const session = connectHttp2(`http://127.0.0.1:${await own.listen(0, "127.0.0.1")}`);
    const stream = session.request({ ":method": "POST", ":path": "/" });
    const stop = drip(() => stream.writable && stream.write("a"));
    const code = await new Promise<number>((resolve) => stream.on("close", () => resolve(stream.rstCode)).on("error", () => {}));
    stop();
    expect(code).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    const other = session.request({ ":path": "/other" });
    expect(await new Promise((resolve) => other.once("response", (headers) => resolve(headers[":status"])))).toBe(200);
    session.destroy();
    await own.close(0 as DurationMs);
  });

  it("are answered 431 when their headers pass the bound", async () => {
    const status = await new Promise((resolve, reject) => {
      const request = http1Request(url, { headers: { "x-long": "x".repeat(100_000) } }, (response) =>
        resolve(response.resume().statusCode),
      );
      request.once("error", reject).end();
    });
    expect(status).toBe(431);
  });

  it("do not have more connections than are allowed", async () => {
    const own = new OnePortServer((_request, response) => void (response as ServerResponse).end("fine"), { connectionsMax: 1 });
    const port = await own.listen(0, "127.0.0.1");
    const first = connectTcp(port, "127.0.0.1");
    await new Promise((resolve) => first.once("connect", resolve));
    await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow();
    first.destroy();
    await expect
      .poll(
        () =>
          fetch(`http://127.0.0.1:${port}/`).then(
            (response) => response.status,
            () => 0,
          ),
        { timeout: 10_000 },
      )
      .toBe(200);
    await own.close(0 as DurationMs);
  });

  it("are not read when they may not come in: a body without an end is answered at once", async () => {
    const socket = connectTcp(Number(new URL(url).port), "127.0.0.1");
    socket.on("error", () => {});
    socket.write(
      "POST /querier.v1.QuerierService/LabelNames HTTP/1.1\r\nHost: x\r\nContent-Type: application/proto\r\nContent-Length: 1000000\r\n\r\nab",
    );
    const answer = await new Promise<string>((resolve) => socket.once("data", (chunk: Buffer) => resolve(chunk.toString("latin1"))));
    expect(answer).toMatch(/^HTTP\/1\.1 401 /);
    socket.destroy();
  });
});

describe("closing", () => {
  it("lets a request in progress finish and refuses new connections", async () => {
    let finish = (): void => {};
    const held = new Promise<void>((resolve) => {
      finish = resolve;
    });
    let entered = (): void => {};
    const inside = new Promise<void>((resolve) => {
      entered = resolve;
    });
    const own = new OnePortServer((_request, response) => {
      entered();
      void held.then(() => response.end("done"));
    });
    const port = await own.listen(0, "127.0.0.1");
    const answer = fetch(`http://127.0.0.1:${port}/`).then((response) => response.text());
    await inside;
    const closed = own.close(10_000 as DurationMs);
    await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow();
    finish();
    expect(await answer).toBe("done");
    await closed;
  });

  it("drops what does not finish within the grace", async () => {
    const own = new OnePortServer(() => {});
    const port = await own.listen(0, "127.0.0.1");
    const answer = fetch(`http://127.0.0.1:${port}/`);
    const failed = expect(answer).rejects.toThrow();
    await new Promise((resolve) => setTimeout(resolve, 50));
    await own.close(50 as DurationMs);
    await failed;
  });

  it("names a taken port", async () => {
    const own = new OnePortServer(() => {});
    await expect(own.listen(Number(new URL(url).port), "127.0.0.1")).rejects.toMatchObject({ code: "port_taken" });
  });
});
