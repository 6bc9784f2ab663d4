import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { S3Store } from "../../pipeline/objects/s3.ts";
import { openS3Store } from "../../pipeline/objects/s3.ts";
import { S3_OUTCOMES, type S3Operation, type S3Outcome, S3Tally } from "../../pipeline/objects/s3-tally.ts";
import { type Fault, type FaultProxy, startFaultProxy } from "../harness/fault-proxy.ts";
import { NumberedLoad } from "../harness/numbered-load.ts";
import { type S3TestServer, s3Settings, startS3 } from "../harness/s3.ts";
import { startServer } from "../harness/server.ts";

/* Goal: an S3 that fails costs time, never a profile. Method: a proxy before a real S3 server that answers errors, loses answers and cuts bodies. */

let s3: S3TestServer;
let proxy: FaultProxy;

beforeAll(async () => {
  s3 = await startS3();
  proxy = await startFaultProxy(s3.url);
});

afterEach(() => {
  proxy.fault = () => "none";
});

afterAll(async () => {
  await proxy?.stop();
  await s3?.stop();
});

/** The first request of the method meets the fault. */
function once(method: string, fault: Fault): void {
  let met = false;
  proxy.fault = (asked) => {
    if (met || asked !== method) return "none";
    met = true;
    return fault;
  };
}

describe("calls to an S3 that fails", () => {
  let worlds = 0;
  const world = (changes: { attempts?: number; timeoutMs?: number; hedgeAfterMs?: number } = {}): Promise<S3Store> =>
    openS3Store(s3Settings(proxy.url, { prefix: `faults/${worlds++}`, ...changes }));

  it.each<Fault>(["500", "503", "reset", "lost-answer"])("creates once through %s", async (fault) => {
    const store = await world();
    const before = proxy.disturbed;
    once("PUT", fault);
    await store.create("segments/a", new Uint8Array([1, 2, 3]));
    expect(proxy.disturbed).toBe(before + 1);
    expect([...(await store.get("segments/a"))]).toEqual([1, 2, 3]);
    await expect(store.create("segments/a", new Uint8Array([1, 2, 3]))).rejects.toMatchObject({ code: "object_exists" });
    await store.close();
  });

  it("does not take another one's object for its own after a lost answer", async () => {
    const store = await world();
    await store.create("segments/a", new Uint8Array([1]));
    once("PUT", "lost-answer");
    await expect(store.create("segments/a", new Uint8Array([1]))).rejects.toMatchObject({ code: "object_exists" });
    await store.close();
  });

  it.each<Fault>(["500", "503", "reset", "lost-answer", "partial-body"])("reads through %s", async (fault) => {
    const store = await world();
    await store.create("segments/a", new Uint8Array(10_000).fill(7));
    once("GET", fault);
    expect((await store.get("segments/a")).every((byte) => byte === 7)).toBe(true);
    once("GET", fault);
    expect((await store.getRange("segments/a", 5_000, 1_000)).byteLength).toBe(1_000);
    await store.close();
  });

  it("asks a second time when an answer is late, and a third when an attempt has timed out", async () => {
    const store = await world({ timeoutMs: 120_000, hedgeAfterMs: 100 });
    await store.create("segments/a", new Uint8Array([1]));
    once("GET", "hang");
    const startedMs = performance.now();
    expect([...(await store.get("segments/a"))]).toEqual([1]);
    expect(performance.now() - startedMs).toBeLessThan(60_000);
    await store.close();

    const hasty = await world({ timeoutMs: 1_000, attempts: 2 });
    once("PUT", "hang");
    await hasty.create("segments/b", new Uint8Array([1]));
    proxy.fault = () => "hang";
    await expect(hasty.get("segments/b")).rejects.toMatchObject({ code: "object_store_unavailable" });
    await hasty.close();
  });

  it("counts each request by operation and outcome, and what was asked again", async () => {
    const tally = new S3Tally();
    const settings = s3Settings(proxy.url, { prefix: `faults/${worlds++}`, hedgeAfterMs: 200, timeoutMs: 120_000 });
    const store = await openS3Store(settings, { tally });
    once("PUT", "503");
    await store.create("segments/a", new Uint8Array(1_000));
    await expect(store.create("segments/a", new Uint8Array(1))).rejects.toMatchObject({ code: "object_exists" });
    await expect(store.get("segments/b")).rejects.toMatchObject({ code: "object_not_found" });
    once("GET", "reset");
    await store.getRange("segments/a", 0, 100);
    once("GET", "hang");
    await store.get("segments/a");
    for await (const _ of store.list("segments/"));
    await store.delete("segments/a");
    await store.close();
    const count = (operation: S3Operation): Partial<Record<S3Outcome, number>> =>
      Object.fromEntries(
        S3_OUTCOMES.map((outcome) => [outcome, tally.requests(operation, outcome)]).filter(([, requests]) => requests !== 0),
      );
    expect(count("create")).toEqual({ ok: 1, taken: 1, throttled: 1 });
    expect(count("head")).toEqual({ ok: 1 });
    expect(count("list")).toEqual({ ok: 1 });
    expect(count("delete")).toEqual({ ok: 1 });
    // A slow machine may ask for more of them a second time.
    await expect.poll(() => count("get")["cancelled"]).toBeGreaterThanOrEqual(1);
    expect(count("get")).toMatchObject({ absent: 1, no_answer: 1 });
    expect(count("get")["ok"]).toBeGreaterThanOrEqual(2);
    expect([tally.retries("create"), tally.retries("get"), tally.retries("list")]).toEqual([1, 1, 0]);
    expect(tally.hedges).toBeGreaterThanOrEqual(1);
    expect([tally.writtenBytes, tally.readBytes]).toEqual([1_000, 1_100]);
  });

  it("ends at once with the reason of whoever aborts it", async () => {
    const store = await world();
    proxy.fault = () => "hang";
    const why = new Error("no longer needed");
    const over = new AbortController();
    const reading = store.get("segments/a", over.signal);
    over.abort(why);
    await expect(reading).rejects.toBe(why);
    await store.close();
  });

  it("gives up with a fault that says what to look at", async () => {
    const store = await world({ attempts: 3 });
    proxy.fault = () => "503";
    const before = proxy.disturbed;
    await expect(store.get("segments/a")).rejects.toMatchObject({ code: "object_store_unavailable", kind: "unavailable" });
    expect(proxy.disturbed).toBe(before + 3);
    await store.close();
  });
});

it("loses and doubles no acknowledged profile while S3 fails one call in five, and is away for some seconds", async () => {
  const storage = { ...s3.storage, prefix: "load", s3: { ...(s3.storage["s3"] as object), endpoint: proxy.url } };
  const server = await startServer({ config: { storage }, readyWithinMs: 60_000 });
  try {
    const faults: readonly Fault[] = ["500", "503", "reset", "lost-answer", "partial-body"];
    let calls = 0;
    proxy.fault = () => (++calls % 5 === 0 ? faults[(calls / 5) % faults.length]! : "none");
    const load = new NumberedLoad({ url: () => server.url, clients: 4 });
    load.start();
    await load.more(100);
    const disturbed = proxy.disturbed;
    expect(disturbed).toBeGreaterThan(5);
    proxy.fault = () => "reset";
    const awayUntilMs = performance.now() + 5_000;
    while (performance.now() < awayUntilMs) await new Promise((done) => setTimeout(done, 100));
    proxy.fault = () => "none";
    await load.more(100);
    await load.stop();
    expect(proxy.disturbed).toBeGreaterThan(disturbed);
    expect(await load.faults(server.url)).toEqual({ lost: [], wrong: [] });
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    const measured = (pattern: RegExp): number => Number(pattern.exec(metrics)?.[1] ?? 0);
    expect(measured(/^brazier_s3_requests_total\{operation="create",outcome="ok"\} (\d+)/m)).toBeGreaterThan(0);
    expect(measured(/^brazier_s3_requests_total\{operation="create",outcome="server_error"\} (\d+)/m)).toBeGreaterThan(0);
    expect(measured(/^brazier_s3_retries_total\{operation="create"\} (\d+)/m)).toBeGreaterThan(0);
    // Query threads have clients of their own.
    expect(measured(/^brazier_s3_read_bytes_total (\d+)/m)).toBeGreaterThan(0);
  } finally {
    await server.stop();
  }
});
