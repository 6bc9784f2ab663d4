import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ApiServerProcess, startApiServer, whyNoApiServer } from "../harness/api-server.ts";
import { eventually, type OperatorProcess, startOperator } from "../harness/operator.ts";
import { REPOSITORY } from "../harness/server.ts";
import { optionalDefinitions } from "./optional-kinds.ts";

/* The number of segment workers follows what waits, that of compactors what is due. Their page of metrics is the test's; that the real one has the same lines is a unit test. */

const reason = whyNoApiServer();
if (reason !== undefined) console.log(`operator scaling: ${reason}`);

describe.skipIf(reason !== undefined)("the number of workers", () => {
  type Look = { spec: { replicas: number }; status?: { scaling?: readonly object[]; conditions?: readonly object[] } };
  let api: ApiServerProcess;
  let operator: OperatorProcess;
  let workers: Server;
  const asked = new Set<string>();
  let [messages, oldestSeconds] = [0, 0];
  let [dueObjects, dueBytes] = [0, 0];

  beforeAll(async () => {
    workers = createServer((request, response) => {
      asked.add(request.url ?? "");
      const lag = `brazier_queue_waiting_messages ${messages}\nbrazier_queue_oldest_seconds ${oldestSeconds}\n`;
      const due = `brazier_compaction_due_objects ${dueObjects}\nbrazier_compaction_due_bytes ${dueBytes}\n`;
      response.end(request.url?.endsWith("-segment") ? lag : due);
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

  const look = (what: string): Look => JSON.parse(api.kubectl(["get", what, "-o", "json"])) as Look;
  const apply = (name: string, parts: { readonly segment?: object; readonly compact?: object }): void => {
    const stack = {
      apiVersion: "profiling.brazier.dev/v1alpha1",
      kind: "ProfilingStack",
      metadata: { name, namespace: "default" },
      spec: { storage: { s3: { bucket: "profiles", instance: {} } }, ...parts },
    };
    api.kubectl(["apply", "--server-side", "--force-conflicts", "-f", "-"], JSON.stringify(stack));
  };

  it("of segment workers rises when much waits and falls when little does, and the status says why", async () => {
    apply("main", { segment: { autoscaling: { minReplicas: 2, maxReplicas: 50, scaleDownStabilization: "1s" } } });
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

  it("of compactors rises when much is due and falls when little is, and the status says why", async () => {
    apply("merge", {
      compact: { autoscaling: { maxReplicas: 5, targetDueObjects: 100, targetDueBytes: "1Gi", scaleDownStabilization: "1s" } },
    });
    const compactorsAre = (count: number, why: string): Promise<void> =>
      eventually(() => {
        expect(look("deployment/merge-compact").spec.replicas).toBe(count);
        const row = {
          component: "compact",
          replicas: count,
          minReplicas: 1,
          maxReplicas: 5,
          by: "Operator",
          reason: expect.stringContaining(why),
        };
        expect(look("pstack/merge").status?.scaling).toMatchObject([row]);
      });
    await compactorsAre(1, "minReplicas are enough");
    [dueObjects, dueBytes] = [20, 3 * 2 ** 30 - 1];
    await compactorsAre(3, "as many as are needed");
    [dueObjects, dueBytes] = [0, 0];
    await compactorsAre(2, "");
    expect(asked).toContain("/default/merge-compact");
  });

  it("of segment workers is left to KEDA when asked, as soon as KEDA is there, and none is removed on the way", async () => {
    apply("keda", { segment: { replicas: 5 } });
    await eventually(() => expect(look("deployment/keda-segment").spec.replicas).toBe(5));
    apply("keda", { segment: { autoscaling: { minReplicas: 2, maxReplicas: 9, by: "KEDA" } } });
    await eventually(() =>
      expect(look("pstack/keda").status?.conditions).toContainEqual(
        expect.objectContaining({
          type: "Degraded",
          status: "True",
          reason: "KindMissing",
          message: expect.stringMatching(
            /^spec\.segment\.autoscaling\.by: the cluster does not know ScaledObject .*: install its definitions/,
          ),
        }),
      ),
    );
    const definition = optionalDefinitions().find((one) => JSON.stringify(one).includes("scaledobjects"));
    api.kubectl(["apply", "--server-side", "-f", "-"], JSON.stringify(definition));
    await eventually(() =>
      expect(look("scaledobject/keda-segment").spec).toMatchObject({ scaleTargetRef: { name: "keda-segment" }, minReplicaCount: 2 }),
    );
    expect(look("deployment/keda-segment").spec.replicas).toBe(5);
    // What KEDA's autoscaler would do; the operator's next looks leave it alone.
    api.kubectl(["scale", "deployment/keda-segment", "--replicas=8"]);
    const { resourceVersion } = (look("configmap/keda-settings") as unknown as { metadata: { resourceVersion: string } }).metadata;
    api.kubectl(["label", "configmap/keda-settings", "app.kubernetes.io/component=other", "--overwrite"]);
    await eventually(() => {
      const { metadata } = look("configmap/keda-settings") as unknown as { metadata: { resourceVersion: string; labels: object } };
      expect(metadata.resourceVersion).not.toBe(resourceVersion);
      expect(metadata.labels).toMatchObject({ "app.kubernetes.io/component": "server" });
    });
    expect(look("deployment/keda-segment").spec.replicas).toBe(8);
  });
});
