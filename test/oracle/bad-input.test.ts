import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { seededRandom } from "../../pipeline/base/random.ts";
import { post, push, pushBody } from "../harness/client.ts";
import { makePprof } from "../harness/make-pprof.ts";
import { type Server, startServer } from "../harness/server.ts";

/*
 * Goal: whatever is sent, the answer is a 4xx that says what is wrong; never a 5xx, a silence or a dead process, and the
 * next good push is stored.
 */

const PUSH = "/push.v1.PusherService/Push";
const INGEST = "/ingest?name=app&format=pprof&from=1700000000&until=1700000010";
const OTLP = "/v1development/profiles";

const PLACES: readonly (readonly [path: string, contentType: string])[] = [
  [PUSH, "application/proto"],
  [PUSH, "application/json"],
  [INGEST, "application/octet-stream"],
  ["/ingest?name=app", "multipart/form-data; boundary=x"],
  ["/ingest?name=app&format=folded", "text/plain"],
  [OTLP, "application/x-protobuf"],
  [OTLP, "application/json"],
  ["/querier.v1.QuerierService/SelectMergeStacktraces", "application/proto"],
  ["/querier.v1.QuerierService/SelectMergeStacktraces", "application/json"],
  ["/querier.v1.QuerierService/Series", "application/json"],
];

describe("bad input", () => {
  let server: Server;
  const random = seededRandom(Number(process.env["SEED"] ?? 17));
  const labels = { service_name: "bad-input", __name__: "process_cpu" };

  beforeAll(async () => {
    server = await startServer({ config: { limits: { ingestion_rate: 0 } } });
  });
  afterAll(async () => {
    await server?.stop();
  });

  const stillWorks = async (): Promise<void> => {
    const profile = makePprof({ stacks: { "main;work": [1, 10] }, time: Date.now() });
    const reply = await push(server.url, [{ labels, profile }]);
    expect(reply.status, reply.body.toString()).toBe(200);
  };

  for (const [path, contentType] of PLACES) {
    it(`answers random bytes on ${path} as ${contentType} with a 4xx`, async () => {
      const statuses = new Set<number>();
      for (const size of [1, 17, 400, 70_000]) {
        const body = random.fill(new Uint8Array(size)) as Uint8Array<ArrayBuffer>;
        const reply = await post(server.url, path, contentType, body);
        statuses.add(reply.status);
        if (reply.status >= 400) expect(reply.body.length, "says what is wrong").toBeGreaterThan(0);
      }
      // Folded text is whatever lines are in it: random bytes may be an empty profile.
      const wrong = [...statuses].filter((status) => (status < 400 || status >= 500) && !(path.includes("folded") && status === 200));
      expect(wrong).toEqual([]);
      await stillWorks();
    });
  }

  const PROFILES: readonly (readonly [what: string, profile: Uint8Array])[] = [
    ["nothing", new Uint8Array(0)],
    ["text", Buffer.from("this is not a profile")],
    ["gzip of text", gzipSync("this is not a profile")],
    ["gzip cut short", makePprof({ stacks: { "a;b": [1, 1] }, time: Date.now() }).subarray(0, 40)],
    ["a length beyond the end", Buffer.from([0x12, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x01])],
    ["a length of 2^63", Buffer.from([0x12, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01])],
    ["an endless varint", Buffer.alloc(64, 0xff)],
    ["a million empty samples", Buffer.alloc(2_000_000, Buffer.from([0x12, 0x00]))],
    ["64 MiB of zeros", gzipSync(Buffer.alloc(64 << 20))],
  ];
  for (const [what, profile] of PROFILES) {
    it(`refuses a profile that is ${what}, over push and over /ingest`, async () => {
      const pushed = await push(server.url, [{ labels, profile }]);
      expect(pushed.status, pushed.body.toString()).toBe(400);
      expect(JSON.parse(pushed.body.toString())).toMatchObject({ code: "invalid_argument" });
      const ingested = await post(server.url, INGEST, "application/octet-stream", new Uint8Array(profile));
      // An empty body is an empty profile to /ingest: agents send it when a process was idle.
      expect(profile.length === 0 ? [200, 400] : [400, 413, 422], ingested.body.toString()).toContain(ingested.status);
      await stillWorks();
    });
  }

  it("stays small under a bomb of gzip in gzip", async () => {
    const bomb = gzipSync(pushBody([{ labels, profile: gzipSync(Buffer.alloc(256 << 20)) }]));
    const response = await fetch(server.url + PUSH, {
      method: "POST",
      headers: { "content-type": "application/proto", "content-encoding": "gzip" },
      body: new Uint8Array(bomb),
    });
    expect([400, 413, 429]).toContain(response.status);
    await response.arrayBuffer();
    await stillWorks();
  });

  it("does not believe a content length it never receives", async () => {
    const socket = connect(server.port, "127.0.0.1");
    socket.write(`POST ${PUSH} HTTP/1.1\r\nhost: x\r\ncontent-type: application/proto\r\ncontent-length: 900000000000\r\n\r\nxx`);
    await new Promise((done) => {
      socket.once("data", done);
      setTimeout(done, 500);
    });
    socket.destroy();
    await stillWorks();
  });

  const QUESTIONS: readonly (readonly [what: string, method: string, request: Record<string, unknown>])[] = [
    ["a selector that does not close", "SelectMergeStacktraces", { labelSelector: '{a="b' }],
    ["a regular expression that does not compile", "SelectMergeStacktraces", { labelSelector: '{a=~"("}' }],
    ["a profile type of two parts", "SelectMergeStacktraces", { profileTypeID: "cpu:nanoseconds" }],
    ["an end before the start", "SelectMergeStacktraces", { start: "2000", end: "1000" }],
    ["a negative number of nodes", "SelectMergeStacktraces", { maxNodes: "-1" }],
    ["a billion nodes", "SelectMergeStacktraces", { maxNodes: "1000000000" }],
    ["a step of nothing", "SelectSeries", { step: 0 }],
    ["no label name", "LabelValues", { name: "" }],
  ];
  for (const [what, method, request] of QUESTIONS) {
    it(`answers a question with ${what} with invalid_argument`, async () => {
      const base = {
        profileTypeID: "process_cpu:cpu:nanoseconds:cpu:nanoseconds",
        labelSelector: "{}",
        start: String(Date.now() - 60_000),
        end: String(Date.now()),
      };
      const reply = await post(
        server.url,
        `/querier.v1.QuerierService/${method}`,
        "application/json",
        JSON.stringify({ ...base, ...request }),
      );
      expect(reply.status, reply.body.toString()).toBe(400);
      expect(JSON.parse(reply.body.toString())).toMatchObject({ code: "invalid_argument" });
    });
  }
});
