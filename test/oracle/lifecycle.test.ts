import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { ask, push } from "../harness/client.ts";
import { makePprof } from "../harness/make-pprof.ts";
import { type Server, ServerStartError, startServer } from "../harness/server.ts";

/* Goal: a directory has one owner, and a stop loses nothing. */

describe("the life of a process on a directory", () => {
  const servers: Server[] = [];
  const folders: string[] = [];
  const folder = (): string => {
    const made = mkdtempSync(join(tmpdir(), "brazier-life-"));
    folders.push(made);
    return made;
  };
  const start = async (dataDir: string): Promise<Server> => {
    const server = await startServer({ dataDir });
    servers.push(server);
    return server;
  };

  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.stop()));
    for (const dataDir of folders.splice(0)) rmSync(dataDir, { recursive: true, force: true });
  });

  it("refuses a second process on the same directory, and the first goes on", async () => {
    const dataDir = folder();
    const first = await start(dataDir);
    const refusal = await startServer({ dataDir }).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(refusal).toBeInstanceOf(ServerStartError);
    const { exit, logs } = refusal as ServerStartError;
    expect(exit?.code).not.toBe(0);
    expect(logs, "names who holds the directory").toContain(String(first.pid));
    const profile = makePprof({ stacks: { "main;work": [1, 10] }, time: Date.now() });
    expect((await push(first.url, [{ labels: { service_name: "a", __name__: "process_cpu" }, profile }])).status).toBe(200);
  });

  it("takes over the directory of a process that was killed", async () => {
    const dataDir = folder();
    await (await start(dataDir)).kill();
    const second = await start(dataDir);
    expect(second.readyAfterMs).toBeLessThan(10_000);
  });

  it("answers or stores every push that is under way when it is told to stop", async () => {
    const dataDir = folder();
    const first = await start(dataDir);
    const baseMs = Date.now() - 10_000;
    const pushes = Array.from({ length: 40 }, async (_, number) => {
      const profile = makePprof({ stacks: { "main;work": [1, 1] }, time: baseMs + number });
      const reply = await push(first.url, [
        { labels: { service_name: "stop", __name__: "process_cpu", n: String(number) }, profile },
      ]).catch(() => undefined);
      return reply?.status === 200;
    });
    // All are on their way, some are queued, none needs to be answered yet.
    await new Promise((done) => setTimeout(done, 30));
    const exit = await first.stop();
    expect(exit).toEqual({ code: 0, signal: null });
    const acknowledged = (await Promise.all(pushes)).filter(Boolean).length;

    const second = await start(dataDir);
    const request = {
      start: String(baseMs - 1000),
      end: String(Date.now() + 1000),
      labelNames: ["n"],
      matchers: ['{service_name="stop"}'],
    };
    const { labelsSet = [] } = await ask<{ labelsSet?: readonly unknown[] }>(second.url, "Series", request);
    expect(labelsSet.length).toBeGreaterThanOrEqual(acknowledged);
    expect(acknowledged).toBeGreaterThan(0);
  });
});
