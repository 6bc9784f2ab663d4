import { describe, expect, it } from "vitest";
import { ask } from "../harness/client.ts";
import type { WireFlameGraph } from "../harness/flame-graph.ts";
import { NumberedLoad } from "../harness/numbered-load.ts";
import { until } from "../harness/until.ts";
import { MINUTES, nodeFolder, tellStory } from "./story.ts";

/*
 * Goal: what the README promises for Kubernetes, on a real node with real pods of our images: apply, look; lose pods and no profile; change, and remove.
 * Method: kubelet and containerd in namespaces of their own, the operator by helm, an S3 server in the cluster, and NATS of the stack's own.
 */

const CPU = "process_cpu:cpu:nanoseconds:cpu:nanoseconds";

describe.skipIf(nodeFolder === undefined)("the stack of the README on a real node", () => {
  const story = tellStory("profiling");

  const question = async <Answer>(method: string, request: Readonly<Record<string, unknown>>): Promise<Answer> => {
    const nowMs = Date.now();
    return ask<Answer>(await story.url("query"), method, { start: nowMs - 60 * MINUTES, end: nowMs + MINUTES, ...request });
  };
  const functionsOf = async (selector: string): Promise<readonly string[]> => {
    const request = { profile_typeID: CPU, label_selector: selector, max_nodes: 10_000 };
    return (await question<{ flamegraph?: WireFlameGraph }>("SelectMergeStacktraces", request)).flamegraph?.names ?? [];
  };
  const valuesOf = async (name: string, selector: string): Promise<readonly string[]> =>
    (await question<{ names?: readonly string[] }>("LabelValues", { name, matchers: [selector] })).names ?? [];

  it("comes up from one applied object", { timeout: 8 * MINUTES }, async () => {
    const appliedMs = performance.now();
    await story.applyStack();
    await story.becomesReady();
    const readyMs = performance.now();
    await until("a function of a pod", async () => (await functionsOf('{namespace="profiling"}')).length > 1, {
      withinMs: 3 * MINUTES,
      everyMs: 1_000,
    });
    const seconds = (ms: number): string => (ms / 1000).toFixed(0);
    console.log(`apply → Ready ${seconds(readyMs - appliedMs)} s, → first flame graph ${seconds(performance.now() - appliedMs)} s`);
  });

  it("profiles the pods of the node under their own names, with their own functions", { timeout: 5 * MINUTES }, async () => {
    await until(
      "all pods",
      async () => {
        const pods = await valuesOf("pod", '{namespace="profiling"}');
        return ["main-ingest", "main-segment", "main-compact", "main-query", "main-nats", "s3"].every((name) =>
          pods.some((pod) => pod.startsWith(name)),
        );
      },
      { withinMs: 4 * MINUTES, everyMs: 2_000 },
    );
    // Functions of Go programs that nobody told the agent about.
    expect((await functionsOf('{namespace="profiling",pod=~"main-nats.*"}')).some((name) => /nats|runtime\./.test(name))).toBe(true);
    expect(await valuesOf("workload", '{namespace="profiling",pod=~"main-query.*"}')).toEqual(["main-query"]);
  });

  it("loses nothing that was acknowledged when a pod of each part is killed, and keeps nothing twice", {
    timeout: 8 * MINUTES,
  }, async () => {
    const ingest = await story.url("ingest");
    const load = new NumberedLoad({ url: () => ingest, clients: 2 });
    load.start();
    for (const component of ["segment", "query", "nats", "ingest", "compact"]) {
      await load.more(5);
      const pod = await story.get("pods", "-l", `app.kubernetes.io/component=${component}`, "-o", "jsonpath={.items[0].metadata.name}");
      await story.kubectl("delete", "pod", pod, "--force", "--grace-period=0");
    }
    await load.more(5);
    await load.stop();
    await story.becomesReady();
    expect(await load.faults(await story.url("query"))).toEqual({ lost: [], wrong: [] });
    // Deaths that no client noticed would prove nothing.
    expect(load.retries).toBeGreaterThan(0);
  });

  it("rolls what a change of the stack concerns, and is ready again", { timeout: 6 * MINUTES }, async () => {
    const before = await story.get("daemonset", "main-agent", "-o", "jsonpath={.metadata.generation}");
    const server = await story.get("deployment", "main-query", "-o", "jsonpath={.metadata.generation}");
    await story.applyStack({ agent: { sampleRate: 49 } });
    await until(
      "the agents' new rate",
      async () => (await story.get("daemonset", "main-agent", "-o", "jsonpath={.metadata.generation}")) !== before,
      { withinMs: MINUTES, everyMs: 500 },
    );
    await story.kubectl("rollout", "status", "daemonset/main-agent", "--timeout=3m");
    await story.becomesReady();
    expect(await story.get("deployment", "main-query", "-o", "jsonpath={.metadata.generation}")).toBe(server);
  });

  it("leaves nothing behind but the bucket when the stack is deleted", { timeout: 5 * MINUTES }, async () => {
    await story.kubectl("delete", "pstack", "main", "--wait", "--timeout=2m");
    const kinds = "deployments,statefulsets,daemonsets,services,configmaps,secrets,serviceaccounts,pvc,pdb,networkpolicies,hpa,pods";
    const mine = ["-l", "app.kubernetes.io/managed-by=brazier-operator", "-o", "name"];
    await until("nothing of the stack", async () => (await story.get(kinds, ...mine)).trim() === "", {
      withinMs: 3 * MINUTES,
      everyMs: 1_000,
    });
    await until("no binding of its agents", async () => (await story.get("clusterrolebindings", ...mine)).trim() === "", {
      withinMs: MINUTES,
      everyMs: 1_000,
    });
    expect(await story.get("deployment", "s3", "-o", "jsonpath={.status.readyReplicas}")).toBe("1");
  });
});
