import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openS3Store } from "../../pipeline/objects/s3.ts";
import { type FaultProxy, startFaultProxy } from "../harness/fault-proxy.ts";
import { NumberedLoad } from "../harness/numbered-load.ts";
import { type S3TestServer, s3Settings, startS3 } from "../harness/s3.ts";
import { type Server, startServer } from "../harness/server.ts";
import { until } from "../harness/until.ts";

/* Goal: an S3 that is away, frozen or slow for a while costs time, never a profile. Method: real processes under load; the server stopped by signals, or a proxy before it. */

const WHOLE = { lost: [], wrong: [] };

describe("an S3 that goes away and comes back", () => {
  let s3: S3TestServer;
  let proxy: FaultProxy;
  let worlds = 0;

  beforeAll(async () => {
    s3 = await startS3();
    proxy = await startFaultProxy(s3.url);
  });

  afterAll(async () => {
    await proxy?.stop();
    s3?.signal("SIGCONT");
    await s3?.stop();
  });

  const start = (s3Changes: object): Promise<Server> => {
    const connection = { ...(s3.storage["s3"] as object), endpoint: proxy.url, ...s3Changes };
    return startServer({ config: { storage: { ...s3.storage, prefix: `away/${worlds++}`, s3: connection } }, readyWithinMs: 60_000 });
  };
  const ready = async (server: Server): Promise<number> => (await fetch(`${server.url}/ready`)).status;

  /** Load before, while and after S3 is away. */
  async function through(server: Server, goAway: () => void, comeBack: () => void, awayMs: number): Promise<void> {
    const load = new NumberedLoad({ url: () => server.url, clients: 4 });
    load.start();
    await load.more(100);
    goAway();
    const awayUntilMs = performance.now() + awayMs;
    try {
      await until("a server that says that its bucket is away", async () => (await ready(server)) === 503, { withinMs: 120_000 });
      await until("the time to be over", () => performance.now() >= awayUntilMs, { withinMs: awayMs + 60_000 });
    } finally {
      comeBack();
    }
    await load.more(100);
    await load.stop();
    expect(load.retries).toBeGreaterThan(0);
    expect(await load.faults(server.url)).toEqual(WHOLE);
    await until("a server that is ready again", async () => (await ready(server)) === 200, { withinMs: 60_000 });
  }

  it("for a minute: every acknowledged profile is there, once", async () => {
    const server = await start({ timeout: "2s", attempts: 2 });
    const refuse = (): void => {
      proxy.fault = () => "reset";
    };
    const pass = (): void => {
      proxy.fault = () => "none";
    };
    try {
      await through(server, refuse, pass, 60_000);
    } finally {
      await server.stop();
    }
  }, 400_000);

  it("frozen past every time-out: every acknowledged profile is there, once", async () => {
    const server = await start({ timeout: "2s", attempts: 2 });
    try {
      await through(
        server,
        () => s3.signal("SIGSTOP"),
        () => s3.signal("SIGCONT"),
        20_000,
      );
    } finally {
      await server.stop();
    }
  }, 400_000);

  it("whose answers trickle in is given up after the time that their size allows, and asked again", async () => {
    const store = await openS3Store(s3Settings(proxy.url, { prefix: "trickle", timeoutMs: 1_000, attempts: 2 }));
    try {
      await store.create("segments/a", new Uint8Array(100_000).fill(3));
      let trickled = 0;
      proxy.fault = (method) => (method === "GET" && trickled++ === 0 ? "trickle" : "none");
      expect((await store.get("segments/a")).every((byte) => byte === 3)).toBe(true);
      expect(trickled).toBe(2);
      proxy.fault = (method) => (method === "GET" ? "trickle" : "none");
      await expect(store.get("segments/a")).rejects.toMatchObject({ code: "object_store_unavailable" });
    } finally {
      proxy.fault = () => "none";
      await store.close();
    }
  });
});
