import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { cp, mkdir, mkdtemp, readFile, symlink, writeFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { KUBERNETES_BIN } from "./api-server.ts";
import { freePorts } from "./free-port.ts";
import { REPOSITORY } from "./server.ts";
import { until } from "./until.ts";

/*
 * A real Kubernetes of one node: kubelet, containerd and kube-proxy in network and mount namespaces of their own, from the scripts of
 * hack/cluster. DNS and metrics included; nothing is reachable from it but itself.
 */

const run = promisify(execFile);
const CGROUPS = "/sys/fs/cgroup";
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;
const UP_WITHIN_MS = 240_000;

export interface ClusterNode {
  readonly kubeconfig: string;
  /** Where the node keeps its files. */
  readonly folder: string;
  /** An empty folder on the node's disk. */
  readonly disk: string;
  kubectl(args: readonly string[], input?: string): Promise<string>;
  /** Runs a command inside the node's network, where addresses of pods and services are reached. */
  inside(command: readonly string[], input?: string): Promise<string>;
  /** A URL of this machine that leads to an address (host:port) inside the node's network. */
  reach(address: string): Promise<string>;
  loadImage(archive: string): Promise<void>;
}

/** The node ends with the process that started it, however that ends. */
export async function startNode(): Promise<ClusterNode & { stop(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), "brazier-node-"));
  const { scripts, state, node } = placesOf(folder);
  for (const name of ["scripts", "manifests"]) await cp(join(REPOSITORY, "hack/cluster", name), join(folder, name), { recursive: true });
  await symlink(KUBERNETES_BIN, join(folder, "bin"));
  await mkdir(join(folder, "images"));
  const [relay] = (await freePorts(1)) as [number];
  const env = { ...environment(), RELAY_PORT: String(relay) };
  const options = { env, maxBuffer: OUTPUT_BYTES_MAX };
  const guard = guardOf(folder);
  try {
    await run("bash", [join(scripts, "images.sh"), join(folder, "images")], options);
    await run("bash", [node, "up", state], { ...options, timeout: UP_WITHIN_MS });
    const admin = await readFile(join(state, "pki/admin.kubeconfig"), "utf8");
    await writeFile(kubeconfigOf(folder), admin.replaceAll(":6443", `:${relay}`), { mode: 0o600 });
    const attached = attachNode(folder);
    await attached.inside(["bash", join(scripts, "addons.sh"), state]);
    await mkdir(attached.disk);
    return { ...attached, stop: () => release(guard) };
  } catch (error) {
    await release(guard);
    throw error;
  }
}

/** A node that another process has started. */
export function attachNode(folder: string): ClusterNode {
  const { state, node } = placesOf(folder);
  const env = environment();
  const kubeconfig = kubeconfigOf(folder);
  const group = readFileSync(join(state, "cgroup"), "utf8").trim();
  const hierarchies = readdirSync(CGROUPS)
    .map((name) => join(CGROUPS, name, group, "node"))
    .filter((path) => existsSync(path));
  // What is started for the node belongs to its control groups, so that it ends with the node.
  const enter = hierarchies.map((path) => `echo $$ > ${path}/cgroup.procs`).join("; ");
  const inside = (command: readonly string[], input?: string): Promise<string> =>
    withInput("bash", ["-c", `${enter}; exec bash "${node}" exec "${state}" "$@"`, "bash", ...command], input, env);
  const reach = async (address: string): Promise<string> => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    // Sockets of the file system are the same in every network.
    const socket = join(state, `relay-${port}.sock`);
    await inside(["bash", "-c", `setsid socat UNIX-LISTEN:${socket},fork,mode=600 TCP:${address} > /dev/null 2>&1 < /dev/null &`]);
    await until(`a relay to ${address}`, () => existsSync(socket), { withinMs: 10_000 });
    server.on("connection", (client) => {
      const server = connect(socket);
      for (const [one, other] of [
        [client, server],
        [server, client],
      ] as const) {
        one.pipe(other);
        one.on("error", () => other.destroy());
        one.on("close", () => other.destroy());
      }
    });
    server.unref();
    return `http://127.0.0.1:${port}`;
  };
  return {
    kubeconfig,
    folder,
    disk: join(folder, "disk"),
    kubectl: (args, input) => withInput(join(KUBERNETES_BIN, "kubectl"), [`--kubeconfig=${kubeconfig}`, ...args], input, env),
    inside,
    reach,
    loadImage: async (archive) => void (await inside(["ctr", "-n", "k8s.io", "images", "import", archive])),
  };
}

/** Logs of the node's own processes, by name. */
export function nodeLogs(folder: string): ReadonlyMap<string, string> {
  const { state } = placesOf(folder);
  const paths = [join(state, "node.log"), ...readdirSync(join(state, "log")).map((name) => join(state, "log", name))];
  return new Map(paths.filter(existsSync).map((path) => [path.split("/").at(-1)!, readFileSync(path, "utf8")]));
}

function placesOf(folder: string): { readonly state: string; readonly scripts: string; readonly node: string } {
  const scripts = join(folder, "scripts");
  return { state: join(folder, "state"), scripts, node: join(scripts, "node.sh") };
}

function kubeconfigOf(folder: string): string {
  return join(placesOf(folder).state, "relay.kubeconfig");
}

function environment(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${process.env["PATH"]}:/usr/sbin:/sbin` };
}

/** Waits for the end of its input, which comes with {@link release} or with the end of this process, and takes the node down. */
function guardOf(folder: string): ChildProcess {
  const { state, node } = placesOf(folder);
  const script = 'cat > /dev/null; bash "$1" down "$2"; rm -rf "$3"';
  return spawn("bash", ["-c", script, "bash", node, state, folder], {
    env: environment(),
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
}

async function release(guard: ChildProcess): Promise<void> {
  const ended = new Promise<void>((resolve) => guard.once("exit", () => resolve()));
  guard.stdin?.end();
  await ended;
}

function withInput(program: string, args: readonly string[], input: string | undefined, env: NodeJS.ProcessEnv): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env, stdio: ["pipe", "pipe", "pipe"] });
    const [out, err]: [Buffer[], Buffer[]] = [[], []];
    child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
    child.once("error", reject);
    child.once("close", (code) => {
      const text = Buffer.concat(out).toString("utf8");
      if (code === 0) return resolve(text);
      const said = `${text.slice(-2000)}${Buffer.concat(err).toString("utf8").slice(-4000)}`;
      reject(new Error(`${program} ${args.slice(-4).join(" ")} ended with ${code}\n${said}`));
    });
    child.stdin.on("error", () => {});
    child.stdin.end(input ?? "");
  });
}
