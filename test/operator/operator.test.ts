import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ApiServerProcess, startApiServer, whyNoApiServer } from "../harness/api-server.ts";
import { eventually, type OperatorProcess, startOperator } from "../harness/operator.ts";
import { REPOSITORY } from "../harness/server.ts";

/* The operator as a process of its own against a real API server. There are no nodes: pods stay pending, all else is as in a cluster. */

const reason = whyNoApiServer();
if (reason !== undefined) console.log(`operator: ${reason}`);

type Condition = { readonly type: string; readonly status: string; readonly reason: string; readonly message: string };
type Json = { readonly [field: string]: unknown };

const KINDS = "configmaps,secrets,services,serviceaccounts,deployments,statefulsets,daemonsets,poddisruptionbudgets,networkpolicies,hpa";
const MINE = "app.kubernetes.io/managed-by=brazier-operator";

describe.skipIf(reason !== undefined)("the operator on a real API server", () => {
  let api: ApiServerProcess;
  let operator: OperatorProcess;

  beforeAll(async () => {
    api = await startApiServer();
    api.kubectl(["apply", "--server-side", "-f", join(REPOSITORY, "crds")]);
    api.kubectl(["wait", "--for=condition=Established", "crd/profilingstacks.profiling.brazier.dev", "--timeout=60s"]);
    operator = await startOperator(api.kubeconfig);
  });
  afterAll(async () => {
    await operator?.stop();
    await api?.stop();
  });

  const apply = (namespace: string, name: string, spec: unknown, kind = "ProfilingStack"): void => {
    api.kubectl(
      ["apply", "--server-side", "--force-conflicts", "-f", "-"],
      JSON.stringify({ apiVersion: "profiling.brazier.dev/v1alpha1", kind, metadata: { name, namespace }, spec }),
    );
  };
  const get = (namespace: string, what: string): Json => JSON.parse(api.kubectl(["-n", namespace, "get", what, "-o", "json"])) as Json;
  const list = (namespace: string): readonly { kind: string; metadata: { name: string; resourceVersion: string } }[] =>
    (JSON.parse(api.kubectl(["-n", namespace, "get", KINDS, "-l", MINE, "-o", "json"])) as { items: never[] }).items;
  const names = (namespace: string): readonly string[] => list(namespace).map(({ kind, metadata }) => `${kind}/${metadata.name}`);
  const condition = (namespace: string, name: string, type: string): Condition | undefined =>
    (get(namespace, `pstack/${name}`)["status"] as { conditions?: readonly Condition[] } | undefined)?.conditions?.find(
      (one) => one.type === type,
    );
  const namespaceWithSecret = (namespace: string): void => {
    api.kubectl(["create", "namespace", namespace]);
    api.kubectl([
      "-n",
      namespace,
      "create",
      "secret",
      "generic",
      "s3",
      "--from-literal=access_key_id=a",
      "--from-literal=secret_access_key=b",
    ]);
  };
  const S3 = { storage: { s3: { bucket: "profiles", endpoint: "http://s3:9000", credentialsSecret: { name: "s3" } } } };
  const made = async (namespace: string): Promise<void> =>
    eventually(() =>
      expect(names(namespace)).toEqual(expect.arrayContaining(["Deployment/main-ingest", "DaemonSet/main-agent", "StatefulSet/main-nats"])),
    );

  it("makes everything of a stack, owned by it, and says what it waits for", async () => {
    namespaceWithSecret("make");
    apply("make", "main", S3);
    await made("make");
    await eventually(() => expect(condition("make", "main", "Ready")).toMatchObject({ status: "False", reason: "PodsNotReady" }));
    expect(names("make")).toEqual(
      expect.arrayContaining([
        "Deployment/main-query",
        "Deployment/main-segment",
        "Deployment/main-compact",
        "Service/main-ingest",
        "Secret/main-nats",
      ]),
    );
    expect(condition("make", "main", "QueueReady")).toMatchObject({ status: "False", reason: "NoMajority" });
    expect(get("make", "pstack/main")["status"]).toMatchObject({
      observedGeneration: 1,
      endpoints: { push: "http://main-ingest.make.svc:4040" },
    });
    const columns = api.kubectl(["-n", "make", "get", "pstack"]);
    expect(columns).toMatch(/SIZE +READY +REASON +PODS +VERSION/);
    expect(api.kubectl(["-n", "make", "get", "events", "--field-selector=involvedObject.kind=ProfilingStack"])).toContain("PodsNotReady");
  });

  it("writes nothing once a stack has settled", async () => {
    namespaceWithSecret("quiet");
    apply("quiet", "main", S3);
    await made("quiet");
    const versions = (): Json =>
      Object.fromEntries([
        ...list("quiet").map((o) => [`${o.kind}/${o.metadata.name}`, o.metadata.resourceVersion]),
        ["stack", (get("quiet", "pstack/main")["metadata"] as Json)["resourceVersion"]],
      ]);
    // Settled is when nothing has moved for a while; then, asked to look at everything again, it still moves nothing.
    let before = versions();
    await eventually(async () => {
      const last = before;
      await new Promise((resolve) => setTimeout(resolve, 4000));
      before = versions();
      expect(before).toEqual(last);
    });
    api.kubectl(["-n", "quiet", "annotate", "pstack/main", "touched=yes"]);
    await new Promise((resolve) => setTimeout(resolve, 8000));
    const after = versions();
    expect({ ...after, stack: "" }).toEqual({ ...before, stack: "" });
  });

  it("puts drift right, and removes what is asked for no longer", async () => {
    namespaceWithSecret("drift");
    apply("drift", "main", { ...S3, query: { autoscaling: { maxReplicas: 3 } }, ingest: { replicas: 2 } });
    await made("drift");
    await eventually(() =>
      expect(names("drift")).toEqual(expect.arrayContaining(["HorizontalPodAutoscaler/main-query", "PodDisruptionBudget/main-ingest"])),
    );
    api.kubectl(["-n", "drift", "patch", "deployment/main-ingest", "--type=merge", "-p", '{"spec":{"replicas":7}}']);
    api.kubectl(["-n", "drift", "delete", "service/main-query"]);
    api.kubectl(["-n", "drift", "label", "configmap/main-settings", "app.kubernetes.io/component=other", "--overwrite"]);
    await eventually(() => {
      expect((get("drift", "deployment/main-ingest")["spec"] as Json)["replicas"]).toBe(2);
      expect(names("drift")).toContain("Service/main-query");
      expect(get("drift", "configmap/main-settings")["metadata"]).toMatchObject({ labels: { "app.kubernetes.io/component": "server" } });
    });
    apply("drift", "main", { ...S3, agent: { enabled: false } });
    await eventually(() => {
      const left = names("drift");
      expect(left).not.toContain("HorizontalPodAutoscaler/main-query");
      expect(left).not.toContain("PodDisruptionBudget/main-ingest");
      expect(left).not.toContain("DaemonSet/main-agent");
      expect(api.kubectl(["get", "clusterrolebindings", "-l", `${MINE},profiling.brazier.dev/stack-namespace=drift`, "-o", "name"])).toBe(
        "",
      );
    });
  });

  it("rolls the pods when a setting or a Secret changes", async () => {
    namespaceWithSecret("roll");
    apply("roll", "main", S3);
    await made("roll");
    const hash = (): unknown => {
      const template = ((get("roll", "deployment/main-query")["spec"] as Json)["template"] as Json)["metadata"] as Json;
      return (template["annotations"] as Json)["profiling.brazier.dev/config-hash"];
    };
    const before = hash();
    apply("roll", "main", { ...S3, config: { "query.timeout": "30s" } });
    await eventually(() => expect(hash()).not.toBe(before));
  });

  it("names a missing Secret and its remedy, and goes on by itself when it is there", async () => {
    api.kubectl(["create", "namespace", "missing"]);
    apply("missing", "main", S3);
    await eventually(() => expect(condition("missing", "main", "Ready")).toMatchObject({ status: "False", reason: "SecretMissing" }));
    expect(condition("missing", "main", "StorageReady")?.message).toContain("spec.storage.s3.credentialsSecret");
    expect(condition("missing", "main", "Stalled")).toMatchObject({ status: "True" });
    expect(names("missing")).toEqual([]);
    api.kubectl([
      "-n",
      "missing",
      "create",
      "secret",
      "generic",
      "s3",
      "--from-literal=access_key_id=a",
      "--from-literal=secret_access_key=b",
    ]);
    await made("missing");
    await eventually(() => expect(condition("missing", "main", "Degraded")).toMatchObject({ status: "False" }));
  });

  it("replaces a workload whose immutable field is another one", async () => {
    namespaceWithSecret("fixed");
    apply("fixed", "main", S3);
    await made("fixed");
    const uid = (what: string): unknown => (get("fixed", what)["metadata"] as Json)["uid"];
    const before = uid("statefulset/main-nats");
    apply("fixed", "main", { ...S3, queue: { nats: { storage: { storageClassName: "fast" } } } });
    await eventually(() => {
      expect(uid("statefulset/main-nats")).not.toBe(before);
      expect(JSON.stringify(get("fixed", "statefulset/main-nats"))).toContain("fast");
    });
  });

  it("leaves the stack's NATS alone where fewer servers would lose what waits, even if the kind's form is an older one without that rule", async () => {
    namespaceWithSecret("shrink");
    apply("shrink", "main", { ...S3, size: "medium" });
    await made("shrink");
    const rules = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/x-kubernetes-validations";
    api.kubectl([
      "patch",
      "crd",
      "profilingstacks.profiling.brazier.dev",
      "--type=json",
      "-p",
      JSON.stringify([{ op: "remove", path: rules }]),
    ]);
    try {
      await eventually(() => apply("shrink", "main", { ...S3, size: "small" }));
      await eventually(() => expect(condition("shrink", "main", "Ready")).toMatchObject({ status: "False", reason: "QueueResized" }));
      expect(condition("shrink", "main", "Ready")?.message).toContain("spec.size: the stack's NATS has 3 servers; with 1");
      expect((get("shrink", "statefulset/main-nats")["spec"] as Json)["replicas"]).toBe(3);
      apply("shrink", "main", { ...S3, size: "small", queue: { nats: { replicas: 3 } } });
      await eventually(() => expect(condition("shrink", "main", "Degraded")).toMatchObject({ status: "False" }));
    } finally {
      api.kubectl(["apply", "--server-side", "--force-conflicts", "-f", join(REPOSITORY, "crds")]);
    }
  });

  it("leaves a paused stack alone", async () => {
    namespaceWithSecret("paused");
    apply("paused", "main", S3);
    await made("paused");
    apply("paused", "main", { ...S3, paused: true });
    await eventually(() => expect(condition("paused", "main", "Progressing")).toMatchObject({ reason: "Paused" }));
    api.kubectl(["-n", "paused", "delete", "service/main-query"]);
    await new Promise((resolve) => setTimeout(resolve, 5000));
    expect(names("paused")).not.toContain("Service/main-query");
    apply("paused", "main", { ...S3, paused: false });
    await eventually(() => expect(names("paused")).toContain("Service/main-query"));
  });

  it("leaves nothing behind when a stack is deleted", async () => {
    namespaceWithSecret("gone");
    apply("gone", "main", S3);
    await made("gone");
    api.kubectl(["-n", "gone", "delete", "pstack/main"]);
    await eventually(() => {
      expect(names("gone")).toEqual([]);
      expect(api.kubectl(["get", "clusterrolebindings", "-l", `${MINE},profiling.brazier.dev/stack-namespace=gone`, "-o", "name"])).toBe(
        "",
      );
    });
  });

  it("survives a restart of the API server", async () => {
    namespaceWithSecret("restart");
    await api.restart();
    apply("restart", "main", S3);
    await made("restart");
    expect(operator.child.exitCode).toBe(null);
  });

  it("hands over to another operator when it ends", async () => {
    namespaceWithSecret("lead");
    const second = await startOperator(api.kubeconfig);
    try {
      const holder = (): string => (get("default", "lease/brazier-operator")["spec"] as Json)["holderIdentity"] as string;
      const first = holder();
      expect(await operator.stop()).toBe(0);
      await eventually(() => expect(holder()).not.toMatch(new RegExp(`^(${first}|)$`)));
      apply("lead", "main", S3);
      await made("lead");
    } finally {
      operator = second;
    }
  });
});
