import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ask } from "../harness/client.ts";
import { weighFunctions } from "../harness/flame-graph.ts";
import { type Server, startServer } from "../harness/server.ts";
import { flameGraphOf, lastHour, profileTypesOf } from "./ask.ts";
import { buildGoPrograms, hasGo, type ProgramOutput, runGoProgram, runNodeProgram } from "./programs.ts";

/*
 * Goal: Grafana's SDKs, unchanged, push to us and their functions appear with believable values.
 * Method: a small program that burns and allocates in functions we know, run for some seconds.
 */
const SECONDS = 6;

/** The name under which a function of the program shows: `main.burnHotLoop` in Go, `…:burnHotLoop:…` in Node. */
async function share(server: Server, service: string, type: string, name: string): Promise<number> {
  const graph = await flameGraphOf(server.url, type, `{service_name="${service}"}`);
  const hits = [...weighFunctions(graph)].filter(([text]) => text.includes(name));
  return Math.max(0, ...hits.map(([, { cum }]) => cum)) / Number(graph.total);
}

async function labelValues(server: Server, service: string, name: string): Promise<readonly string[]> {
  const body = { name, matchers: [`{service_name="${service}"}`], ...lastHour() };
  return (await ask<{ names?: string[] }>(server.url, "LabelValues", body)).names ?? [];
}

describe.skipIf(!hasGo)("the Go SDK (pyroscope-go)", () => {
  let server: Server;
  let output: ProgramOutput;
  beforeAll(async () => {
    await buildGoPrograms();
    server = await startServer();
    output = await runGoProgram("sdk", ["-url", server.url, "-name", "sdk-go", "-seconds", String(SECONDS)]);
  });
  afterAll(() => server?.stop());

  it("uploads without an error", () => {
    expect(output.stderr).toBe("");
    expect(output.lines[0]).toMatchObject({ burned: expect.any(Number) });
  });

  it("has the profile types that Grafana knows", async () => {
    expect(await profileTypesOf(server.url, "sdk-go")).toEqual(
      expect.arrayContaining([
        "process_cpu:cpu:nanoseconds:cpu:nanoseconds",
        "process_cpu:samples:count:cpu:nanoseconds",
        "memory:alloc_objects:count:space:bytes",
        "memory:alloc_space:bytes:space:bytes",
        "memory:inuse_objects:count:space:bytes",
        "memory:inuse_space:bytes:space:bytes",
        "goroutines:goroutine:count:goroutine:count",
      ]),
    );
  });

  it("spends its time in the loop that burns it", async () => {
    expect(await share(server, "sdk-go", "process_cpu:cpu:nanoseconds:cpu:nanoseconds", "main.burnHotLoop")).toBeGreaterThan(0.7);
  });

  it("counts no more CPU than one busy core has in that time", async () => {
    const { total } = await flameGraphOf(server.url, "process_cpu:cpu:nanoseconds:cpu:nanoseconds", '{service_name="sdk-go"}');
    expect(Number(total)).toBeGreaterThan(0.5e9);
    expect(Number(total)).toBeLessThan((SECONDS + 2) * 2e9);
  });

  it("allocates where it allocates", async () => {
    expect(await share(server, "sdk-go", "memory:alloc_space:bytes:space:bytes", "main.hoardBuffers")).toBeGreaterThan(0.5);
  });

  it("carries its tags as labels", async () => {
    expect(await labelValues(server, "sdk-go", "region")).toEqual(["eu"]);
  });
});

describe("the Node SDK (@pyroscope/nodejs)", () => {
  let server: Server;
  beforeAll(async () => {
    server = await startServer();
    await runNodeProgram("./node/busy.ts", [server.url, "sdk-node", String(SECONDS)]);
  });
  afterAll(() => server?.stop());

  it("has the profile types that Grafana knows", async () => {
    expect(await profileTypesOf(server.url, "sdk-node")).toEqual(
      expect.arrayContaining([
        "memory:inuse_objects:count:inuse_space:bytes",
        "memory:inuse_space:bytes:inuse_space:bytes",
        "process_cpu:cpu:nanoseconds:wall:nanoseconds",
        "wall:samples:count:wall:nanoseconds",
        "wall:wall:nanoseconds:wall:nanoseconds",
      ]),
    );
  });

  it("spends its time in the loop that burns it", async () => {
    expect(await share(server, "sdk-node", "wall:wall:nanoseconds:wall:nanoseconds", "burnHotLoop")).toBeGreaterThan(0.5);
    expect(await share(server, "sdk-node", "process_cpu:cpu:nanoseconds:wall:nanoseconds", "burnHotLoop")).toBeGreaterThan(0.5);
  });

  it("holds memory where it allocated it", async () => {
    expect(await share(server, "sdk-node", "memory:inuse_space:bytes:inuse_space:bytes", "hoardBuffers")).toBeGreaterThan(0.3);
  });

  it("carries its tags as labels", async () => {
    expect(await labelValues(server, "sdk-node", "region")).toEqual(["eu"]);
  });
});
