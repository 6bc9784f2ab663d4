import type { KubeObject } from "../../../operator/kube/object.ts";
import { valueAt } from "../../../operator/kube/object.ts";
import type { Stack } from "../../../operator/observe/observed.ts";

type Toleration = NonNullable<Stack["spec"]["agent"]["tolerations"]>[number];
type Taint = { readonly key: string; readonly value?: string; readonly effect: string };

/** Taints of nodes in trouble, which every DaemonSet's pods put up with. */
const TOLERATED_BY_ALL: ReadonlySet<string> = new Set(
  ["not-ready", "unreachable", "disk-pressure", "memory-pressure", "pid-pressure", "unschedulable"].map(
    (word) => `node.kubernetes.io/${word}`,
  ),
);

/** Why a node has no agent, and what to change; pure. */
export function whyNoAgent(node: KubeObject, { agent }: Pick<Stack["spec"], "agent">): string {
  if (!agent.enabled) return "agents are switched off: spec.agent.enabled";
  const labels = node.metadata.labels ?? {};
  for (const [name, value] of Object.entries({ "kubernetes.io/os": "linux", ...agent.nodeSelector })) {
    if (labels[name] === value) continue;
    if (name === "kubernetes.io/os") return `agents run on Linux alone, and this node is ${labels[name] ?? "of an unknown system"}`;
    return `spec.agent.nodeSelector asks for ${name}=${value}, and the node has ${labels[name] === undefined ? "no such label" : `${name}=${labels[name]}`}`;
  }
  const taints = (valueAt(node, "spec", "taints") ?? []) as readonly Taint[];
  const repelling = taints.find((taint) => taint.effect !== "PreferNoSchedule" && !isTolerated(taint, agent.tolerations ?? []));
  if (repelling !== undefined) {
    const { key, value, effect } = repelling;
    return `the node's taint ${key}${value === undefined ? "" : `=${value}`}:${effect} is not among spec.agent.tolerations`;
  }
  if (agent.affinity !== undefined) return "no pod is made for it: see whether spec.agent.affinity keeps it away";
  return "no pod is made for it yet: `kubectl brazier status` tells what the stack waits for";
}

function isTolerated(taint: Taint, tolerations: readonly Toleration[]): boolean {
  if (TOLERATED_BY_ALL.has(taint.key)) return true;
  return tolerations.some(({ key, operator = "Equal", value = "", effect }) => {
    if (effect !== undefined && effect !== taint.effect) return false;
    if (operator === "Exists") return key === undefined || key === "" || key === taint.key;
    return key === taint.key && value === (taint.value ?? "");
  });
}
