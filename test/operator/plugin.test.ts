import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { networkInterfaces, tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { Readable } from "node:stream";
import { gunzipSync } from "node:zlib";
import { extract } from "tar-stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AGENT_PORT } from "../../operator/desired/names.ts";
import { type ApiServerProcess, KUBERNETES_BIN, startApiServer, whyNoApiServer } from "../harness/api-server.ts";
import { type OperatorProcess, startOperator } from "../harness/operator.ts";
import { REPOSITORY } from "../harness/server.ts";
import { serviceAccount } from "../harness/service-account.ts";
import { until } from "../harness/until.ts";

/*
 * Goal: `kubectl brazier …` tells how a stack is, pauses it and reports on it, and every fault names itself and its remedy.
 * Method: real kubectl finds the plugin on the PATH; a real API server and the operator. Nodes are objects alone; the page of one agent is served
 * here, where the API server reaches it as it reaches a pod. What `top` shows needs a node: the end-to-end tests have it.
 */

const reason = whyNoApiServer();
if (reason !== undefined) console.log(`kubectl plugin: ${reason}`);

type Ended = { readonly code: number; readonly out: string; readonly err: string };

/** API servers reach no pod on a loopback address. */
const ADDRESS = Object.values(networkInterfaces())
  .flat()
  .find((one) => one !== undefined && one.family === "IPv4" && !one.internal && !one.address.startsWith("169.254."))?.address;
const PAGE =
  'brazier_agent_info{collector="ebpf",version="9.8.7"} 1\nbrazier_agent_rate_hertz 19\nbrazier_agent_samples_taken_total 4711\n';
const SECRET_KEY = "a-secret-access-key-that-nobody-may-see";
const VARIABLE = "a-variable-that-nobody-may-see";
const HEADERS = "authorization-that-nobody-may-see";

describe.skipIf(reason !== undefined)("kubectl brazier", () => {
  let api: ApiServerProcess;
  let operator: OperatorProcess | undefined;
  let page: Server | undefined;
  const folder = mkdtempSync(join(tmpdir(), "brazier-plugin-"));

  beforeAll(async () => {
    api = await startApiServer();
  });
  afterAll(async () => {
    page?.close();
    page?.closeAllConnections();
    await operator?.stop();
    await api?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const plugin = (args: readonly string[], kubeconfig = api.kubeconfig): Promise<Ended> =>
    new Promise((resolve) => {
      const env = { ...process.env, KUBECONFIG: kubeconfig, PATH: [join(REPOSITORY, "bin"), process.env["PATH"]].join(delimiter) };
      execFile(join(KUBERNETES_BIN, "kubectl"), ["brazier", ...args], { env, cwd: folder }, (error, out, err) =>
        resolve({ code: error === null ? 0 : Number(error.code), out, err }),
      );
    });
  const apply = (object: object): string => api.kubectl(["apply", "--server-side", "-f", "-"], JSON.stringify(object));
  const stack = (name: string, spec: object = {}) => ({
    apiVersion: "profiling.brazier.dev/v1alpha1",
    kind: "ProfilingStack",
    metadata: { name, namespace: "shop" },
    spec: { storage: { s3: { bucket: "profiles", endpoint: "http://s3:9000", credentialsSecret: { name: "s3" } } }, ...spec },
  });
  const eventuallySays = (args: readonly string[], text: string): Promise<Ended> =>
    until(
      `${args.join(" ")} to say ${text}`,
      async () => {
        const ended = await plugin(args);
        return ended.out.includes(text) && ended;
      },
      { everyMs: 500 },
    );

  it("says how to go on where there is no cluster, no kind and no stack", async () => {
    expect(await plugin(["status"], join(folder, "absent"))).toMatchObject({ code: 1, err: expect.stringContaining("--kubeconfig") });
    expect((await plugin(["status", "--context", "moon"])).err).toContain("has no context moon; it has");
    expect((await plugin(["status"])).err).toContain("install the operator");
    api.kubectl(["apply", "--server-side", "-f", join(REPOSITORY, "crds")]);
    api.kubectl(["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]);
    expect((await plugin(["status"])).err).toContain("namespace default has no ProfilingStack: apply one");
  });

  it("asks which stack is meant where there are several, and says where one is", async () => {
    api.kubectl(["create", "namespace", "shop"]);
    apply(stack("main"));
    apply(stack("other"));
    expect((await plugin(["status", "-n", "shop"])).err).toContain("name one of main, other");
    expect((await plugin(["status", "-n", "shop", "third"])).err).toContain("there is shop/main, shop/other");
    expect((await plugin(["agents"])).err).toContain("say which with its name and --namespace");
    api.kubectl(["-n", "shop", "delete", "pstack", "other"]);
  });

  it("shows what is wrong with a stack and what to do, and ends with 2", async () => {
    expect(await plugin(["status", "-n", "shop"])).toMatchObject({
      code: 2,
      out: expect.stringContaining("see whether the operator runs"),
    });
    operator = await startOperator(api.kubeconfig);
    const refused = await eventuallySays(["status", "-n", "shop"], "degraded: spec.storage.s3.credentialsSecret: there is no Secret s3");
    expect(refused.code).toBe(2);
    const json = JSON.parse((await plugin(["status", "-n", "shop", "-o", "json"])).out) as object;
    expect(json).toMatchObject({ namespace: "shop", name: "main", verdict: "degraded" });
    api.kubectl(
      ["-n", "shop", "create", "secret", "generic", "s3", "--from-literal=access_key_id=an-access-key-id"].concat(
        `--from-literal=secret_access_key=${SECRET_KEY}`,
      ),
    );
    const waiting = await eventuallySays(["status", "-n", "shop"], "waiting for pods: nats 0/1");
    expect(waiting.out).toMatch(/query +0\/1 +\d\/1 +\d+\.\d+\.\d+/);
    expect((await plugin(["top", "-n", "shop"])).err).toContain("no querier of shop/main is ready");
  });

  it("names the right that somebody lacks", async () => {
    const account = (name: string, rules: object[]): string =>
      serviceAccount(api, { namespace: "people", name, clusterRules: rules as never, namespaceRules: [] });
    const nobody = account("nobody", []);
    expect(await plugin(["status", "-n", "shop"], nobody)).toMatchObject({
      code: 1,
      err: expect.stringContaining("you may not list profilingstacks.profiling.brazier.dev in namespace shop"),
    });
    const viewer = account("viewer", [
      { apiGroups: ["profiling.brazier.dev"], resources: ["profilingstacks"], verbs: ["get", "list"] },
      { apiGroups: [""], resources: ["events"], verbs: ["list"] },
    ]);
    const seen = await plugin(["status", "-n", "shop"], viewer);
    expect(seen.out).toContain("what waits is not known: you may not list pods in namespace shop");
    expect((await plugin(["pause", "-n", "shop"], viewer)).err).toContain("you may not patch profilingstacks.profiling.brazier.dev");
  });

  it("pauses a stack and lets it go on, and leaves the field to whoever writes the stack's file", async () => {
    const spec = (): { paused: boolean } => JSON.parse(api.kubectl(["-n", "shop", "get", "pstack", "main", "-o", "json"])).spec;
    expect(await plugin(["pause", "-n", "shop"])).toMatchObject({ code: 0, out: expect.stringContaining("shop/main is paused") });
    expect(spec().paused).toBe(true);
    const paused = await eventuallySays(["status", "-n", "shop"], "shop/main: paused");
    expect(paused.out).toContain("kubectl brazier pause main -n shop --resume");
    expect((await plugin(["pause", "-n", "shop", "main", "--resume"])).out).toContain("shop/main goes on");
    expect(spec().paused).toBe(false);
    // No conflict with a manager that is no longer there.
    apply(stack("main", { paused: true }));
    apply(stack("main", { paused: false }));
  });

  it("shows the agent of every node, and why a node has none", async () => {
    const node = (name: string, taints: readonly object[] = []) => ({
      apiVersion: "v1",
      kind: "Node",
      metadata: { name, labels: { "kubernetes.io/os": "linux" } },
      spec: { taints },
    });
    apply(node("node-a"));
    apply(node("node-b", [{ key: "gpu", value: "yes", effect: "NoSchedule" }]));
    // The nodes' controller adds a taint of its own that DaemonSets put up with.
    const pods = (): readonly { metadata: { name: string } }[] =>
      JSON.parse(api.kubectl(["-n", "shop", "get", "pods", "-l", "app.kubernetes.io/component=agent", "-o", "json"])).items;
    await until("the agent's pod", () => pods().length > 0, { everyMs: 500 });
    apply(stack("main", { agent: { tolerations: [] } }));
    const name = await until("one pod for one node", () => pods().length === 1 && pods()[0]?.metadata.name, { everyMs: 500 });
    const waiting = await plugin(["agents", "-n", "shop"]);
    expect(waiting.code).toBe(2);
    expect(waiting.out).toMatch(/^node-a +not ready/m);
    expect(waiting.out).toMatch(/^node-b +none .*gpu=yes:NoSchedule is not among spec\.agent\.tolerations/m);
    expect(waiting.out).toContain("0 of 2 nodes have a running agent");
    if (ADDRESS === undefined) return console.log("kubectl plugin: no address but loopback, so no page of an agent");
    page = await servePage(ADDRESS);
    const binding = { apiVersion: "v1", kind: "Binding", metadata: { name }, target: { apiVersion: "v1", kind: "Node", name: "node-a" } };
    api.kubectl(["create", "--raw", `/api/v1/namespaces/shop/pods/${name}/binding`, "-f", "-"], JSON.stringify(binding));
    const status = { phase: "Running", podIP: ADDRESS, podIPs: [{ ip: ADDRESS }], conditions: [{ type: "Ready", status: "True" }] };
    api.kubectl(["-n", "shop", "patch", "pod", name, "--subresource=status", "--type=merge", "-p", JSON.stringify({ status })]);
    const running = await plugin(["agents", "-n", "shop"]);
    expect(running.out).toMatch(/^node-a +running +9\.8\.7 +ebpf +19 +4711 /m);
    const [first] = JSON.parse((await plugin(["agents", "-n", "shop", "-o", "json"])).out) as readonly object[];
    expect(first).toMatchObject({ node: "node-a", running: true, samples: 4711 });
  });

  it("writes a report without a value of any Secret", async () => {
    apply(
      stack("main", {
        query: { extraEnv: [{ name: "OWN", value: VARIABLE }] },
        config: { "tracing.headers": HEADERS, "query.timeout": "31s" },
      }),
    );
    await until("the setting to be there", () =>
      api.kubectl(["-n", "shop", "get", "configmap", "main-settings", "-o", "yaml"]).includes(HEADERS),
    );
    await until("the variable to be there", () =>
      api.kubectl(["-n", "shop", "get", "deployment", "main-query", "-o", "yaml"]).includes(VARIABLE),
    );
    const ended = await plugin(["report", "-n", "shop", "--file", "report.tar.gz"]);
    expect(ended).toMatchObject({ code: 0, out: expect.stringContaining("report.tar.gz") });
    const files = await untar(join(folder, "report.tar.gz"));
    const names = [...files.keys()].map((name) => name.replace(/^[^/]+\//, ""));
    expect(names).toEqual(
      expect.arrayContaining([
        "report.txt",
        "stack.yaml",
        "status.txt",
        "agents.txt",
        "events.yaml",
        "cluster/version.json",
        "cluster/nodes.yaml",
        "objects/deployments/main-query.yaml",
        "objects/configmaps/main-settings.yaml",
        "objects/clusterrolebindings/brazier-agent_shop_main.yaml",
      ]),
    );
    expect(names.some((name) => /^pods\/main-query-[^/]+\/pod\.yaml$/.test(name))).toBe(true);
    expect(names.filter((name) => name.includes("secrets"))).toEqual([]);
    const all = [...files.values()].join("\n");
    expect(all).toContain("31s");
    const secrets = JSON.parse(api.kubectl(["-n", "shop", "get", "secrets", "-o", "json"])) as {
      items: { data?: Record<string, string> }[];
    };
    const values = secrets.items
      .flatMap(({ data = {} }) => Object.values(data))
      .flatMap((encoded) => [encoded, Buffer.from(encoded, "base64").toString("utf8")])
      // The user of the stack's NATS is called like the program.
      .filter((value) => !["brazier", "YnJhemllcg=="].includes(value));
    expect(values.length).toBeGreaterThan(6);
    for (const value of [...values, VARIABLE, HEADERS]) expect(all.includes(value), value.slice(0, 12)).toBe(false);
    // It is not overwritten either.
    expect((await plugin(["report", "-n", "shop", "--file", "report.tar.gz"])).err).toContain("name another file with --file");
  });
});

async function servePage(address: string): Promise<Server> {
  const server = createServer((request, response) => response.writeHead(request.url === "/metrics" ? 200 : 404).end(PAGE));
  // Somebody else's agent may have the port for a moment.
  await until("the agent's port to be free", () => {
    const { promise, resolve, reject } = Promise.withResolvers<true>();
    server.once("error", reject);
    server.listen(AGENT_PORT, address, () => resolve(true));
    return promise;
  });
  return server;
}

async function untar(path: string): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>();
  const reader = extract();
  Readable.from([gunzipSync(readFileSync(path))]).pipe(reader);
  for await (const entry of reader) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(chunk as Buffer);
    files.set(entry.header.name, Buffer.concat(chunks).toString("utf8"));
  }
  return files;
}
