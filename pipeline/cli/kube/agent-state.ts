import { type KubeObject, textAt } from "../../../operator/kube/object.ts";
import type { Stack } from "../../../operator/observe/observed.ts";
import { type Metric, readMetrics } from "../../base/metrics-page.ts";
import { whyNoAgent } from "./agent-absence.ts";
import { isReady, troubleOf } from "./pods.ts";
import { textTable } from "./text-table.ts";

/** A page of metrics, or why there is none. */
export type Page = { readonly text: string } | { readonly fault: string };

/** What one node's agent does; figures are absent where it tells none. */
export type AgentState = {
  readonly node: string;
  readonly pod?: string;
  readonly running: boolean;
  readonly version?: string;
  readonly collector?: string;
  readonly rateHz?: number;
  readonly rateWantedHz?: number;
  readonly samples?: number;
  readonly lostSamples?: number;
  readonly droppedSamples?: number;
  readonly waitingSamples?: number;
  readonly cpuCores?: number;
  readonly memoryBytes?: number;
  /** What is wrong, and what to do. */
  readonly note?: string;
};

export type SeenAgents = {
  readonly stack: Stack;
  readonly pods: readonly KubeObject[];
  /** Undefined where the nodes may not be seen. */
  readonly nodes: readonly KubeObject[] | undefined;
  /** By name of the pod. */
  readonly pages: ReadonlyMap<string, Page>;
};

/** One row per node, and per pod that no node has taken. */
export function agentStates({ stack, pods, nodes = [], pages }: SeenAgents): readonly AgentState[] {
  const withPod = pods.map((pod) => agentOf(pod, pages.get(pod.metadata.name)));
  const covered = new Set(withPod.map(({ node }) => node));
  const without = nodes
    .filter(({ metadata }) => !covered.has(metadata.name))
    .map((node): AgentState => ({ node: node.metadata.name, running: false, note: whyNoAgent(node, stack.spec) }));
  return [...withPod, ...without].sort((left, right) => (left.node < right.node ? -1 : 1));
}

function agentOf(pod: KubeObject, page: Page | undefined): AgentState {
  const base = { node: textAt(pod, "spec", "nodeName") ?? affinityNode(pod) ?? "-", pod: pod.metadata.name, running: isReady(pod) };
  const trouble = troubleOf(pod);
  if (page === undefined || "fault" in page) {
    const note = trouble ?? (page === undefined ? undefined : `its metrics are not to be had: ${page.fault}`);
    return { ...base, ...(note === undefined ? {} : { note }) };
  }
  const metrics = readMetrics(page.text);
  const all = (name: string): readonly Metric[] => metrics.get(`brazier_agent_${name}`) ?? [];
  const info = all("info")[0]?.labels ?? {};
  const refusals = all("collector_refused").map(({ labels }) => `${labels["collector"]} is refused: ${labels["reason"]}`);
  const lowered = all("rate_lowered")
    .filter(({ value }) => value === 1)
    .map(({ labels }) => `the rate is lowered by its ${labels["reason"]} budget: raise spec.agent.budget or its resources`);
  const notes = [...(trouble === undefined ? [] : [trouble]), ...lowered, ...refusals];
  const sum = (name: string): number | undefined =>
    all(name).length === 0 ? undefined : all(name).reduce((total, { value }) => total + value, 0);
  return defined({
    ...base,
    version: info["version"],
    collector: info["collector"],
    rateHz: sum("rate_hertz"),
    rateWantedHz: sum("rate_wanted_hertz"),
    samples: sum("samples_taken_total"),
    lostSamples: sum("samples_lost_total"),
    // By reason, and of those that have occurred.
    droppedSamples: sum("dropped_samples_total") ?? 0,
    waitingSamples: sum("waiting_samples"),
    cpuCores: sum("cpu_cores"),
    memoryBytes: sum("resident_bytes"),
    note: notes.length === 0 ? undefined : notes.join("; "),
  });
}

/** The node that a DaemonSet made a pod for, before the scheduler has agreed. */
function affinityNode(pod: KubeObject): string | undefined {
  const fields = [
    "spec",
    "affinity",
    "nodeAffinity",
    "requiredDuringSchedulingIgnoredDuringExecution",
    "nodeSelectorTerms",
    0,
    "matchFields",
    0,
  ];
  return textAt(pod, ...fields, "values", 0);
}

function defined(fields: { readonly [Name in keyof AgentState]: AgentState[Name] | undefined }): AgentState {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as AgentState;
}

export function showAgents(agents: readonly AgentState[]): string {
  const number = (value: number | undefined, digits = 0): string => value?.toFixed(digits) ?? "-";
  const rows = agents.map((agent) => {
    const { rateHz, rateWantedHz } = agent;
    const rate = rateWantedHz === undefined || rateHz === rateWantedHz ? number(rateHz) : `${number(rateHz)} of ${number(rateWantedHz)}`;
    return [
      agent.node,
      agent.running ? "running" : agent.pod === undefined ? "none" : "not ready",
      agent.version ?? "-",
      agent.collector ?? "-",
      rate,
      number(agent.samples),
      number(agent.lostSamples),
      number(agent.droppedSamples),
      number(agent.cpuCores, 3),
      agent.memoryBytes === undefined ? "-" : number(agent.memoryBytes / 1024 ** 2),
      agent.note ?? "",
    ];
  });
  const titles = ["NODE", "AGENT", "VERSION", "BY", "RATE HZ", "SAMPLES", "LOST", "DROPPED", "CPU CORES", "MEMORY MIB", "NOTE"];
  const running = agents.filter((agent) => agent.running).length;
  return `${textTable(titles, rows)}\n${running} of ${agents.length} nodes have a running agent\n`;
}
