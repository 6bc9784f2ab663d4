import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { helm } from "../../hack/neighbours/helm.ts";
import type { AccessRule } from "../../operator/access/rules.ts";
import { type ApiServerProcess, startApiServer, whyNoApiServer } from "../harness/api-server.ts";
import { startOperator } from "../harness/operator.ts";
import { REPOSITORY } from "../harness/server.ts";
import { until } from "../harness/until.ts";
import { optionalDefinitions } from "./optional-kinds.ts";

/*
 * Goal: the chart installs what it should, refuses what it cannot do, and gives the operator the rights that it needs.
 * Method: real helm and a real API server with RBAC; the operator runs here, as the service account that the chart made.
 */

const CHART = join(REPOSITORY, "charts/brazier");
const reason = whyNoApiServer();
const run = promisify(execFile);

type Manifest = {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly rules?: readonly AccessRule[];
};

describe.skipIf(reason !== undefined)("the chart on a real API server", () => {
  let program: string;
  let api: ApiServerProcess;
  const folder = mkdtempSync(join(tmpdir(), "brazier-chart-"));

  beforeAll(async () => {
    [program, api] = await Promise.all([helm(), startApiServer()]);
  });
  afterAll(async () => {
    await api?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const helmSays = async (...args: readonly string[]): Promise<string> => {
    const env = { ...process.env, HELM_CACHE_HOME: folder, HELM_CONFIG_HOME: folder, HELM_DATA_HOME: folder, KUBECONFIG: api.kubeconfig };
    return (await run(program, [...args], { env, maxBuffer: 16 * 1024 * 1024 })).stdout;
  };
  const render = async (...sets: readonly string[]): Promise<readonly Manifest[]> =>
    parseAllDocuments(await helmSays("template", "brazier", CHART, "-n", "brazier", ...sets.flatMap((set) => ["--set", set])))
      .map((document) => document.toJS() as Manifest | null)
      .filter((manifest) => manifest !== null);
  const names = (manifests: readonly Manifest[]): readonly string[] => manifests.map(({ kind, metadata }) => `${kind}/${metadata.name}`);

  it("passes helm's own checks", async () => {
    expect(await helmSays("lint", CHART, "--strict", "--set", "demo.enabled=true")).toContain("0 chart(s) failed");
  });

  it("keeps the rights over stacks inside the one namespace that it is told to look after", async () => {
    const everywhere = await render();
    const inOne = await render("watchNamespace=team-a");
    const resources = (manifests: readonly Manifest[], kind: string, name: string): readonly string[] =>
      manifests.find((one) => one.kind === kind && one.metadata.name === name)?.rules?.flatMap((rule) => rule.resources) ?? [];
    expect(resources(everywhere, "ClusterRole", "brazier-operator")).toContain("secrets");
    expect(resources(inOne, "ClusterRole", "brazier-operator")).toEqual(["clusterrolebindings", "clusterroles"]);
    expect(resources(inOne, "Role", "brazier-operator")).toContain("secrets");
    expect(inOne.filter(({ metadata }) => metadata.namespace === "team-a").map(({ kind }) => kind)).toEqual(["Role", "RoleBinding"]);
    expect(names(await render("rbac.aggregate=false"))).not.toContain("ClusterRole/brazier-operator-view");
  });

  it.each([
    ["replicas=nine", "replicas"],
    ["logLevel=loud", "logLevel"],
    ["image.digest=latest", "digest"],
    ["demo.storageSize=10", "storageSize"],
    ["watchNamespaces=all", "watchNamespaces"],
  ])("refuses %s and says where", async (set, where) => {
    await expect(render(set)).rejects.toThrow(where);
  });

  it("installs what the operator needs to make an object of each kind and to remove it again", async () => {
    // Pods that the restricted profile refuses never come to be here.
    const labels = { "pod-security.kubernetes.io/enforce": "restricted" };
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "brazier", labels } };
    const items = [namespace, ...optionalDefinitions()];
    api.kubectl(["apply", "--server-side", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items }));
    await helmSays("install", "brazier", CHART, "-n", "brazier", "--wait=false", "--set", "demo.enabled=true");
    api.kubectl(["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]);
    expect(api.kubectl(["-n", "brazier", "get", "pstack", "-o", "name"])).toContain("/demo");
    await until("the operator's pod", () => api.kubectl(["-n", "brazier", "get", "pods", "-o", "name"]).includes("brazier-operator"));

    const operator = await startOperator(asServiceAccount(), ["--namespace=brazier"]);
    try {
      api.kubectl(["create", "namespace", "team"]);
      api.kubectl([
        "-n",
        "team",
        "create",
        "secret",
        "generic",
        "s3",
        "--from-literal=access_key_id=a",
        "--from-literal=secret_access_key=b",
      ]);
      const stack = (spec: object): void => {
        const object = {
          apiVersion: "profiling.brazier.dev/v1alpha1",
          kind: "ProfilingStack",
          metadata: { name: "main", namespace: "team" },
          spec,
        };
        api.kubectl(["apply", "--server-side", "--force-conflicts", "-f", "-"], JSON.stringify(object));
      };
      const storage = { s3: { bucket: "profiles", endpoint: "http://s3:9000", credentialsSecret: { name: "s3" } } };
      stack({
        storage,
        ingest: { replicas: 2 },
        query: { autoscaling: { maxReplicas: 3 } },
        networkPolicy: { enabled: true },
        expose: { ingress: { host: "profiles.example.org" }, httpRoute: { parentRefs: [{ name: "gateway" }] } },
        monitoring: { dashboard: true },
      });
      const kinds =
        "configmaps,secrets,services,serviceaccounts,deployments,statefulsets,daemonsets,hpa,pdb,ingresses,networkpolicies,servicemonitors,prometheusrules,grafanadatasources,httproutes";
      const made = (): readonly string[] => [
        ...new Set(
          api
            .kubectl(["-n", "team", "get", kinds, "-l", "app.kubernetes.io/managed-by=brazier-operator", "-o", "jsonpath={.items[*].kind}"])
            .split(" "),
        ),
      ];
      await until("an object of each kind", () => made().length === kinds.split(",").length);
      await until("the binding of the agents", () =>
        api.kubectl(["get", "clusterrolebindings", "-o", "name"]).includes("brazier-agent:team:main"),
      );
      // Fewer kinds: what is no longer asked for is removed.
      stack({ storage, agent: { enabled: false } });
      await until("the removal of the agents", () => !made().includes("DaemonSet") && !made().includes("HTTPRoute"));
      const metrics = await (await fetch(`${operator.url}/metrics`)).text();
      expect(metrics).toMatch(/brazier_operator_api_calls_total\{verb="patch",.*code="20\d"/);
      expect(metrics).not.toMatch(/brazier_operator_api_calls_total\{.*code="40[13]"/);
    } finally {
      await operator.stop();
    }
  });

  it("leaves the stacks in place when it is taken away, so that a mistake costs nothing", async () => {
    await helmSays("uninstall", "brazier", "-n", "brazier");
    expect(api.kubectl(["-n", "team", "get", "pstack", "-o", "name"])).toContain("/main");
    expect(api.kubectl(["get", "clusterroles", "-o", "name"])).not.toContain("brazier-");
  });

  it("is installed without Helm, too, by the plain YAML", async () => {
    api.kubectl(["apply", "--server-side", "--force-conflicts", "-f", join(REPOSITORY, "charts/install.yaml")]);
    const deployment = api.kubectl(["-n", "brazier-system", "get", "deployment", "brazier-operator", "-o", "name"]);
    expect(deployment.trim()).toBe("deployment.apps/brazier-operator");
    const account = "--as=system:serviceaccount:brazier-system:brazier-operator";
    const right = ["patch", "profilingstacks.profiling.brazier.dev", "--subresource=status"];
    expect(api.kubectl(["auth", "can-i", ...right, account, "-n", "team"]).trim()).toBe("yes");
  });

  function asServiceAccount(): string {
    const token = api.kubectl(["-n", "brazier", "create", "token", "brazier-operator", "--duration=1h"]).trim();
    const config = JSON.parse(api.kubectl(["config", "view", "--raw", "-o", "json"])) as {
      users: { user: object }[];
      clusters: { cluster: Record<string, string> }[];
    };
    for (const user of config.users) user.user = { token };
    const file = join(folder, "operator.kubeconfig");
    writeFileSync(file, JSON.stringify(config));
    return file;
  }
});
