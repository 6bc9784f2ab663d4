import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PusherService } from "./api/gen/push/v1/push_pb.ts";
import { QuerierService } from "./api/gen/querier/v1/querier_pb.ts";
import { silentLog } from "./base/log.ts";
import { loadConfig } from "./config/load.ts";
import type { ServedRoute } from "./http/app.ts";
import { type Server, startServer } from "./main.ts";

/*
 * Goal: with `auth.mode: tokens` no door is open that should not be. Method: the server lists everything it serves, each entry is asked
 * without a token, with a wrong one, and with tokens of each right. A route that this test does not know fails it: whoever adds one says here
 * who may use it.
 */

type Right = "open" | "known" | "read" | "write" | "operate";

const OPEN = ["/ready", "/healthz", "/-/healthy", "/*"];
const OPERATE = [
  "/metrics",
  "/api/v1/status",
  "/api/v1/status/config",
  "/api/v1/status/config/diff",
  "/api/v1/status/config/default",
  "/runtime_config",
  "/debug/pprof/profile",
  "/debug/pprof/heap",
];
const WRITE = [
  "POST /push.v1.PusherService/Push",
  "POST /opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export",
  "POST /ingest",
  "POST /pyroscope/ingest",
  "POST /v1development/profiles",
  "POST /api/v1/delete",
];
const READ = [
  /^\/querier\.v1\.QuerierService\//,
  /^\/pyroscope\/(render|render-diff|label-values)$/,
  /^\/api\/v1\/(delete|tenant_limits)$/,
];
const KNOWN = [
  /^\/(version|capabilities|settings|vcs|adhocprofiles|debuginfo)\.v1(alpha1)?\.\w+\//, // about the server, or not built
  /^\/api\/v1\/status\/buildinfo$/,
];

function rightFor({ method, path }: ServedRoute): Right | undefined {
  if (OPEN.includes(path)) return "open";
  if (OPERATE.includes(path)) return "operate";
  if (WRITE.includes(`${method} ${path}`)) return "write";
  if (READ.some((pattern) => pattern.test(path))) return "read";
  if (KNOWN.some((pattern) => pattern.test(path))) return "known";
  return undefined;
}

const TOKENS = { read: "the-token-of-a-reader", write: "the-token-of-a-writer", operate: "the-token-of-operators" } as const;

const folder = mkdtempSync(join(tmpdir(), "brazier-doors-"));
const tokensFile = join(folder, "tokens.yaml");
let server: Server;
let url: string;

function tokensText(tokens: Readonly<Record<string, string>>): string {
  return JSON.stringify({ tokens: Object.entries(tokens).map(([right, token]) => ({ token, tenants: ["acme"], rights: [right] })) });
}

beforeAll(async () => {
  writeFileSync(tokensFile, tokensText(TOKENS));
  const flags = {
    data_dir: join(folder, "data"),
    "http.host": "127.0.0.1",
    "http.port": "0",
    "otlp.enabled": "false",
    "self_profile.enabled": "false",
    "auth.mode": "tokens",
    "auth.tokens_file": tokensFile,
    reload_interval: "20ms",
  };
  const loaded = loadConfig({ flags, environment: {}, file: undefined });
  server = await startServer(loaded, silentLog, { page: { folder: join(folder, "no-page"), absent: () => "no page" } });
  url = `http://127.0.0.1:${server.port}`;
}, 60_000);

afterAll(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

const CONTENT_TYPE = { direct: "application/proto", rpc: "application/json", plain: "application/x-protobuf" } as const;

async function ask({ kind, method, path }: ServedRoute, token: string | undefined, port = server.port): Promise<number> {
  const place = path.replace(":id", "1").replace("*", "some-place");
  // A short look, where one is asked for.
  const response = await fetch(`http://127.0.0.1:${port}${place}${path.startsWith("/debug/pprof/") ? "?seconds=0.05" : ""}`, {
    method,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(method === "POST" ? { "content-type": CONTENT_TYPE[kind] } : {}),
    },
    ...(method === "POST" ? { body: kind === "rpc" ? "{}" : "" } : {}),
  });
  await response.arrayBuffer();
  return response.status;
}

describe("with tokens", () => {
  it("every route is known to this test", () => {
    expect(server.routes.length).toBeGreaterThan(50);
    expect(server.routes.filter((route) => rightFor(route) === undefined)).toEqual([]);
  });

  it("nobody comes in without a token or with a wrong one, but for probes and the files of the page", async () => {
    for (const token of [undefined, "a-token-that-nobody-has-given"]) {
      const statuses = await Promise.all(server.routes.map(async (route) => ({ route, status: await ask(route, token) })));
      const wrong = statuses.filter(({ route, status }) => (status === 401) === (rightFor(route) === "open"));
      expect(wrong).toEqual([]);
    }
  });

  it.each(Object.entries(TOKENS))(
    "the right to %s opens what it says, and nothing else",
    async (right, token) => {
      // One after the other: only one profile of the process is taken at a time.
      for (const route of server.routes) {
        const status = await ask(route, token);
        const needed = rightFor(route);
        const opens = needed === "open" || needed === "known" || needed === right;
        expect([route.method, route.path, opens ? [401, 403].includes(status) : status]).toEqual([
          route.method,
          route.path,
          opens ? false : 403,
        ]);
      }
    },
    60_000,
  );

  it("holds over gRPC and with basic credentials, too", async () => {
    const transport = createGrpcTransport({ baseUrl: url });
    const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });
    const querier = createClient(QuerierService, transport);
    await expect(querier.labelNames({})).rejects.toMatchObject({ code: 16 });
    await expect(querier.labelNames({}, bearer(TOKENS.write))).rejects.toMatchObject({ code: 7 });
    await expect(createClient(PusherService, transport).push({}, bearer(TOKENS.read))).rejects.toMatchObject({ code: 7 });
    const basic = `Basic ${Buffer.from(`anyone:${TOKENS.read}`).toString("base64")}`;
    const range = { start: BigInt(Date.now() - 1000), end: BigInt(Date.now()) };
    expect((await querier.labelNames(range, { headers: { authorization: basic } })).names).toEqual([]);
  });

  it("another tenant than those of the token is refused", async () => {
    const headers = { authorization: `Bearer ${TOKENS.read}`, "x-scope-orgid": "beta", "content-type": "application/json" };
    const response = await fetch(`${url}/querier.v1.QuerierService/LabelNames`, { method: "POST", headers, body: "{}" });
    expect([response.status, await response.text()]).toEqual([403, expect.stringContaining("tenant_denied")]);
  });

  it("a token that is taken out of the file opens nothing any more, without a restart", async () => {
    const route: ServedRoute = { kind: "plain", method: "GET", path: "/metrics" };
    writeFileSync(tokensFile, tokensText({ ...TOKENS, operate: "the-newer-token-of-operators" }));
    try {
      await expect.poll(() => ask(route, "the-newer-token-of-operators"), { timeout: 15_000 }).toBe(200);
      expect(await ask(route, TOKENS.operate)).toBe(401);
    } finally {
      writeFileSync(tokensFile, tokensText(TOKENS));
    }
  });
});

describe.each(["segment", "compact", "query"])("a process of the role %s alone", (role) => {
  it("has its doors guarded, too", async () => {
    const flags = {
      role,
      data_dir: join(folder, role),
      data_dir_shared: "true",
      "http.host": "127.0.0.1",
      "http.port": "0",
      "otlp.enabled": "false",
      "auth.mode": "tokens",
      "auth.tokens_file": tokensFile,
    };
    const loaded = loadConfig({ flags, environment: {}, file: undefined });
    const own = await startServer(loaded, silentLog, { page: { folder: join(folder, "no-page"), absent: () => "no page" } });
    try {
      expect(own.routes.filter((route) => rightFor(route) === undefined)).toEqual([]);
      const statuses = await Promise.all(own.routes.map(async (route) => ({ route, status: await ask(route, undefined, own.port) })));
      expect(statuses.filter(({ route, status }) => (status === 401) === (rightFor(route) === "open"))).toEqual([]);
    } finally {
      await own.stop();
    }
  }, 60_000);
});

describe("a deletion", () => {
  it("is not taken from a page of another site, whose browser is let in", async () => {
    const headers = { authorization: `Bearer ${TOKENS.write}`, "sec-fetch-site": "cross-site" };
    const response = await fetch(`${url}/api/v1/delete?service=shop`, { method: "POST", headers });
    expect([response.status, await response.text()]).toEqual([403, expect.stringContaining("other_site")]);
  });
});

describe("answers", () => {
  it("tell browsers to neither run, frame, keep nor guess them", async () => {
    const { headers } = await fetch(`${url}/ready`);
    expect(Object.fromEntries(headers)).toMatchObject({
      "cache-control": "no-store",
      "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
      "cross-origin-resource-policy": "same-origin",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
    });
  });
});
