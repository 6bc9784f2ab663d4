import { execFile } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { helm } from "../../hack/neighbours/helm.ts";
import { type WireFlameGraph, weighFunctions } from "../harness/flame-graph.ts";
import { type ClusterNode, startNode, whyNoNode } from "../harness/node.ts";
import { REPOSITORY } from "../harness/server.ts";
import { until } from "../harness/until.ts";
import { buildImages } from "./images.ts";
import { bucketServer, NAMESPACE, stack, volumes } from "./objects.ts";

/*
 * Goal: what the README promises for Kubernetes, on a real node with real pods of our images: install, apply, look; lose pods and no profile;
 * change, and remove.
 * Method: kubelet and containerd in namespaces of their own, real helm, an S3 server in the cluster, and NATS of the stack's own.
 */

const unable = whyNoNode();
if (unable !== undefined) console.warn(`skipped: the stack on a real node: ${unable}`);

const run = promisify(execFile);
const CPU = "process_cpu:cpu:nanoseconds:cpu:nanoseconds";
const MINUTES = 60_000;
const READY_WITHIN_MS = 8 * MINUTES;
/** NATS nodes of the stack. */
const VOLUMES = 3;

describe.skipIf(unable !== undefined)("the stack on a real node", () => {
  const folder = mkdtempSync(join(tmpdir(), "brazier-e2e-"));
  let node: ClusterNode;
  let program: string;

  beforeAll(async () => {
    program = await helm();
    const archives = await buildImages(folder);
    node = await startNode();
    for (const archive of archives) await node.loadImage(archive);
    const disks = Array.from({ length: VOLUMES }, (_, index) => join(node.disk, String(index)));
    for (const path of disks) {
      mkdirSync(path);
      chmodSync(path, 0o777);
    }
    await apply(...volumes(disks), ...bucketServer());
  }, 10 * MINUTES);

  let hasFailed = false;
  afterEach(({ task }) => {
    hasFailed ||= task.result?.state === "fail";
  });
  afterAll(async () => {
    // A bundle of logs is all that is left of a cluster that failed somewhere else.
    if (hasFailed) {
      const path = join(process.env["BRAZIER_E2E_LOGS"] ?? tmpdir(), "brazier-e2e.log");
      writeFileSync(path, await node.report());
      console.log(`what the cluster looked like is in ${path}`);
    }
    await node?.stop();
    rmSync(folder, { recursive: true, force: true });
  }, 5 * MINUTES);

  const apply = (...objects: readonly object[]): Promise<string> =>
    node.kubectl(["apply", "--server-side", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }));
  const get = (...args: readonly string[]): Promise<string> => node.kubectl(["-n", NAMESPACE, "get", ...args]);
  const helmSays = async (...args: readonly string[]): Promise<string> => {
    const env = { ...process.env, HELM_CACHE_HOME: folder, HELM_CONFIG_HOME: folder, HELM_DATA_HOME: folder, KUBECONFIG: node.kubeconfig };
    return (await run(program, [...args], { env })).stdout;
  };

  const isReady = async (): Promise<boolean> => {
    const status = JSON.parse(await get("pstack", "main", "-o", "json")) as {
      metadata: { generation: number };
      status?: { observedGeneration?: number; conditions?: readonly { type: string; status: string }[] };
    };
    if (status.status?.observedGeneration !== status.metadata.generation) return false;
    return status.status.conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true;
  };

  /** An address of the stack, as seen from inside the node. */
  const addressOf = async (service: string): Promise<string> =>
    `http://${await get("service", service, "-o", "jsonpath={.spec.clusterIP}")}:4040`;

  const ask = async <Answer>(method: string, request: Readonly<Record<string, unknown>>): Promise<Answer> => {
    const nowMs = Date.now();
    const body = JSON.stringify({ start: nowMs - 60 * MINUTES, end: nowMs + MINUTES, ...request });
    const url = `${await addressOf("main-query")}/querier.v1.QuerierService/${method}`;
    const text = await node.inside(["curl", "-sf", "--max-time", "30", "-H", "content-type: application/json", "-d", "@-", url], body);
    return JSON.parse(text) as Answer;
  };
  const functionsOf = async (selector: string): Promise<readonly string[]> => {
    const request = { profile_typeID: CPU, label_selector: selector, max_nodes: 10_000 };
    return (await ask<{ flamegraph?: WireFlameGraph }>("SelectMergeStacktraces", request)).flamegraph?.names ?? [];
  };
  const valuesOf = async (name: string, selector: string): Promise<readonly string[]> =>
    (await ask<{ names?: readonly string[] }>("LabelValues", { name, matchers: [selector] })).names ?? [];

  it("comes up from `helm install` and one applied object", { timeout: 12 * MINUTES }, async () => {
    await helmSays(
      "install",
      "brazier",
      join(REPOSITORY, "charts/brazier"),
      "-n",
      "brazier-system",
      "--create-namespace",
      "--wait",
      "--timeout",
      "4m",
    );
    await node.kubectl(["-n", NAMESPACE, "rollout", "status", "deployment/s3", "--timeout=2m"]);
    const appliedMs = performance.now();
    await apply(stack());
    await until("the stack is ready", isReady, { withinMs: READY_WITHIN_MS, everyMs: 1_000 });
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

  it("loses nothing that was acknowledged when a worker, a querier and a NATS pod are killed", { timeout: 8 * MINUTES }, async () => {
    const ingest = await addressOf("main-ingest");
    const acknowledged: number[] = [];
    let [next, isOver] = [0, false];
    const pushing = (async (): Promise<void> => {
      while (!isOver) {
        const number = next++;
        // A time of its own for each: two profiles of one series and time are one profile sent twice.
        const at = Date.now();
        const url = `${ingest}/ingest?name=counted&format=folded&from=${at - 10_000}&until=${at}&sampleRate=100`;
        const command = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "20", "--data-binary", "@-", url];
        const code = await node.inside(command, `main;push_${number} 1\n`).catch(() => "away");
        if (code === "200") acknowledged.push(number);
      }
    })();
    for (const component of ["segment", "query", "nats", "ingest", "compact"]) {
      const had = acknowledged.length;
      await until("pushes before the kill", () => acknowledged.length >= had + 5, { withinMs: 2 * MINUTES });
      const pod = await get("pods", "-l", `app.kubernetes.io/component=${component}`, "-o", "jsonpath={.items[0].metadata.name}");
      await node.kubectl(["-n", NAMESPACE, "delete", "pod", pod, "--force", "--grace-period=0"]);
    }
    const had = acknowledged.length;
    await until("pushes after the kills", () => acknowledged.length >= had + 5, { withinMs: 3 * MINUTES });
    isOver = true;
    await pushing;
    const type = (await valuesOf("__profile_type__", '{service_name="counted"}'))[0] ?? CPU;
    const found = await until(
      "every acknowledged profile",
      async () => {
        const request = { profile_typeID: type, label_selector: '{service_name="counted"}', max_nodes: 10_000 };
        const graph = (await ask<{ flamegraph?: WireFlameGraph }>("SelectMergeStacktraces", request)).flamegraph ?? {};
        const weights = weighFunctions(graph);
        return acknowledged.every((number) => weights.has(`push_${number}`)) && weights;
      },
      { withinMs: 2 * MINUTES, everyMs: 2_000 },
    );
    // Nothing twice either: each weighs what one sample weighs.
    const weights = [...found].filter(([name]) => name.startsWith("push_")).map(([, { flat }]) => flat);
    expect(new Set(weights).size).toBe(1);
    expect(acknowledged.length).toBeGreaterThan(25);
  });

  it("rolls what a change of the stack concerns, and is ready again", { timeout: 6 * MINUTES }, async () => {
    const before = await get("daemonset", "main-agent", "-o", "jsonpath={.metadata.generation}");
    const server = await get("deployment", "main-query", "-o", "jsonpath={.metadata.generation}");
    await apply(stack({ agent: { sampleRate: 49 } }));
    await until(
      "the agents' new rate",
      async () => (await get("daemonset", "main-agent", "-o", "jsonpath={.metadata.generation}")) !== before,
      { withinMs: MINUTES, everyMs: 500 },
    );
    await node.kubectl(["-n", NAMESPACE, "rollout", "status", "daemonset/main-agent", "--timeout=3m"]);
    await until("the stack is ready", isReady, { withinMs: 3 * MINUTES, everyMs: 1_000 });
    expect(await get("deployment", "main-query", "-o", "jsonpath={.metadata.generation}")).toBe(server);
  });

  it("leaves nothing behind but the bucket when the stack is deleted", { timeout: 5 * MINUTES }, async () => {
    await node.kubectl(["-n", NAMESPACE, "delete", "pstack", "main", "--wait", "--timeout=2m"]);
    const kinds = "deployments,statefulsets,daemonsets,services,configmaps,secrets,serviceaccounts,pvc,pdb,networkpolicies,hpa,pods";
    const mine = ["-l", "app.kubernetes.io/managed-by=brazier-operator", "-o", "name"];
    await until("nothing of the stack", async () => (await get(kinds, ...mine)).trim() === "", { withinMs: 3 * MINUTES, everyMs: 2_000 });
    await until("no binding of its agents", async () => (await node.kubectl(["get", "clusterrolebindings", ...mine])).trim() === "", {
      withinMs: MINUTES,
      everyMs: 1_000,
    });
    expect(await get("deployment", "s3", "-o", "jsonpath={.status.readyReplicas}")).toBe("1");
  });
});
