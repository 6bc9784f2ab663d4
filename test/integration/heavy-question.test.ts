import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ask, push } from "../harness/client.ts";
import { makePprof } from "../harness/make-pprof.ts";
import { type Server, startServer } from "../harness/server.ts";
import { until } from "../harness/until.ts";

/*
 * Goal: a question that keeps its thread busy for seconds holds back neither the probes nor pushes, nor what is asked about labels on the same thread.
 * Method: profiles whose stacks are all different, and a question for every node of their flame graph, several times at once. What else is asked
 * is counted until the first of the flame graphs is there: what waits for one comes to nothing.
 */

const PROFILES = 30;
const STACKS = 3_000;
const HEAVY = 6;
/** While the first flame graph is made, beside five others. One asked after the other takes some 30 ms, and that takes seconds. */
const ANSWERS_MIN = 5;

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
    await until("all profiles", async () => Number((await heavy()).flamegraph?.total) === PROFILES * STACKS * 10);
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
  /** How often it is answered, one after the other, before the first heavy question is. */
  const answeredMeanwhile = async (what: () => Promise<unknown>): Promise<number> => {
    let ended = 0;
    const asked = Array.from({ length: HEAVY }, () => heavy().finally(() => ended++));
    let answered = 0;
    while (ended === 0) {
      await what();
      if (ended === 0) answered++;
    }
    await Promise.all(asked);
    return answered;
  };

  it.each(["/ready", "/healthz", "/metrics"])("answers %s", async (path) => {
    const answered = await answeredMeanwhile(async () => {
      const response = await fetch(server.url + path);
      expect(response.status).toBe(200);
      await response.arrayBuffer();
    });
    expect(answered).toBeGreaterThanOrEqual(ANSWERS_MIN);
  });

  it("takes pushes", async () => {
    const profile = makePprof({ stacks: { "main;f": [1, 10] }, time: Date.now() });
    const answered = await answeredMeanwhile(async () => {
      const labels = { service_name: "light", __name__: "process_cpu" };
      expect((await push(server.url, [{ labels, profile }])).status).toBe(200);
    });
    expect(answered).toBeGreaterThanOrEqual(ANSWERS_MIN);
  });

  it("lists label values", async () => {
    const question = { ...range, name: "pod", matchers: ['{service_name="heavy"}'] };
    const answered = await answeredMeanwhile(async () => {
      const { names } = await ask<{ names?: readonly string[] }>(server.url, "LabelValues", question);
      expect(names).toHaveLength(10);
    });
    expect(answered).toBeGreaterThanOrEqual(ANSWERS_MIN);
  });
});
