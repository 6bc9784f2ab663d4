import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { type AccessRule, AGENT_RULES, OPERATOR_NAMESPACE_RULES, OPERATOR_RULES } from "../../operator/access/rules.ts";
import { ROOT } from "../tidy/repository.ts";

const CHART = "charts/brazier";
const GENERATED = "# Made by `npm run generate`.\n";

/** What the chart takes over from elsewhere: the definitions of our kinds, permissions, and the version. */
export function chartFiles(): ReadonlyMap<string, string> {
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { version: string };
  const rules = {
    namespaced: OPERATOR_RULES.filter((rule) => !isOfCluster(rule)),
    cluster: OPERATOR_RULES.filter(isOfCluster),
    lease: OPERATOR_NAMESPACE_RULES,
    agent: AGENT_RULES,
  };
  return new Map([
    [`${CHART}/Chart.yaml`, chart(version)],
    [`${CHART}/files/rules.yaml`, GENERATED + stringify(rules, { aliasDuplicateObjects: false })],
    ...readdirSync(join(ROOT, "crds")).map((name): [string, string] => [
      `${CHART}/crds/${name}`,
      readFileSync(join(ROOT, "crds", name), "utf8"),
    ]),
  ]);
}

/** Bindings of the agents belong to no namespace, wherever the stack is. */
function isOfCluster({ apiGroups }: AccessRule): boolean {
  return apiGroups.includes("rbac.authorization.k8s.io");
}

function chart(version: string): string {
  return (
    GENERATED +
    stringify({
      apiVersion: "v2",
      name: "brazier",
      description: "The operator of Brazier, the continuous profiler; stacks are made by applying a ProfilingStack.",
      type: "application",
      version,
      appVersion: version,
      kubeVersion: ">=1.30.0-0",
      keywords: ["profiling", "continuous profiling", "flame graph", "ebpf"],
    })
  );
}
