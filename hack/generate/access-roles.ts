import { stringify } from "yaml";
import { AGENT_RULES, OPERATOR_NAMESPACE_RULES, OPERATOR_RULES } from "../../operator/access/rules.ts";
import { AGENT_CLUSTER_ROLE } from "../../operator/desired/names.ts";

/** The rights of the operator and of the agents as YAML, for people who install without a chart. */
export function accessRoles(): ReadonlyMap<string, string> {
  const role = (kind: "ClusterRole" | "Role", name: string, rules: readonly unknown[]): string =>
    `---\n${stringify({ apiVersion: "rbac.authorization.k8s.io/v1", kind, metadata: { name }, rules }, { lineWidth: 0, aliasDuplicateObjects: false })}`;
  const text = [
    "# Made of operator/access/rules.ts by hack/generate.ts; edit that file instead.\n",
    role("ClusterRole", "brazier-operator", OPERATOR_RULES),
    role("Role", "brazier-operator", OPERATOR_NAMESPACE_RULES),
    role("ClusterRole", AGENT_CLUSTER_ROLE, AGENT_RULES),
  ];
  return new Map([["operator/access/roles.yaml", text.join("")]]);
}
