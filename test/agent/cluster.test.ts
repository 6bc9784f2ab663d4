import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildAgent } from "../../hack/agent/build.ts";
import { flameGraphOf, profileTypesOf, seriesOf } from "../clients/ask.ts";
import { type Agent, startAgent } from "../harness/agent.ts";
import { type ApiServerProcess, startApiServer, whyNoApiServer } from "../harness/api-server.ts";
import { weighFunctions } from "../harness/flame-graph.ts";
import { freePorts } from "../harness/free-port.ts";
import { REPOSITORY, type Server, startServer } from "../harness/server.ts";
import { until } from "../harness/until.ts";
import { type ContainerGroup, type Hierarchy, hierarchies, makeContainerGroup } from "./cgroups.ts";
import { has, reasonNotToRun } from "./programs.ts";
import { start, stopAll } from "./running.ts";

/*
 * Goal: in a cluster the agent says whose every process is, does what annotations and policies ask of it, and scrapes the pods that want it.
 * Method: a real API server with real controllers and no kubelet. A test does the kubelet's part: it binds the pods of a Deployment to the
 * node, puts a program into control groups of the kubelet's names, and writes the pod's status.
 */

const NODE = "node-a";
const CPU = "process_cpu:cpu:nanoseconds:cpu:nanoseconds";
const QUICK = ["--rate", "49", "--interval", "2s", "--cpu-max", "0"];

const groups = hierarchies();
const unable =
  reasonNotToRun() ??
  whyNoApiServer() ??
  (has("gcc") ? undefined : "gcc is not installed") ??
  (groups.length > 0 ? undefined : "no control groups are mounted");
if (unable !== undefined) console.warn(`skipped: the agent in a cluster: ${unable}`);

type Pod = { readonly metadata: { readonly name: string; readonly uid: string } };
/** What a test asks of a pod. */
type Asked = {
  readonly annotations?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly image?: string;
};

describe.skipIf(unable !== undefined)("the agent in a cluster", () => {
  const folder = mkdtempSync(join(tmpdir(), "brazier-agent-cluster-"));
  const made: ContainerGroup[] = [];
  let api: ApiServerProcess;
  let server: Server;
  let agent: Agent;

  beforeAll(async () => {
    buildAgent();
    await Promise.all([build("hot"), build("scraped")]);
    [api, server] = await Promise.all([startApiServer(), startServer()]);
    create({ apiVersion: "v1", kind: "Node", metadata: { name: NODE } });
    api.kubectl(["create", "namespace", "shop"]);
    agent = await startAgent({ url: server.url, args: [...QUICK, "--kubeconfig", api.kubeconfig, "--node-name", NODE] });
  }, 290_000);

  afterAll(async () => {
    await agent?.stop();
    stopAll();
    await server?.stop();
    await api?.stop();
    await pause(200);
    for (const group of made) group.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  const build = (name: string): Promise<unknown> => {
    const sources = join(REPOSITORY, "test/agent/workloads");
    return name === "hot"
      ? promisify(execFile)("gcc", ["-O1", "-o", join(folder, name), join(sources, "hot.c")])
      : promisify(execFile)("go", ["build", "-o", join(folder, name), "."], { cwd: join(sources, name) });
  };
  const create = (object: object): void => void api.kubectl(["create", "-f", "-"], JSON.stringify(object));

  /** A Deployment of one pod, bound to the node as the scheduler would. */
  async function deploy(name: string, { annotations = {}, labels = {}, image = "registry.example/shop:1.4.2" }: Asked): Promise<Pod> {
    create({
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name, namespace: "shop" },
      spec: {
        selector: { matchLabels: { app: name } },
        template: {
          metadata: { labels: { app: name, ...labels }, annotations },
          spec: { containers: [{ name: "main", image, ports: [{ name: "pprof", containerPort: 6060 }] }] },
        },
      },
    });
    const pod = await eventually(`the pod of ${name}`, () => {
      const { items } = JSON.parse(api.kubectl(["-n", "shop", "get", "pods", "-l", `app=${name}`, "-o", "json"])) as {
        items: readonly Pod[];
      };
      return items[0];
    });
    const binding = { apiVersion: "v1", kind: "Binding", metadata: { name: pod.metadata.name }, target: { kind: "Node", name: NODE } };
    api.kubectl(["create", "--raw", `/api/v1/namespaces/shop/pods/${pod.metadata.name}/binding`, "-f", "-"], JSON.stringify(binding));
    return pod;
  }

  const containerOf = (pod: Pod): string => createHash("sha256").update(pod.metadata.uid).digest("hex");

  /** Starts a program as the pod's container. */
  function run(pod: Pod, hierarchy: Hierarchy, command: readonly string[]): void {
    const group = makeContainerGroup(hierarchy, pod.metadata.uid, containerOf(pod));
    made.push(group);
    start([...group.prefix, ...command]);
  }

  /** Writes what a kubelet writes once the container runs. */
  function report(pod: Pod): void {
    const startedAt = new Date().toISOString();
    const status = {
      phase: "Running",
      podIP: "127.0.0.1",
      podIPs: [{ ip: "127.0.0.1" }],
      startTime: startedAt,
      containerStatuses: [
        {
          name: "main",
          ready: true,
          started: true,
          restartCount: 0,
          image: "registry.example/shop:1.4.2",
          imageID: "",
          containerID: `containerd://${containerOf(pod)}`,
          state: { running: { startedAt } },
        },
      ],
    };
    api.kubectl([
      "-n",
      "shop",
      "patch",
      "pod",
      pod.metadata.name,
      "--subresource=status",
      "--type=merge",
      "-p",
      JSON.stringify({ status }),
    ]);
  }

  /** What the agent said is told with the failure. */
  function eventually<T>(what: string, look: () => T | undefined | Promise<T | undefined>): Promise<T> {
    return until(what, look, { withinMs: 90_000, everyMs: 300 }).catch((error: Error) => {
      throw new Error(`${error.message}\n${agent?.logs().slice(-4000)}`, { cause: error });
    });
  }

  const seriesWith = (selector: string, names: readonly string[] = []) =>
    eventually(`series ${selector}`, async () => (await seriesOf(server.url, selector, names))[0]);

  for (const hierarchy of groups) {
    it(`says whose a container is by control groups of version ${hierarchy.version}`, async () => {
      const name = `cart-v${hierarchy.version}`;
      const pod = await deploy(name, {});
      run(pod, hierarchy, [join(folder, "hot")]);
      report(pod);
      const series = await seriesWith(`{pod="${pod.metadata.name}",__profile_type__="${CPU}"}`);
      expect(series).toMatchObject({
        service_name: name,
        namespace: "shop",
        pod: pod.metadata.name,
        container: "main",
        workload_kind: "deployment",
        workload: name,
        node: NODE,
        version: "1.4.2",
      });
      const functions = weighFunctions(await flameGraphOf(server.url, CPU, `{service_name="${name}"}`));
      expect([...functions.keys()]).toContain("hot_c");
    });
  }

  it("finds the pod of a container that ran before its status was written", async () => {
    const pod = await deploy("late", { labels: { "app.kubernetes.io/name": "checkout", "app.kubernetes.io/version": "2026.11" } });
    run(pod, groups[0] as Hierarchy, [join(folder, "hot")]);
    const takenBefore = (await agent.metrics()).get("brazier_agent_samples_taken_total") ?? 0;
    await eventually("samples of two intervals", async () =>
      ((await agent.metrics()).get("brazier_agent_samples_taken_total") ?? 0) > takenBefore + 4 * 49 ? true : undefined,
    );
    report(pod);
    const series = await seriesWith(`{service_name="checkout",__profile_type__="${CPU}"}`);
    expect(series).toMatchObject({ pod: pod.metadata.name, container: "main", workload: "late", version: "2026.11" });
  });

  it("leaves out what asks to be left out", async () => {
    const left = await deploy("private", { annotations: { "profiling.brazier.dev/enabled": "false" } });
    run(left, groups[0] as Hierarchy, [join(folder, "hot")]);
    report(left);
    const beside = await deploy("public", {});
    run(beside, groups[0] as Hierarchy, [join(folder, "hot")]);
    report(beside);
    await seriesWith(`{pod="${beside.metadata.name}"}`);
    expect(await seriesOf(server.url, `{pod="${left.metadata.name}"}`)).toEqual([]);
  });

  it("scrapes a pod that asks for it: functions and allocations, with no library in the program", async () => {
    const [port] = (await freePorts(1)) as [number];
    const wanted = ["cpu", "memory", "goroutine"].flatMap((kind) => [
      [`profiles.grafana.com/${kind}.scrape`, "true"],
      [`profiles.grafana.com/${kind}.port`, String(port)],
    ]);
    const pod = await deploy("scraped", { annotations: Object.fromEntries(wanted) as Record<string, string> });
    run(pod, groups[0] as Hierarchy, [join(folder, "scraped"), `127.0.0.1:${port}`]);
    report(pod);
    const selector = '{service_name="scraped",source="scrape"}';
    const found = (type: string, hot: string) =>
      eventually(`${hot} in ${type}`, async () =>
        [...weighFunctions(await flameGraphOf(server.url, type, selector)).keys()].includes(hot) ? true : undefined,
      );
    await found(CPU, "main.hotScraped");
    await found("memory:alloc_space:bytes:space:bytes", "main.allocScraped");
    await found("goroutine:goroutine:count:goroutine:count", "main.main");
    expect(await profileTypesOf(server.url, "scraped")).toEqual(
      expect.arrayContaining(["memory:inuse_space:bytes:space:bytes", "memory:alloc_objects:count:space:bytes"]),
    );
    const series = await seriesWith(selector);
    expect(series).toMatchObject({ namespace: "shop", pod: pod.metadata.name, container: "main", node: NODE, version: "1.4.2" });
    // Growth between two scrapes, not since the start: a mebibyte for each millisecond and more that the program has run.
    const graph = await flameGraphOf(server.url, "memory:alloc_space:bytes:space:bytes", selector);
    const grown = weighFunctions(graph).get("main.allocScraped")?.flat ?? 0;
    const total = await allocatedSince(port);
    expect(grown).toBeLessThanOrEqual(total);
    expect(grown).toBeGreaterThan(0);
  });

  /** Bytes that the scraped program has allocated since its start, from its own profile. */
  async function allocatedSince(port: number): Promise<number> {
    const text = await (await fetch(`http://127.0.0.1:${port}/debug/pprof/allocs?debug=1`)).text();
    return Number(/TotalAlloc = (\d+)/.exec(text)?.[1]);
  }

  it("learns of new pods after the API server has been away", async () => {
    await api.restart();
    const pod = await deploy("after", {});
    run(pod, groups[0] as Hierarchy, [join(folder, "hot")]);
    report(pod);
    await seriesWith(`{pod="${pod.metadata.name}",workload="after"}`);
  });
});
