import { AGENT_CLUSTER_ROLE, API_GROUP } from "../desired/names.ts";
import { OWNED_KINDS } from "../kube/kinds.ts";

/** A row of a Role or ClusterRole. */
export type AccessRule = {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
};

/** Nothing that holds data, or opens what does, is removed by the operator: it goes with its stack, by its owner reference. */
const KEPT = ["persistentvolumeclaims", "secrets"];

/**
 * What the operator may do in every namespace that it looks after; in those alone where it is given some. A test compares it with what the
 * API server saw it do.
 */
export const OPERATOR_RULES: readonly AccessRule[] = [
  { apiGroups: [API_GROUP], resources: ["profilingstacks", "profilingpolicies"], verbs: ["list", "watch"] },
  { apiGroups: [API_GROUP], resources: ["profilingstacks/status", "profilingpolicies/status"], verbs: ["patch"] },
  // Where the cluster protects owner references, whoever names a stack as an owner that blocks must hold this; it is never called.
  { apiGroups: [API_GROUP], resources: ["profilingstacks/finalizers"], verbs: ["update"] },
  ...ownedRules(),
  // The Secrets that stacks name, and those of their own NATS clusters, before they are made.
  { apiGroups: [""], resources: ["secrets"], verbs: ["get"] },
  { apiGroups: [""], resources: ["events"], verbs: ["create"] },
  // To restart NATS servers one by one, under their disruption budget.
  { apiGroups: [""], resources: ["pods"], verbs: ["list"] },
  { apiGroups: [""], resources: ["pods/eviction"], verbs: ["create"] },
  // To hand the agents' rights on without having them.
  { apiGroups: ["rbac.authorization.k8s.io"], resources: ["clusterroles"], verbs: ["bind"], resourceNames: [AGENT_CLUSTER_ROLE] },
];

/** What the operator may do in its own namespace: one of several leads. */
export const OPERATOR_NAMESPACE_RULES: readonly AccessRule[] = [
  { apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["create"] },
  { apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["get", "update"], resourceNames: ["brazier-operator"] },
];

/** The ClusterRole that the agents of every stack are bound to. */
export const AGENT_RULES: readonly AccessRule[] = [
  { apiGroups: [""], resources: ["pods"], verbs: ["list", "watch"] },
  { apiGroups: [""], resources: ["namespaces"], verbs: ["get"] },
  { apiGroups: ["apps"], resources: ["replicasets"], verbs: ["get"] },
  { apiGroups: ["batch"], resources: ["jobs"], verbs: ["get"] },
];

/** Applying an object that is not there asks for `create`, too. */
function ownedRules(): readonly AccessRule[] {
  const groups = new Map<string, { kept: string[]; removed: string[] }>();
  for (const { apiVersion, plural } of OWNED_KINDS) {
    const group = apiVersion.includes("/") ? (apiVersion.split("/")[0] as string) : "";
    const row = groups.get(group) ?? { kept: [], removed: [] };
    groups.set(group, row);
    (KEPT.includes(plural) ? row.kept : row.removed).push(plural);
  }
  const verbs = ["list", "watch", "create", "patch"];
  return [...groups].flatMap(([group, { kept, removed }]) => [
    ...(kept.length === 0 ? [] : [{ apiGroups: [group], resources: kept, verbs }]),
    { apiGroups: [group], resources: removed, verbs: [...verbs, "delete"] },
  ]);
}
