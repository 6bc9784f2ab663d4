import { describe, expect, it } from "vitest";
import { ask } from "../harness/client.ts";
import { NumberedLoad } from "../harness/numbered-load.ts";
import { until } from "../harness/until.ts";
import { MINUTES, nodeFolder, tellStory } from "./story.ts";

/*
 * Goal: a stack has the pods that its load needs. Segment workers by what waits in a real queue, which the operator counts; queriers by their CPU,
 * which the cluster's own autoscaler takes from a metrics server.
 * Method: workers and queriers so small that a few clients are too much for one.
 */

/** With a tenth of a processor, a worker takes some tens of profiles a second. */
const SEGMENT = {
  resources: { requests: { cpu: "50m", memory: "128Mi" }, limits: { cpu: "100m", memory: "768Mi" } },
  autoscaling: { minReplicas: 1, maxReplicas: 2, targetWaiting: 50, targetAge: "5s", scaleDownStabilization: "30s" },
};
const QUERY = {
  resources: { requests: { cpu: "100m", memory: "128Mi" }, limits: { cpu: "500m", memory: "768Mi" } },
  autoscaling: { minReplicas: 1, maxReplicas: 2, targetCpuPercent: 90, scaleDownStabilization: "15s" },
};
const PUSHING_CLIENTS = 16;
const ASKING_CLIENTS = 4;

type Deployment = { readonly spec: { readonly replicas: number }; readonly status: { readonly readyReplicas?: number } };
type Autoscaler = { readonly status: { readonly desiredReplicas?: number; readonly currentMetrics?: readonly object[] } };

describe.skipIf(nodeFolder === undefined)("a stack under load on a real node", () => {
  const story = tellStory("scaling");
  let load: NumberedLoad;

  const workers = (name: string): Promise<Deployment> => story.read<Deployment>("deployment", `main-${name}`);
  const run = (name: string, count: number): Promise<unknown> =>
    until(
      `${count} ${name} pods`,
      async () => {
        const { spec, status } = await workers(name);
        return spec.replicas === count && status.readyReplicas === count;
      },
      { withinMs: 4 * MINUTES, everyMs: 500 },
    );

  it("gets more segment workers while profiles wait", { timeout: 8 * MINUTES }, async () => {
    await story.applyStack({ agent: { enabled: false }, segment: SEGMENT });
    await story.becomesReady();
    const ingest = await story.url("ingest");
    load = new NumberedLoad({ url: () => ingest, clients: PUSHING_CLIENTS });
    load.start();
    await run("segment", 2);
    const status = await until("the decision in the status", () => story.status());
    expect(status.scaling).toMatchObject([{ component: "segment", replicas: 2 }]);
    await load.stop();
    const events = await story.get("events", "--field-selector=reason=Scaled", "-o", "jsonpath={.items[*].message}");
    expect(events).toMatch(/segment: 2 instead of 1 pods: (many profiles wait|profiles wait too long)/);
  });

  it("gets more queriers from the cluster's autoscaler while questions keep them busy", { timeout: 6 * MINUTES }, async () => {
    await story.applyStack({ agent: { enabled: false }, segment: SEGMENT, query: QUERY });
    const autoscaler = async (): Promise<Autoscaler["status"]> => (await story.read<Autoscaler>("hpa", "main-query")).status;
    await until(
      "one querier that is enough",
      async () => {
        const { desiredReplicas, currentMetrics = [] } = await autoscaler();
        return desiredReplicas === 1 && currentMetrics.length > 0;
      },
      { withinMs: 3 * MINUTES, everyMs: 1_000 },
    );
    const query = await story.url("query");
    const nowMs = Date.now();
    const request = {
      start: nowMs - 60 * MINUTES,
      end: nowMs + MINUTES,
      profile_typeID: "process_cpu:cpu:nanoseconds:cpu:nanoseconds",
      label_selector: '{service_name=~"load-.*"}',
    };
    let isOver = false;
    const asking = Array.from({ length: ASKING_CLIENTS }, async () => {
      // A querier that goes away in the middle of an answer is no matter here.
      while (!isOver) await ask(query, "SelectMergeStacktraces", request).catch(() => {});
    });
    try {
      await until("a wish for two queriers", async () => (await autoscaler()).desiredReplicas === 2, {
        withinMs: 4 * MINUTES,
        everyMs: 1_000,
      });
      await run("query", 2);
    } finally {
      isOver = true;
      await Promise.all(asking);
    }
  });

  it("has one of each again when nothing is to do, and every profile once", { timeout: 8 * MINUTES }, async () => {
    await run("segment", 1);
    await run("query", 1);
    await story.becomesReady();
    expect(await load.faults(await story.url("query"))).toEqual({ lost: [], wrong: [] });
  });
});
