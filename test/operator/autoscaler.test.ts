import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ApiServerProcess, startApiServer, whyNoApiServer } from "../harness/api-server.ts";
import { type MetricsAdapter, startMetricsAdapter } from "../harness/metrics-adapter.ts";
import { eventually, type OperatorProcess, startOperator } from "../harness/operator.ts";
import { REPOSITORY } from "../harness/server.ts";

/*
 * Queriers are scaled by the cluster's own autoscaler: by CPU, and by questions in flight where a metrics adapter offers them. The autoscaler's
 * controller is real; pods have no node, so the test says of them that they run, and the adapter what each has to do.
 */

const reason = whyNoApiServer();
if (reason !== undefined) console.log(`operator autoscaler: ${reason}`);

type Scaling = { readonly component: string; readonly replicas: number; readonly reason: string };

describe.skipIf(reason !== undefined)("the autoscaler of queriers", () => {
  let api: ApiServerProcess;
  let operator: OperatorProcess;
  let adapter: MetricsAdapter;

  beforeAll(async () => {
    api = await startApiServer();
    adapter = await startMetricsAdapter(api);
    api.kubectl(["apply", "--server-side", "-f", join(REPOSITORY, "crds")]);
    api.kubectl(["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]);
    operator = await startOperator(api.kubeconfig);
  });
  afterAll(async () => {
    await operator?.stop();
    await adapter?.stop();
    await api?.stop();
  });

  const get = <Value>(what: string): Value => JSON.parse(api.kubectl(["get", what, "-o", "json"])) as Value;
  const metrics = (): readonly string[] =>
    get<{ spec: { metrics: readonly { type: string }[] } }>("hpa/main-query").spec.metrics.map(({ type }) => type);
  const queriers = (): Scaling | undefined =>
    get<{ status?: { scaling?: readonly Scaling[] } }>("pstack/main").status?.scaling?.find(({ component }) => component === "query");
  let touches = 0;
  /** The operator looks by itself every two minutes; a test need not wait for that. */
  const untilLookedAt = (check: () => void): Promise<void> =>
    eventually(() => {
      api.kubectl(["annotate", "pstack/main", `touched=${touches++}`, "--overwrite"]);
      check();
    });

  it("goes by CPU alone where no adapter is, and the status says why and what the autoscaler lacks", async () => {
    const spec = { storage: { s3: { bucket: "profiles", instance: {} } }, query: { autoscaling: { maxReplicas: 7 } } };
    const stack = {
      apiVersion: "profiling.brazier.dev/v1alpha1",
      kind: "ProfilingStack",
      metadata: { name: "main", namespace: "default" },
    };
    api.kubectl(["apply", "--server-side", "-f", "-"], JSON.stringify({ ...stack, spec }));
    await eventually(() => {
      expect(metrics()).toEqual(["Resource"]);
      expect(queriers()).toMatchObject({ minReplicas: 1, maxReplicas: 7, by: "HorizontalPodAutoscaler" });
      expect(queriers()?.reason).toContain("the cluster serves no custom.metrics.k8s.io");
      expect(queriers()?.reason).toContain("it cannot decide: FailedGetResourceMetric");
    });
  });

  it("takes up questions in flight when an adapter offers them, without a restart", async () => {
    adapter.metrics.set("http_requests", 1);
    adapter.register();
    await untilLookedAt(() => expect(queriers()?.reason).toContain("custom.metrics.k8s.io has no brazier_query_in_flight"));
    expect(metrics()).toEqual(["Resource"]);
    adapter.metrics.set("brazier_query_in_flight", 12);
    await untilLookedAt(() => {
      expect(metrics()).toEqual(["Resource", "Pods"]);
      expect(queriers()?.reason).toContain("by CPU (70 %) and questions in flight (4 for each querier)");
    });
  });

  it("adds queriers when each has three times the questions it should have", async () => {
    const [pod] = api.kubectl(["get", "pods", "-l", "app.kubernetes.io/component=query", "-o", "name"]).split("\n");
    const now = new Date().toISOString();
    const conditions = [{ type: "Ready", status: "True", lastTransitionTime: now }];
    const status = JSON.stringify({ status: { phase: "Running", startTime: now, conditions } });
    api.kubectl(["patch", pod as string, "--subresource=status", "--type=merge", "-p", status]);
    await eventually(() => expect(queriers()).toMatchObject({ replicas: 3 }));
    expect(get<{ spec: { replicas: number } }>("deployment/main-query").spec.replicas).toBe(3);
  });

  it("keeps the metric while the adapter is silent, and drops it when it is offered no longer", async () => {
    await adapter.stop();
    await untilLookedAt(() => expect(api.kubectl(["get", "apiservice", "v1beta1.custom.metrics.k8s.io"])).toContain("False"));
    // Longer than an answer is remembered, and looked at since.
    const since = Date.now();
    await untilLookedAt(() => expect(Date.now() - since).toBeGreaterThan(40_000));
    expect(metrics()).toEqual(["Resource", "Pods"]);
    api.kubectl(["delete", "apiservice", "v1beta1.custom.metrics.k8s.io"]);
    await untilLookedAt(() => expect(metrics()).toEqual(["Resource"]));
    expect(queriers()?.reason).toContain("the cluster serves no custom.metrics.k8s.io");
  });
});
