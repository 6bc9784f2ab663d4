import { KubeConfig } from "@kubernetes/client-node";
import { ApiServer } from "../../../operator/kube/cluster.ts";
import { CodedError, FaultKind } from "../../base/errors.ts";
import { explained } from "./cluster-faults.ts";

export type ClusterFlags = { readonly kubeconfig?: string; readonly context?: string; readonly namespace?: string };

/** A cluster as kubectl would reach it, and the namespace that is meant when none is named. */
export type Connection = { readonly cluster: ApiServer; readonly config: KubeConfig; readonly namespace: string };

/** What the library assumes when it finds nothing at all. */
const NOTHING_FOUND = "http://localhost:8080";

/**
 * Acts on the cluster that the flags name.
 *
 * Errors: `kubeconfig_unreadable`, `context_unknown`, `cluster_unknown` (invalid), and those of the API server with a remedy.
 */
export async function withCluster<T>(flags: ClusterFlags, act: (connection: Connection) => Promise<T>): Promise<T> {
  const connection = connect(flags);
  try {
    return await act(connection);
  } catch (error) {
    throw explained(error, { context: connection.config.getCurrentContext(), server: connection.config.getCurrentCluster()?.server ?? "" });
  }
}

function connect({ kubeconfig, context, namespace }: ClusterFlags): Connection {
  const config = new KubeConfig();
  try {
    if (kubeconfig === undefined) config.loadFromDefault();
    else config.loadFromFile(kubeconfig);
  } catch (cause) {
    const which = kubeconfig ?? process.env["KUBECONFIG"] ?? "~/.kube/config";
    const message = `cannot read the kubeconfig ${which}: ${(cause as Error).message}; name another one with --kubeconfig or KUBECONFIG`;
    throw new CodedError("kubeconfig_unreadable", FaultKind.Invalid, message, { cause });
  }
  if (context !== undefined) {
    if (config.getContextObject(context) === null) {
      const known = config.getContexts().map(({ name }) => name);
      const message = `the kubeconfig has no context ${context}; it has ${known.length === 0 ? "none" : known.join(", ")}`;
      throw new CodedError("context_unknown", FaultKind.Invalid, message);
    }
    config.setCurrentContext(context);
  }
  const server = config.getCurrentCluster()?.server;
  if (server === undefined || (kubeconfig === undefined && server === NOTHING_FOUND)) {
    const message = "no cluster is configured: name a kubeconfig with --kubeconfig or KUBECONFIG, or a context of it with --context";
    throw new CodedError("cluster_unknown", FaultKind.Invalid, message);
  }
  const own = config.getContextObject(config.getCurrentContext())?.namespace;
  return { cluster: new ApiServer(config), config, namespace: namespace ?? own ?? "default" };
}
