import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { gunzipSync } from "node:zlib";
import { fromBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type PushRequest, PushRequestSchema } from "../api/gen/push/v1/push_pb.ts";
import { systemClock } from "../base/clock.ts";
import { type Log, silentLog } from "../base/log.ts";
import { createRegistry } from "../base/metrics.ts";
import { TestAuthority } from "../http/testing/certificates.ts";
import { startSelfProfile } from "./self-profile.ts";
import { remoteTarget } from "./target.ts";

/* Profiles of this very process, sent to a server elsewhere that wants a token and speaks TLS. */

const folder = mkdtempSync(join(tmpdir(), "brazier-self-"));
const tokenFile = join(folder, "token");
const authority = new TestAuthority();
const own = authority.issue("profiles");
const pushed: { readonly authorization: string | undefined; readonly tenant: unknown; readonly request: PushRequest }[] = [];
let refusing = false;
const server = createServer({ cert: readFileSync(own.certFile), key: readFileSync(own.keyFile) }, async (request, response) => {
  const body = await buffer(request);
  const plain = request.headers["content-encoding"] === "gzip" ? gunzipSync(body) : body;
  if (refusing) return void response.writeHead(503).end();
  const { authorization, "x-scope-orgid": tenant } = request.headers;
  pushed.push({ authorization, tenant, request: fromBinary(PushRequestSchema, plain) });
  response.writeHead(200, { "content-type": "application/proto" }).end();
});
let url: string;

beforeAll(async () => {
  writeFileSync(tokenFile, "the-first-token\n");
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  authority.remove();
  rmSync(folder, { recursive: true, force: true });
});

function start(log: Log = silentLog) {
  const registry = createRegistry();
  const target = remoteTarget({ url, tenant: "operations", tokenFile, caFile: authority.caFile });
  const running = startSelfProfile({ target, clock: systemClock, log, registry, intervalMs: 100, roles: ["query"], version: "9.9.9" });
  return { registry, running };
}

describe("profiles of this process", () => {
  it("go to a target elsewhere, with its tenant and token, labelled by role, instance and version", async () => {
    const { running } = start();
    const kinds = (): readonly string[] =>
      pushed.flatMap(({ request }) => request.series.map(({ labels }) => labels.find(({ name }) => name === "__name__")?.value ?? ""));
    // Something to be seen on the processor.
    const busy = setInterval(() => Array.from({ length: 1e5 }, (_, i) => Math.sqrt(i)), 5);
    try {
      await expect.poll(kinds, { timeout: 18_000 }).toContain("process_cpu");
      writeFileSync(tokenFile, "the-second-token\n");
      await expect.poll(() => pushed.at(-1)?.authorization, { timeout: 18_000 }).toBe("Bearer the-second-token");
    } finally {
      clearInterval(busy);
      await running.stop();
    }
    expect(pushed[0]).toMatchObject({ authorization: "Bearer the-first-token", tenant: "operations" });
    const labels = Object.fromEntries(pushed[0]!.request.series[0]!.labels.map(({ name, value }) => [name, value]));
    expect(labels).toMatchObject({ service_name: "brazier", role: "query", version: "9.9.9", instance: expect.stringMatching(/./) });
  }, 60_000);

  it("are lost one by one while the target is away, which is counted, and told once", async () => {
    refusing = true;
    const warnings: string[] = [];
    const { running, registry } = start({ ...silentLog, warn: (_facts, message) => void warnings.push(message) });
    const failed = async (): Promise<number> => Number(/outcome="failed"\} (\d+)/.exec(await registry.metrics())?.[1] ?? 0);
    const busy = setInterval(() => Array.from({ length: 1e5 }, (_, i) => Math.sqrt(i)), 5);
    try {
      await expect.poll(failed, { timeout: 18_000 }).toBeGreaterThanOrEqual(2);
      expect(warnings).toEqual(["a profile of this process was not stored"]);
      refusing = false;
      await expect.poll(async () => /outcome="stored"\} [1-9]/.test(await registry.metrics()), { timeout: 18_000 }).toBe(true);
    } finally {
      refusing = false;
      clearInterval(busy);
      await running.stop();
    }
  }, 60_000);

  it("need authorities that can be read", () => {
    expect(() => remoteTarget({ url, tenant: "", tokenFile: "", caFile: join(folder, "absent") })).toThrow(
      expect.objectContaining({ code: "self_profile_ca_unreadable" }),
    );
  });
});
