import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ApiServerProcess, startApiServer, whyNoApiServer } from "../harness/api-server.ts";
import { type Call, type KubernetesProxy, startKubernetesProxy, statusOf } from "../harness/kubernetes-proxy.ts";
import { type OperatorProcess, startOperator } from "../harness/operator.ts";
import { REPOSITORY } from "../harness/server.ts";
import { until } from "../harness/until.ts";

/*
 * Goal: the operator does its work through the bad days of an API server, and in its own namespace only where it is told so.
 * Method: a proxy before a real API server refuses with 429 and 409, and ends watches with 410 or after a bookmark. What the operator does is
 * seen in the cluster, how it goes on is seen in its requests.
 */

const reason = whyNoApiServer();
if (reason !== undefined) console.log(`operator bad days: ${reason}`);

describe.skipIf(reason !== undefined)("the operator on a bad day of the API server", () => {
  let api: ApiServerProcess;
  let proxy: KubernetesProxy;
  let operator: OperatorProcess;

  beforeAll(async () => {
    api = await startApiServer();
    proxy = await startKubernetesProxy(api);
    api.kubectl(["apply", "--server-side", "-f", join(REPOSITORY, "crds")]);
    api.kubectl(["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]);
    for (const namespace of ["watched", "other"]) api.kubectl(["create", "namespace", namespace]);
    operator = await startOperator(proxy.kubeconfig, ["--watch-namespace=watched"]);
    apply("watched", "main", 1);
    apply("watched", "second", 1);
    apply("other", "main", 1);
    await ingestOf("main", 1);
    await ingestOf("second", 1);
  });
  afterAll(async () => {
    await operator?.stop();
    await proxy?.stop();
    await api?.stop();
  });

  function apply(namespace: string, name: string, replicas: number): void {
    const spec = { storage: { s3: { bucket: "profiles", instance: {} } }, agent: { enabled: false }, ingest: { replicas } };
    const stack = { apiVersion: "profiling.brazier.dev/v1alpha1", kind: "ProfilingStack", metadata: { name, namespace }, spec };
    api.kubectl(["apply", "--server-side", "--force-conflicts", "-f", "-"], JSON.stringify(stack));
  }
  const get = (...what: readonly string[]): string => api.kubectl(["-n", "watched", "get", ...what]);
  const ingestOf = (name: string, replicas: number): Promise<unknown> =>
    until(
      `${replicas} ingest pods of ${name}`,
      () => get(`deployment/${name}-ingest`, "-o", "jsonpath={.spec.replicas}") === `${replicas}`,
      {
        everyMs: 250,
        withinMs: 90_000,
      },
    );
  const isList = ({ method, query }: Call): boolean => method === "GET" && query.has("limit") && !query.has("watch");
  const callsSince = (count: number, fits: (call: Call) => boolean): readonly Call[] => proxy.calls.slice(count).filter(fits);
  /** The watch of Deployments alone stands for all. */
  const ofDeployments = ({ path }: Call): boolean => path.endsWith("/deployments");

  it("looks after every stack of its namespace, and after no other", () => {
    expect(api.kubectl(["-n", "other", "get", "deployments,services,secrets", "-o", "name"])).toBe("");
    const elsewhere = proxy.calls.filter(({ path }) => /namespaces\/(?!watched|default)/.test(path));
    expect(elsewhere).toEqual([]);
  });

  it.each([
    [429, "is limited"],
    [409, "runs into conflicts"],
  ])("carries a change through when it gets %i, and %s", async (status) => {
    const replicas = status === 429 ? 2 : 3;
    // Its lease is another matter: who cannot renew must step down.
    proxy.fail(status, 6, ({ method, path, query }) =>
      status === 409 ? method === "PATCH" : !path.includes("/leases") && !query.has("watch"),
    );
    apply("watched", "main", replicas);
    await ingestOf("main", replicas);
    expect(proxy.failuresLeft()).toBe(0);
    expect(operator.child.exitCode).toBe(null);
  });

  it("lists again when its place in the history is gone, and finds what happened meanwhile", async () => {
    const before = proxy.calls.length;
    // Nothing gets through until the change is made: neither a list nor a watch.
    proxy.fail(503, Number.POSITIVE_INFINITY, ({ path }) => !path.includes("/leases"));
    proxy.endWatches(() => [{ type: "ERROR", object: statusOf(410) }]);
    api.kubectl(["-n", "watched", "delete", "service/main-query"]);
    proxy.fail(503, 0, () => false);
    await until("the Service", () => get("services", "-o", "name").includes("service/main-query"), { everyMs: 250, withinMs: 90_000 });
    expect(callsSince(before, (call) => isList(call) && ofDeployments(call)).length).toBeGreaterThan(0);
  });

  it("goes on from a bookmark when a watch ends, without a list", async () => {
    const listed = JSON.parse(api.kubectl(["get", "--raw", "/apis/apps/v1/namespaces/watched/deployments"])) as {
      metadata: { resourceVersion: string };
    };
    const { resourceVersion } = listed.metadata;
    const before = proxy.calls.length;
    proxy.endWatches((call) =>
      ofDeployments(call)
        ? [
            {
              type: "BOOKMARK",
              object: { kind: "Deployment", apiVersion: "apps/v1", metadata: { resourceVersion, creationTimestamp: null }, spec: {} },
            },
          ]
        : [],
    );
    const again = await until("another watch", () => callsSince(before, (call) => ofDeployments(call) && call.query.has("watch")).at(0), {
      everyMs: 100,
    });
    expect(again.query.get("resourceVersion")).toBe(resourceVersion);
    // What comes through it is acted on.
    api.kubectl(["-n", "watched", "delete", "deployment/second-query"]);
    await until("the Deployment", () => get("deployments", "-o", "name").includes("second-query"), { everyMs: 250, withinMs: 90_000 });
    expect(callsSince(before, (call) => isList(call) && ofDeployments(call))).toEqual([]);
  });

  it("ends when told to while the server takes watches and says nothing", async () => {
    const before = proxy.calls.length;
    proxy.holdWatches();
    proxy.endWatches(() => []);
    await until("a watch that is held", () => callsSince(before, ({ query }) => query.has("watch")).length > 0, { everyMs: 100 });
    let code: number | null | undefined;
    void operator.stop().then((value) => {
      code = value;
    });
    await until("the end of the operator", () => code !== undefined, { everyMs: 100, withinMs: 30_000 });
    expect(code).toBe(0);
  });
});
