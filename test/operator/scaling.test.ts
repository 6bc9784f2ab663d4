import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ApiServerProcess, startApiServer, whyNoApiServer } from "../harness/api-server.ts";
import { eventually, type OperatorProcess, startOperator } from "../harness/operator.ts";
import { REPOSITORY } from "../harness/server.ts";

/* The number of segment workers follows what waits. Their page of metrics is the test's; that the real one has the same lines is a unit test. */

const reason = whyNoApiServer();
if (reason !== undefined) console.log(`operator scaling: ${reason}`);

describe.skipIf(reason !== undefined)("segment workers", () => {
  let api: ApiServerProcess;
  let operator: OperatorProcess;
  let workers: Server;
  const asked = new Set<string>();
  let [messages, oldestSeconds] = [0, 0];

  beforeAll(async () => {
    workers = createServer((request, response) => {
      asked.add(request.url ?? "");
      response.end(`brazier_queue_waiting_messages ${messages}\nbrazier_queue_oldest_seconds ${oldestSeconds}\n`);
    });
    await new Promise<void>((resolve) => workers.listen(0, "127.0.0.1", resolve));
    api = await startApiServer();
    api.kubectl(["apply", "--server-side", "-f", join(REPOSITORY, "crds")]);
    api.kubectl(["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]);
    const { port } = workers.address() as AddressInfo;
    operator = await startOperator(api.kubeconfig, [`--metrics-url=http://127.0.0.1:${port}/{namespace}/{service}`]);
  });
  afterAll(async () => {
    await operator?.stop();
    await api?.stop();
    workers?.close();
  });

  it("become more when much waits and fewer when little does, and the status says why", async () => {
    const stack = {
      apiVersion: "profiling.brazier.dev/v1alpha1",
      kind: "ProfilingStack",
      metadata: { name: "main", namespace: "default" },
      spec: {
        storage: { s3: { bucket: "profiles", instance: {} } },
        segment: { autoscaling: { minReplicas: 2, maxReplicas: 50, scaleDownStabilization: "1s" } },
      },
    };
    api.kubectl(["apply", "--server-side", "-f", "-"], JSON.stringify(stack));
    const look = (what: string): { spec: { replicas: number }; status?: { scaling?: readonly object[] } } =>
      JSON.parse(api.kubectl(["get", what, "-o", "json"])) as never;
    const workersAre = (count: number): Promise<void> =>
      eventually(() => {
        expect(look("deployment/main-segment").spec.replicas).toBe(count);
        expect(look("pstack/main").status?.scaling).toMatchObject([{ component: "segment", replicas: count }]);
      });
    await workersAre(2);
    // 16 partitions are what a small stack has, so there is work for 16 workers at most.
    messages = 1_000_000;
    await workersAre(4);
    await workersAre(16);
    await eventually(() =>
      expect(look("pstack/main").status?.scaling).toMatchObject([{ reason: expect.stringContaining("more profiles wait than") }]),
    );
    expect([...asked]).toEqual(["/default/main-segment"]);
    messages = 0;
    await workersAre(12);
    expect(api.kubectl(["get", "events", "--field-selector=reason=Scaled"])).toContain("segment: 4 instead of 2 pods: many profiles wait");
  });
});
