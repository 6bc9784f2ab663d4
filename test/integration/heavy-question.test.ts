import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ask, push } from "../harness/client.ts";
import { makePprof } from "../harness/make-pprof.ts";
import { type Server, startServer } from "../harness/server.ts";
import { until } from "../harness/until.ts";

/*
 * Goal: a question that keeps its thread busy for seconds holds back neither the probes nor pushes. Method: profiles whose stacks are all
 * different, and a question for every node of their flame graph, several times at once; meanwhile everything else is timed.
 */

const PROFILES = 30;
const STACKS = 3_000;
const HEAVY = 6;
/** A kubelet waits one second by default. The machine may be busy with other things: the test is about seconds, not about milliseconds. */
const QUICK_MS = 1_000;

describe("while heavy questions run", () => {
  let server: Server;

  beforeAll(async () => {
    server = await startServer({ config: { limits: { ingestion_rate: 0, flamegraph_nodes_max: 0 }, query: { threads: 1 } } });
    for (let number = 0; number < PROFILES; number++) {
      const stacks = Object.fromEntries(
        Array.from({ length: STACKS }, (_, i) => [`main;handler_${i % 50};work_${number}_${i};leaf_${number}_${i}`, [1, 10]]),
      );
      const profile = makePprof({ stacks, time: Date.now() - number * 1_000 });
      const labels = { service_name: "heavy", __name__: "process_cpu", pod: `p${number % 10}` };
      expect((await push(server.url, [{ labels, profile }])).status).toBe(200);
    }
  });

  afterAll(async () => {
    await server?.stop();
  });

  const range = { start: String(Date.now() - 1_800_000), end: String(Date.now() + 600_000) };
  const heavy = (): Promise<{ flamegraph?: { total?: string } }> =>
    ask(server.url, "SelectMergeStacktraces", {
      ...range,
      profileTypeID: "process_cpu:cpu:nanoseconds:cpu:nanoseconds",
      labelSelector: '{service_name="heavy"}',
      maxNodes: 1_000_000,
    });
  const timed = async (what: () => Promise<unknown>): Promise<number> => {
    const startMs = performance.now();
    await what();
    return performance.now() - startMs;
  };

  it("answers probes and pushes at once", async () => {
    await until("all profiles", async () => Number((await heavy()).flamegraph?.total) === PROFILES * STACKS * 10);
    let running = HEAVY;
    const asked = Array.from({ length: HEAVY }, () => heavy().finally(() => running--));
    const tookMs: Record<string, number[]> = { ready: [], healthz: [], metrics: [], push: [] };
    const get = (path: string) => async () => {
      const response = await fetch(server.url + path);
      expect(response.status, path).toBe(200);
      await response.arrayBuffer();
    };
    const small = makePprof({ stacks: { "main;f": [1, 10] }, time: Date.now() });
    while (running > 0) {
      tookMs["ready"]!.push(await timed(get("/ready")));
      tookMs["healthz"]!.push(await timed(get("/healthz")));
      tookMs["metrics"]!.push(await timed(get("/metrics")));
      const labels = { service_name: "light", __name__: "process_cpu" };
      tookMs["push"]!.push(await timed(() => push(server.url, [{ labels, profile: small }])));
    }
    await Promise.all(asked);
    // They really were there at the same time.
    expect(tookMs["ready"]!.length).toBeGreaterThan(3);
    for (const [what, times] of Object.entries(tookMs))
      expect(Math.max(...times), `${what}: ${times.map(Math.round)}`).toBeLessThan(QUICK_MS);
  });
});
