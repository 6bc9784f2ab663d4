import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { LabelNamesRequestSchema, LabelNamesResponseSchema } from "../../api/gen/types/v1/types_pb.ts";
import { CodedError, FaultKind } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { createRegistry } from "../../base/metrics.ts";
import { atOnce } from "../../base/steps.ts";
import { HOUR_MS, type TenantId, type UnixMs } from "../../base/units.ts";
import { Bodies } from "../../http/bodies.ts";
import { responseJson } from "./answer/json.ts";
import { directQueries } from "./direct-queries.ts";
import type { Question } from "./question.ts";
import { DEFAULT_QUERY_LIMITS } from "./validate-range.ts";

/* The routes behind a bare HTTP server; the answers are made here, so that only the door is tested. */

const NOW_MS = 1_795_389_600_000 as UnixMs;
const RANGE = { start: String(NOW_MS - HOUR_MS), end: String(NOW_MS) };
const NAMES = toBinary(LabelNamesResponseSchema, create(LabelNamesResponseSchema, { names: ["a", "b".repeat(2000)] }));

let server: Server;
let url: string;
let asked: Question[] = [];
let fault: unknown;
const logged: unknown[] = [];

beforeAll(async () => {
  const routes = directQueries({
    ask: async (question) => {
      asked.push(question);
      if (fault !== undefined) throw fault;
      return question.kind === "json" ? atOnce(responseJson(question.typeName, NAMES)) : NAMES;
    },
    limitsOf: () => DEFAULT_QUERY_LIMITS,
    clock: { nowMs: () => NOW_MS, monotonicMs: () => 0, sleep: async () => {} },
    authenticate: (headers) => {
      if (headers["x-scope-orgid"] === undefined) throw new CodedError("tenant_missing", FaultKind.Unauthenticated, "no tenant");
      return { tenants: ["t" as TenantId], mayRead: true, mayWrite: true, utf8LabelNames: false };
    },
    bodies: new Bodies(1 << 20, createRegistry()),
    log: { error: (...line: unknown[]) => logged.push(line) } as unknown as Log,
  });
  server = createServer((request, response) => {
    const route = routes.find((one) => one.path === request.url);
    if (route?.claims(request) === true) void route.answer(request, response);
    else response.writeHead(418).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());
beforeEach(() => {
  asked = [];
  fault = undefined;
});

async function post(
  method: string,
  type: string,
  body: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = { "x-scope-orgid": "t" },
) {
  const response = await fetch(`${url}/querier.v1.QuerierService/${method}`, {
    method: "POST",
    headers: { "content-type": type, ...headers },
    body,
  });
  return { status: response.status, headers: response.headers, bytes: Buffer.from(await response.arrayBuffer()) };
}
const json = async (method: string, body: unknown, headers?: Record<string, string>) => {
  const reply = await post(method, "application/json", JSON.stringify(body), headers);
  return { ...reply, body: JSON.parse(reply.bytes.toString()) as unknown };
};

describe("directQueries", () => {
  it("gives JSON to who asks in JSON, made where the answer is made", async () => {
    const reply = await json("LabelNames", { ...RANGE, matchers: ['{a="b"}'], unknownField: 1 });
    expect(reply).toMatchObject({ status: 200, body: { names: ["a", "b".repeat(2000)] } });
    expect(reply.headers.get("content-type")).toBe("application/json");
    expect(asked).toMatchObject([{ kind: "json", of: { kind: "label_names", selection: { matchers: [{ name: "a" }] } } }]);
  });

  it("gives protobuf to who asks in protobuf, as it was made", async () => {
    const request = toBinary(
      LabelNamesRequestSchema,
      create(LabelNamesRequestSchema, { start: BigInt(RANGE.start), end: BigInt(RANGE.end) }),
    );
    const reply = await post("LabelNames", "application/proto", request);
    expect(reply.status).toBe(200);
    expect(reply.headers.get("content-type")).toBe("application/proto");
    expect(fromBinary(LabelNamesResponseSchema, reply.bytes).names[0]).toBe("a");
    expect(asked).toMatchObject([{ kind: "label_names" }]);
  });

  it("compresses long answers for who accepts it, and only then", async () => {
    const zipped = await post("LabelNames", "application/json", JSON.stringify(RANGE), { "x-scope-orgid": "t", "accept-encoding": "gzip" });
    expect(zipped.headers.get("content-encoding")).toBe("gzip");
    expect(JSON.parse(zipped.bytes.toString())).toMatchObject({ names: ["a", "b".repeat(2000)] });
    const plain = await post("LabelNames", "application/json", JSON.stringify(RANGE), {
      "x-scope-orgid": "t",
      "accept-encoding": "identity",
    });
    expect(plain.headers.get("content-encoding")).toBeNull();
  });

  it("takes a charset, and leaves other types to the adapter", async () => {
    expect((await post("LabelNames", "application/json; charset=utf-8", JSON.stringify(RANGE))).status).toBe(200);
    expect((await post("LabelNames", "application/grpc", "")).status).toBe(418);
    expect((await post("LabelNames", "application/connect+json", "")).status).toBe(418);
  });

  it.each([
    ["LabelNames", {}, 400, "invalid_argument"],
    ["LabelNames", { start: "soon" }, 400, "invalid_argument"],
    ["SelectSeries", { ...RANGE, profileTypeID: "a:b:c:d:e", labelSelector: "{}" }, 400, "invalid_argument"],
    ["SelectHeatmap", { ...RANGE, profileTypeID: "a:b:c:d:e", labelSelector: "{}", step: 15 }, 500, "unknown"],
    ["SelectMergeStacktraces", { async: { type: "ASYNC_QUERY_TYPE_FORCE" } }, 501, "unimplemented"],
  ])("refuses %s of %j with %i %s", async (method, body, status, code) => {
    expect(await json(method, body)).toMatchObject({ status, body: { code } });
    expect(asked).toEqual([]);
  });

  it("refuses bodies that are no request", async () => {
    expect((await post("LabelNames", "application/json", "{")).status).toBe(400);
    expect((await post("LabelNames", "application/proto", new Uint8Array([0xff]))).status).toBe(400);
    expect(await json("LabelNames", RANGE, {})).toMatchObject({ status: 401, body: { code: "unauthenticated" } });
  });

  it("says how a question failed, and hides what is a defect", async () => {
    fault = new CodedError("query_limit_concurrency", FaultKind.Limited, "too many");
    const limited = await json("LabelNames", RANGE);
    expect(limited).toMatchObject({ status: 429, body: { code: "resource_exhausted" } });
    expect(limited.headers.get("retry-after")).toBe("1");
    fault = new CodedError("query_limit_bytes", FaultKind.TooLarge, "too much");
    expect(await json("LabelNames", RANGE)).toMatchObject({ status: 429, body: { code: "resource_exhausted" } });
    fault = new TypeError("secret");
    const defect = await json("LabelNames", RANGE);
    expect(defect).toMatchObject({ status: 500, body: { code: "internal" } });
    expect(defect.bytes.toString()).not.toContain("secret");
    expect(logged).toHaveLength(1);
  });
});
