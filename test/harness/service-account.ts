import { readFileSync, writeFileSync } from "node:fs";
import { parse } from "yaml";
import type { AccessRule } from "../../operator/access/rules.ts";
import type { ApiServerProcess } from "./api-server.ts";

export type Rights = {
  readonly namespace: string;
  readonly name: string;
  readonly clusterRules: readonly AccessRule[];
  readonly namespaceRules: readonly AccessRule[];
};

/** A service account with exactly these rights; gives the path of a kubeconfig that is it. */
export function serviceAccount(api: ApiServerProcess, { namespace, name, clusterRules, namespaceRules }: Rights): string {
  const rbac = "rbac.authorization.k8s.io";
  const subjects = [{ kind: "ServiceAccount", name, namespace }];
  const metadata = { name, namespace };
  const items = [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } },
    { apiVersion: "v1", kind: "ServiceAccount", metadata },
    { apiVersion: `${rbac}/v1`, kind: "ClusterRole", metadata: { name }, rules: clusterRules },
    { apiVersion: `${rbac}/v1`, kind: "Role", metadata, rules: namespaceRules },
    {
      apiVersion: `${rbac}/v1`,
      kind: "ClusterRoleBinding",
      metadata: { name },
      roleRef: { apiGroup: rbac, kind: "ClusterRole", name },
      subjects,
    },
    { apiVersion: `${rbac}/v1`, kind: "RoleBinding", metadata, roleRef: { apiGroup: rbac, kind: "Role", name }, subjects },
  ];
  api.kubectl(["apply", "--server-side", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items }));
  const token = api.kubectl(["-n", namespace, "create", "token", name, "--duration=2h"]).trim();
  const config = parse(readFileSync(api.kubeconfig, "utf8")) as {
    clusters: unknown;
    "current-context": string;
    contexts: readonly { context: object }[];
  };
  const path = `${api.kubeconfig}.${name}`;
  const contexts = [{ name, context: { ...config.contexts[0]?.context, user: name } }];
  writeFileSync(path, JSON.stringify({ ...config, contexts, "current-context": name, users: [{ name, user: { token } }] }), {
    mode: 0o600,
  });
  return path;
}
