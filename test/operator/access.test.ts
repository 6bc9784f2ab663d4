import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AGENT_RULES, OPERATOR_NAMESPACE_RULES, OPERATOR_RULES } from "../../operator/access/rules.ts";
import { AGENT_CLUSTER_ROLE } from "../../operator/desired/names.ts";
import { type ApiServerProcess, startApiServer, whyNoApiServer } from "../harness/api-server.ts";
import { eventually, type OperatorProcess, startOperator } from "../harness/operator.ts";
import { REPOSITORY } from "../harness/server.ts";
import { serviceAccount } from "../harness/service-account.ts";
import { optionalDefinitions } from "./optional-kinds.ts";

/*
 * The operator with the rights that it ships with and no others: everything works, nothing is refused, and what the API server's audit log shows
 * is all that is granted.
 */

const reason = whyNoApiServer();
if (reason !== undefined) console.log(`operator access: ${reason}`);

const NAMESPACE = "brazier-system";
const NAME = "brazier-operator";
const MINE = "app.kubernetes.io/managed-by=brazier-operator";

/** Granted and not seen below, each for a reason. */
const UNSEEN = [
  "update profiling.brazier.dev/profilingstacks/finalizers",
  // Asked for by the API server behind an apply that creates; the request itself is a patch.
  /^create (?!\/events|\/pods|coordination)/,
  "bind rbac.authorization.k8s.io/clusterroles",
] as const;

describe.skipIf(reason !== undefined)("the operator with its own rights alone", () => {
  let api: ApiServerProcess;
  let operator: OperatorProcess;

  beforeAll(async () => {
    api = await startApiServer({ audited: `system:serviceaccount:${NAMESPACE}:${NAME}` });
    const definitions = JSON.stringify({ apiVersion: "v1", kind: "List", items: optionalDefinitions() });
    api.kubectl(["apply", "--server-side", "-f", "-"], definitions);
    api.kubectl(["apply", "--server-side", "-f", join(REPOSITORY, "crds")]);
    api.kubectl(["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]);
    const agents = {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRole",
      metadata: { name: AGENT_CLUSTER_ROLE },
      rules: AGENT_RULES,
    };
    api.kubectl(["apply", "--server-side", "-f", "-"], JSON.stringify(agents));
    const rights = { namespace: NAMESPACE, name: NAME, clusterRules: OPERATOR_RULES, namespaceRules: OPERATOR_NAMESPACE_RULES };
    operator = await startOperator(serviceAccount(api, rights), [`--namespace=${NAMESPACE}`]);
  });
  afterAll(async () => {
    await operator?.stop();
    await api?.stop();
  });

  const apply = (name: string, spec: unknown, kind = "ProfilingStack"): void => {
    const object = { apiVersion: "profiling.brazier.dev/v1alpha1", kind, metadata: { name, namespace: "default" }, spec };
    api.kubectl(["apply", "--server-side", "--force-conflicts", "-f", "-"], JSON.stringify(object));
  };
  const kinds =
    "deployments,statefulsets,daemonsets,services,pvc,hpa,pdb,ingresses,networkpolicies,servicemonitors,prometheusrules,httproutes,scaledobjects";
  const owned = (): string => api.kubectl(["get", kinds, "-l", MINE, "-o", "name"]);

  it("does everything that it is for, and is refused nothing", async () => {
    api.kubectl(["create", "secret", "generic", "s3", "--from-literal=access_key_id=a", "--from-literal=secret_access_key=b"]);
    const storage = { s3: { bucket: "profiles", credentialsSecret: { name: "s3" } } };
    apply("all", { profile: "Never", selector: { matchLabels: { app: "vault" } } }, "ProfilingPolicy");
    const whole = {
      size: "medium",
      storage,
      query: { autoscaling: { maxReplicas: 3 } },
      segment: { autoscaling: { maxReplicas: 3, by: "KEDA" } },
      expose: { ingress: { host: "a.example.com" }, httpRoute: { parentRefs: [{ name: "edge" }] } },
      monitoring: { dashboard: true },
    };
    apply("main", whole);
    apply("look", { size: "demo", storage: { directory: { size: "1Gi" } } });
    apply("grown", { size: "demo", storage });
    await eventually(() => {
      for (const one of [
        "main-ingest",
        "main-agent",
        "main-nats",
        "servicemonitor",
        "httproute",
        "scaledobject",
        "horizontalpodautoscaler",
        "look-data",
        "grown-all",
      ])
        expect(owned()).toContain(one);
    });
    // Servers of the queue get a new form, none of which was ready.
    apply("main", { ...whole, queue: { nats: { resources: { requests: { cpu: "250m" } } } } });
    await eventually(() => expect(api.audit().map(({ resource }) => resource)).toContain("pods/eviction"));
    // Everything that can go goes; NATS is made anew over volumes of another class, and a demo becomes a stack of several processes.
    const role = { disruptionBudget: false };
    apply("main", {
      size: "medium",
      storage: { s3: { bucket: "profiles", instance: {} } },
      queue: { nats: { storage: { storageClassName: "fast" } } },
      ingest: role,
      segment: role,
      compact: role,
      query: role,
      agent: { enabled: false },
      networkPolicy: { enabled: false },
      monitoring: { serviceMonitor: "Never", prometheusRule: "Never", grafanaDatasource: "Never", dashboard: false },
    });
    apply("grown", { size: "small", storage });
    await eventually(() => {
      const left = owned();
      for (const gone of ["main-agent", "poddisruptionbudget.policy/main-ingest", "httproute", "horizontalpodautoscaler", "grown-all"])
        expect(left).not.toContain(gone);
      expect(left.split("\n").filter((name) => /^(ingress|networkpolicy|servicemonitor|prometheusrule).*\/main/.test(name))).toEqual([]);
      expect(left).toContain("grown-nats");
      expect(api.kubectl(["get", "statefulset", "main-nats", "-o", "yaml"])).toContain("storageClassName: fast");
    });
    api.kubectl(["delete", "pstack", "look"]);
    await eventually(() => expect(owned()).not.toContain("look-"));
    const refused = api.audit().filter(({ status }) => status === 401 || status === 403);
    expect(refused).toEqual([]);
  });

  it("has no right that it does not use", () => {
    const used = new Set(api.audit().map(({ verb, group, resource }) => `${verb} ${group}/${resource}`));
    const granted = [...OPERATOR_RULES, ...OPERATOR_NAMESPACE_RULES].flatMap(({ apiGroups, resources, verbs }) =>
      apiGroups.flatMap((group) => resources.flatMap((resource) => verbs.map((verb) => `${verb} ${group}/${resource}`))),
    );
    const isExplained = (right: string): boolean => UNSEEN.some((one) => (typeof one === "string" ? one === right : one.test(right)));
    expect(granted.filter((right) => !used.has(right) && !isExplained(right))).toEqual([]);
    expect([...used].filter((right) => !granted.includes(right))).toEqual([]);
  });
});
