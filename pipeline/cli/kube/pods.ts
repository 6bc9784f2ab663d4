import { AGENT_PORT, HTTP_PORT, NATS_MONITOR_PORT, STATUS_PORT, stackSelector } from "../../../operator/desired/names.ts";
import { PODS, type Resource } from "../../../operator/kube/kinds.ts";
import { conditionAt, type KubeObject, textAt, valueAt } from "../../../operator/kube/object.ts";
import type { Stack } from "../../../operator/observe/observed.ts";
import type { Connection } from "./connection.ts";

export const NODES: Resource = { apiVersion: "v1", kind: "Node", plural: "nodes", namespaced: false, optional: false };

export async function podsOf({ cluster }: Connection, stack: Stack): Promise<readonly KubeObject[]> {
  const { namespace, name } = stack.metadata;
  return (await cluster.list(PODS, { namespace, labelSelector: stackSelector({ namespace, name }) })).items;
}

export function componentOf({ metadata }: KubeObject): string {
  return metadata.labels?.["app.kubernetes.io/component"] ?? "";
}

export function isReady(pod: KubeObject): boolean {
  return textAt(conditionAt(pod, "Ready"), "status") === "True";
}

const STATUS_PAGES: ReadonlySet<string> = new Set(["/metrics", "/ready", "/healthz"]);

/** What a pod of a stack answers at a path, by way of the API server. */
export function readPage(connection: Connection, stack: Stack, pod: KubeObject, path: string): Promise<string> {
  switch (componentOf(pod)) {
    case "agent":
      return readPort(connection, pod, { scheme: "http", port: AGENT_PORT, path });
    case "nats":
      return readPort(connection, pod, { scheme: "http", port: NATS_MONITOR_PORT, path });
    default:
      // Without tokens and in the clear, which is as far as the API server's proxy reaches where a stack asks for tokens.
      if (STATUS_PAGES.has(path)) return readPort(connection, pod, { scheme: "http", port: STATUS_PORT, path });
      return readPort(connection, pod, { scheme: stack.spec.expose.tls === undefined ? "http" : "https", port: HTTP_PORT, path });
  }
}

export type PagePlace = { readonly scheme: "http" | "https"; readonly port: number; readonly path: string };

export function readPort({ cluster }: Connection, { metadata }: KubeObject, { scheme, port, path }: PagePlace): Promise<string> {
  return cluster.read(`/api/v1/namespaces/${metadata.namespace}/pods/${scheme}:${metadata.name}:${port}/proxy${path}`);
}

type ContainerState = {
  readonly name: string;
  readonly state?: Readonly<Record<string, { readonly reason?: string; readonly message?: string }>>;
};

/** What keeps a pod from running, as its containers or the scheduler tell it; undefined where nothing does. */
export function troubleOf(pod: KubeObject): string | undefined {
  const status = (...path: readonly string[]): unknown => valueAt(pod, "status", ...path);
  const states = [
    ...((status("initContainerStatuses") ?? []) as ContainerState[]),
    ...((status("containerStatuses") ?? []) as ContainerState[]),
  ];
  for (const { state = {} } of states) {
    const { reason, message } = state["waiting"] ?? state["terminated"] ?? {};
    if (reason !== undefined && reason !== "Completed") return message === undefined ? reason : `${reason}: ${message}`;
  }
  const scheduled = conditionAt(pod, "PodScheduled");
  if (textAt(scheduled, "status") === "False")
    return `${textAt(scheduled, "reason") ?? "Unscheduled"}: ${textAt(scheduled, "message") ?? "no node takes it"}`;
  if (isReady(pod)) return undefined;
  return textAt(pod, "status", "message") ?? "is not ready";
}
