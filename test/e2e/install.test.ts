import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { KUBERNETES_BIN } from "../harness/api-server.ts";
import { ask } from "../harness/client.ts";
import type { WireFlameGraph } from "../harness/flame-graph.ts";
import { NumberedLoad } from "../harness/numbered-load.ts";
import { REPOSITORY } from "../harness/server.ts";
import { until } from "../harness/until.ts";
import { MINUTES, nodeFolder, tellStory } from "./story.ts";

/*
 * Goal: what the README promises for Kubernetes, on a real node with real pods of our images: apply, look; lose pods and no profile; change, and remove.
 * Method: kubelet and containerd in namespaces of their own, the operator by helm, an S3 server in the cluster, and NATS of the stack's own.
 */

const run = promisify(execFile);
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

  it("shows itself to kubectl: ready, its agent, the functions of a service, a report with logs and metrics and no Secret", {
    timeout: 5 * MINUTES,
  }, async () => {
    const folder = mkdtempSync(join(tmpdir(), "brazier-plugin-"));
    try {
      const plugin = async (...args: readonly string[]): Promise<string> => {
        const path = [join(REPOSITORY, "bin"), process.env["PATH"]].join(delimiter);
        const options = { env: { ...process.env, KUBECONFIG: story.node.kubeconfig, PATH: path }, cwd: folder };
        return (await run(join(KUBERNETES_BIN, "kubectl"), ["brazier", ...args, "-n", story.namespace], options)).stdout;
      };
      // Rejects with any exit code but 0: the stack is ready.
      expect(await plugin("status")).toMatch(/profiling\/main: ready: [\s\S]*(nothing waits|messages wait)/);
      expect(await plugin("agents")).toMatch(/ running +\d+\.\d+\.\d+ +(ebpf|perf_event) +\d+( of \d+)? +\d+ +\d+ +\d+ /);
      const services = Object.keys(JSON.parse(await plugin("top", "-o", "json")) as object);
      expect(await plugin("top", services.find((name) => name.includes("nats")) ?? "brazier")).toMatch(/flat +% +cum +% +function/);
      await plugin("report", "--file", "report.tar.gz");
      const tar = async (...args: readonly string[]): Promise<string> =>
        (await run("tar", [...args, join(folder, "report.tar.gz")], { maxBuffer: 256 * 1024 * 1024 })).stdout;
      const names = await tar("tzf");
      for (const file of ["brazier.log", "metrics.txt", "config.yaml", "jsz.json"])
        expect(names).toMatch(new RegExp(`/pods/main-[^/]+/${file}`));
      expect(names).toMatch(/\/operator\/brazier-system\/[^/]+\/operator\.log/);
      const all = await tar("xzOf");
      expect(all).toContain("nothing is missing");
      const { items } = await story.read<{ items: readonly { data?: Record<string, string> }[] }>("secrets");
      const values = items.flatMap(({ data = {} }) => Object.values(data)).map((value) => Buffer.from(value, "base64").toString("utf8"));
      expect(values.length).toBeGreaterThan(6);
      // The user of the stack's NATS is called like the program.
      expect(values.filter((value) => value !== "brazier" && all.includes(value))).toEqual([]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
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
