import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import type { KubeObject } from "../../../operator/kube/object.ts";
import type { Stack } from "../../../operator/observe/observed.ts";
import { whyNoAgent } from "./agent-absence.ts";
import { agentStates, type Page, showAgents } from "./agent-state.ts";

const node = (name: string, more = "{}"): KubeObject => {
  const { labels = {}, taints = [] } = parse(more) as { labels?: object; taints?: readonly object[] };
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, labels: { "kubernetes.io/os": "linux", ...labels } },
    spec: { taints },
  } as KubeObject;
};
const specWith = (agent: object): Stack["spec"] => ({ agent: { enabled: true, ...agent } }) as unknown as Stack["spec"];
const stack = { spec: specWith({}) } as unknown as Stack;

describe("why a node has no agent", () => {
  it.each([
    ["spec.agent.enabled", node("a"), { enabled: false }],
    ["run on Linux alone", node("a", "labels: { kubernetes.io/os: windows }"), {}],
    ["asks for pool=big, and the node has pool=small", node("a", "labels: { pool: small }"), { nodeSelector: { pool: "big" } }],
    ["asks for pool=big, and the node has no such label", node("a"), { nodeSelector: { pool: "big" } }],
    ["gpu=yes:NoSchedule is not among", node("a", "taints: [{ key: gpu, value: yes, effect: NoSchedule }]"), { tolerations: [] }],
    [
      "gpu=yes:NoSchedule",
      node("a", "taints: [{ key: gpu, value: yes, effect: NoSchedule }]"),
      { tolerations: [{ key: "gpu", value: "no" }] },
    ],
    ["spec.agent.affinity", node("a"), { affinity: {} }],
    ["no pod is made for it yet", node("a"), {}],
    ["no pod is made for it yet", node("a", "taints: [{ key: gpu, effect: PreferNoSchedule }]"), {}],
    ["no pod is made for it yet", node("a", "taints: [{ key: node.kubernetes.io/not-ready, effect: NoExecute }]"), {}],
    [
      "no pod is made for it yet",
      node("a", "taints: [{ key: gpu, value: yes, effect: NoSchedule }]"),
      { tolerations: [{ operator: "Exists" }] },
    ],
    [
      "no pod is made for it yet",
      node("a", "taints: [{ key: gpu, value: yes, effect: NoSchedule }]"),
      { tolerations: [{ key: "gpu", value: "yes", effect: "NoSchedule" }] },
    ],
    [
      "gpu=yes:NoExecute",
      node("a", "taints: [{ key: gpu, value: yes, effect: NoExecute }]"),
      { tolerations: [{ key: "gpu", operator: "Exists", effect: "NoSchedule" }] },
    ],
  ])("is told: %s", (reason, of, agent) => {
    expect(whyNoAgent(of, specWith(agent))).toContain(reason);
  });
});

const METRICS = `# HELP brazier_agent_info The version.
brazier_agent_info{collector="perf_event",version="1.2.0"} 1
brazier_agent_collector_refused{collector="ebpf",reason="no \\"BPF\\""} 1
brazier_agent_rate_hertz 10
brazier_agent_rate_wanted_hertz 19
brazier_agent_rate_lowered{reason="cpu"} 1
brazier_agent_rate_lowered{reason="memory"} 0
brazier_agent_samples_taken_total 1000
brazier_agent_samples_lost_total 3
brazier_agent_dropped_samples_total{reason="queue"} 4
brazier_agent_dropped_samples_total{reason="refused"} 5
brazier_agent_cpu_cores 0.021
brazier_agent_resident_bytes 5.24288e+07
`;

function pod(name: string, nodeName: string, status: object): KubeObject {
  return { apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "p" }, spec: { nodeName }, status } as KubeObject;
}
const READY = { conditions: [{ type: "Ready", status: "True" }] };

describe("the agents of a stack", () => {
  it("tell their figures, and what lowers them", () => {
    const pages = new Map<string, Page>([["agent-1", { text: METRICS }]]);
    const [agent] = agentStates({ stack, pods: [pod("agent-1", "n1", READY)], nodes: [node("n1")], pages });
    expect(agent).toMatchObject({
      node: "n1",
      running: true,
      version: "1.2.0",
      collector: "perf_event",
      rateHz: 10,
      rateWantedHz: 19,
      samples: 1000,
      lostSamples: 3,
      droppedSamples: 9,
      cpuCores: 0.021,
    });
    expect(agent?.note).toContain("its cpu budget");
    expect(agent?.note).toContain('ebpf is refused: no "BPF"');
    expect(showAgents(agent === undefined ? [] : [agent])).toMatch(/n1 +running +1\.2\.0 +perf_event +10 of 19 +1000 +3 +9 +0\.021 +50 /);
  });

  it("are a row for each node, with what keeps a pod from running", () => {
    const waiting = {
      containerStatuses: [{ name: "agent", state: { waiting: { reason: "ImagePullBackOff", message: "no such image" } } }],
    };
    const unscheduled = { conditions: [{ type: "PodScheduled", status: "False", reason: "Unschedulable", message: "too little memory" }] };
    const states = agentStates({
      stack,
      pods: [pod("agent-1", "n1", waiting), pod("agent-2", "n2", unscheduled)],
      nodes: [node("n1"), node("n2"), node("n3", "taints: [{ key: gpu, effect: NoSchedule }]")],
      pages: new Map(),
    });
    expect(states.map(({ node: name, running, note }) => [name, running, note])).toEqual([
      ["n1", false, "ImagePullBackOff: no such image"],
      ["n2", false, "Unschedulable: too little memory"],
      ["n3", false, expect.stringContaining("taint gpu:NoSchedule")],
    ]);
    expect(showAgents(states)).toContain("0 of 3 nodes have a running agent");
  });

  it("say that metrics are missing where they cannot be read", () => {
    const pages = new Map<string, Page>([["agent-1", { fault: "you may not get pods/proxy in namespace p" }]]);
    const [agent] = agentStates({ stack, pods: [pod("agent-1", "n1", READY)], nodes: undefined, pages });
    expect(agent).toMatchObject({ running: true, note: expect.stringContaining("pods/proxy") });
  });
});
