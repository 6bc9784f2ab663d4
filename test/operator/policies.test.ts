import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ApiServerProcess, startApiServer, whyNoApiServer } from "../harness/api-server.ts";
import { type OperatorProcess, startOperator } from "../harness/operator.ts";
import { REPOSITORY } from "../harness/server.ts";
import { until } from "../harness/until.ts";

/* What the author of a ProfilingPolicy is told, on a real API server: followed, faulty, overruled, waiting; and nothing is written twice. */

const reason = whyNoApiServer();
if (reason !== undefined) console.log(`operator policies: ${reason}`);

type Condition = { readonly type: string; readonly status: string; readonly reason: string; readonly message: string };
type Policy = {
  readonly metadata: { readonly resourceVersion: string; readonly generation: number };
  readonly status?: { readonly observedGeneration: number; readonly conditions: readonly Condition[]; readonly stacks?: readonly string[] };
};

describe.skipIf(reason !== undefined)("the status of policies", () => {
  let api: ApiServerProcess;
  let operator: OperatorProcess;

  beforeAll(async () => {
    api = await startApiServer();
    api.kubectl(["apply", "--server-side", "-f", join(REPOSITORY, "crds")]);
    api.kubectl(["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]);
    api.kubectl(["create", "namespace", "shop"]);
    operator = await startOperator(api.kubeconfig);
  });
  afterAll(async () => {
    await operator?.stop();
    await api?.stop();
  });

  const apply = (kind: string, namespace: string, name: string, spec: object): void => {
    const object = { apiVersion: "profiling.brazier.dev/v1alpha1", kind, metadata: { name, namespace }, spec };
    api.kubectl(["apply", "--server-side", "--force-conflicts", "-f", "-"], JSON.stringify(object));
  };
  const policy = (name: string, spec: object): void => apply("ProfilingPolicy", "shop", name, spec);
  const stack = (spec: object = {}): void =>
    apply("ProfilingStack", "default", "main", { storage: { s3: { bucket: "profiles", instance: {} } }, ...spec });
  const get = (name: string): Policy => JSON.parse(api.kubectl(["-n", "shop", "get", "ppolicy", name, "-o", "json"])) as Policy;
  /** Waits until the policy as it is now has been judged so; gives the judgement. */
  const judged = (name: string, why: string): Promise<Condition> =>
    until(
      `policy ${name} to be ${why}`,
      () => {
        const { metadata, status } = get(name);
        if (status?.observedGeneration !== metadata.generation) return undefined;
        return status.conditions.find((one) => one.type === "Ready" && one.reason === why);
      },
      { everyMs: 250 },
    );
  const conditions = (name: string): Readonly<Record<string, string>> =>
    Object.fromEntries((get(name).status?.conditions ?? []).map(({ type, status }) => [type, status]));

  it("waits for a stack, and is followed once its agents have it", async () => {
    policy("quiet", { profile: "Never", selector: { matchLabels: { app: "vault" } } });
    expect((await judged("quiet", "NoStack")).message).toContain("apply one");
    expect(conditions("quiet")).toEqual({ Accepted: "False", Ready: "False", Reconciling: "True", Stalled: "False" });
    stack();
    expect((await judged("quiet", "Followed")).message).toContain("default/main");
    expect(get("quiet").status?.stacks).toEqual(["default/main"]);
    expect(conditions("quiet")).toEqual({ Accepted: "True", Ready: "True", Reconciling: "False", Stalled: "False" });
    expect(api.kubectl(["-n", "shop", "get", "ppolicy", "quiet"])).toMatch(/ACCEPTED +READY +REASON[\s\S]*Never +True +True +Followed/);
    api.kubectl(["-n", "shop", "wait", "--for=condition=Ready", "ppolicy/quiet", "--timeout=5s"]);
  });

  it("names the path and the remedy of a fault, and the faulty one keeps no other from being followed", async () => {
    policy("faulty", { selector: { matchLabels: { "app,tier": "x" } }, labels: { namespace: "kube-system" } });
    const fault = await judged("faulty", "SelectorInvalid");
    expect(fault.message).toContain('spec.selector.matchLabels["app,tier"]: no label of a pod can have that name: correct it');
    expect(fault.message).toContain('spec.labels["namespace"]');
    expect(conditions("faulty")).toEqual({ Accepted: "False", Ready: "False", Reconciling: "False", Stalled: "True" });
    await until("an event about it", () => api.kubectl(["-n", "shop", "get", "events"]).includes("SelectorInvalid"), { everyMs: 250 });
    policy("loud", { sampleRate: 50, selector: { matchLabels: { app: "cart" } } });
    await judged("loud", "Followed");
    const given = api.kubectl(["get", "configmap", "main-agent", "-o", "jsonpath={.data.policies\\.yaml}"]);
    expect(given).toContain("app=cart");
    expect(given).not.toContain("tier");
    // And right again, without a restart.
    policy("faulty", { selector: { matchLabels: { app: "desk" } } });
    await judged("faulty", "Followed");
    api.kubectl(["-n", "shop", "delete", "ppolicy", "faulty"]);
  });

  it("tells who is overruled, and by whom, for as long as that is so", async () => {
    policy("late", { sampleRate: 10, selector: { matchLabels: { app: "vault", tier: "1" } } });
    expect((await judged("late", "Overruled")).message).toContain("policy quiet comes first");
    api.kubectl(["-n", "shop", "delete", "ppolicy", "quiet"]);
    await judged("late", "Followed");
  });

  it("tells that a stack is paused, or leaves the namespace out", async () => {
    stack({ paused: true });
    await until("the pause", () => api.kubectl(["get", "pstack", "main", "-o", "yaml"]).includes("reason: Paused"), { everyMs: 250 });
    policy("late", { sampleRate: 11 });
    expect((await judged("late", "Pending")).message).toContain("default/main (paused)");
    stack({ paused: false, agent: { namespaces: { exclude: ["shop"] } } });
    expect((await judged("late", "NamespaceExcluded")).message).toContain("spec.agent.namespaces.exclude of default/main names shop");
    stack({ paused: false });
    await judged("late", "Followed");
  });

  it("is not written again when nothing is new", async () => {
    const before = get("late").metadata.resourceVersion;
    // Both wake the operator to look at all policies: one more, and a stack that is another one.
    policy("last", { selector: { matchLabels: { app: "till" } } });
    await judged("last", "Followed");
    stack({ config: { "query.timeout": "31s" } });
    await until("the setting", () => api.kubectl(["get", "configmap", "main-settings", "-o", "yaml"]).includes("31s"), { everyMs: 250 });
    policy("last", { selector: { matchLabels: { app: "tills" } } });
    await judged("last", "Followed");
    expect(get("late").metadata.resourceVersion).toBe(before);
  });
});
