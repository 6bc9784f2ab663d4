import { execFile, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { KUBERNETES_BIN } from "./api-server.ts";
import { freePorts } from "./free-port.ts";
import { REPOSITORY } from "./server.ts";

/*
 * A real Kubernetes of one node: kubelet, containerd and kube-proxy in network and mount namespaces of their own, from the scripts of
 * hack/cluster. DNS and metrics included; nothing is reachable from it but itself.
 */

const run = promisify(execFile);
const CGROUPS = "/sys/fs/cgroup";
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;
const UP_WITHIN_MS = 240_000;
const NEEDS = [
  "containerd",
  "runc",
  "socat",
  "iptables",
  "nft",
  "conntrack",
  "busybox",
  "gcc",
  "openssl",
  "curl",
  "jq",
  "bc",
  "ip",
  "unshare",
  "nsenter",
];

/** Why there can be no node here; undefined when there can. */
export function whyNoNode(): string | undefined {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return "a node needs root on Linux";
  const folders = ["/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/bin"];
  const missing = NEEDS.filter((program) => !folders.some((folder) => existsSync(join(folder, program))));
  if (missing.length > 0) return `not installed: ${missing.join(", ")}`;
  if (!existsSync("/usr/lib/cni/bridge")) return "not installed: containernetworking-plugins";
  if (!existsSync(join(CGROUPS, "memory"))) return "the node's scripts need control groups of version 1 beside those of version 2";
  const unbuilt = ["kubetest", "addons"].filter((name) => !existsSync(join(KUBERNETES_BIN, name)));
  return unbuilt.length === 0 ? undefined : `${unbuilt.join(" and ")} not built: run hack/cluster/build.sh addons`;
}

export interface ClusterNode {
  readonly kubeconfig: string;
  /** An empty folder on the node's disk. */
  readonly disk: string;
  kubectl(args: readonly string[], input?: string): Promise<string>;
  /** Runs a command inside the node's network, where addresses of pods and services are reached. */
  inside(command: readonly string[], input?: string): Promise<string>;
  loadImage(archive: string): Promise<void>;
  /** What is worth reading after a failure: objects, events, and the last lines of every container. */
  report(): Promise<string>;
  stop(): Promise<void>;
}

export async function startNode(): Promise<ClusterNode> {
  const folder = await mkdtemp(join(tmpdir(), "brazier-node-"));
  const state = join(folder, "state");
  const scripts = join(folder, "scripts");
  const node = join(scripts, "node.sh");
  for (const name of ["scripts", "manifests"]) await cp(join(REPOSITORY, "hack/cluster", name), join(folder, name), { recursive: true });
  await symlink(KUBERNETES_BIN, join(folder, "bin"));
  await mkdir(join(folder, "images"));
  const [relay] = (await freePorts(1)) as [number];
  const env = { ...process.env, RELAY_PORT: String(relay), PATH: `${process.env["PATH"]}:/usr/sbin:/sbin` };
  const options = { env, maxBuffer: OUTPUT_BYTES_MAX };
  const stop = async (): Promise<void> => {
    await run("bash", [node, "down", state], options).catch(() => {});
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await run("bash", [join(scripts, "images.sh"), join(folder, "images")], options);
    await run("bash", [node, "up", state], { ...options, timeout: UP_WITHIN_MS });
    const kubeconfig = join(state, "relay.kubeconfig");
    await writeFile(kubeconfig, (await readFile(join(state, "pki/admin.kubeconfig"), "utf8")).replaceAll(":6443", `:${relay}`), {
      mode: 0o600,
    });
    const group = readFileSync(join(state, "cgroup"), "utf8").trim();
    const hierarchies = (await readdir(CGROUPS)).map((name) => join(CGROUPS, name, group, "node")).filter((path) => existsSync(path));
    // What runs inside belongs to the node's control groups, so that it ends with the node.
    const enter = hierarchies.map((path) => `echo $$ > ${path}/cgroup.procs`).join("; ");
    const inside = (command: readonly string[], input?: string): Promise<string> =>
      withInput("bash", ["-c", `${enter}; exec bash "${node}" exec "${state}" "$@"`, "bash", ...command], input, env);
    const kubectl = (args: readonly string[], input?: string): Promise<string> =>
      withInput(join(KUBERNETES_BIN, "kubectl"), [`--kubeconfig=${kubeconfig}`, ...args], input, env);
    await inside(["bash", join(scripts, "addons.sh"), state]);
    const disk = join(folder, "disk");
    await mkdir(disk);
    return {
      kubeconfig,
      disk,
      kubectl,
      inside,
      loadImage: async (archive) => void (await inside(["ctr", "-n", "k8s.io", "images", "import", archive])),
      report: () => report(kubectl),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function withInput(program: string, args: readonly string[], input: string | undefined, env: NodeJS.ProcessEnv): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env, stdio: ["pipe", "pipe", "pipe"] });
    const [out, err]: [Buffer[], Buffer[]] = [[], []];
    child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
    child.once("error", reject);
    // Not "close": what was started in the background keeps the pipes.
    child.once("exit", (code) => {
      setImmediate(() => {
        const text = Buffer.concat(out).toString("utf8");
        if (code === 0) return resolve(text);
        reject(
          new Error(
            `${program} ${args.slice(-4).join(" ")} ended with ${code}\n${text.slice(-2000)}${Buffer.concat(err).toString("utf8").slice(-4000)}`,
          ),
        );
      });
    });
    child.stdin.on("error", () => {});
    child.stdin.end(input ?? "");
  });
}

async function report(kubectl: ClusterNode["kubectl"]): Promise<string> {
  const parts: string[] = [];
  const add = async (...args: readonly string[]): Promise<string> => {
    const text = await kubectl(args).catch((error: Error) => error.message);
    parts.push(`$ kubectl ${args.join(" ")}\n${text}`);
    return text;
  };
  await add("get", "pods,pvc,pv,pstack", "-A", "-o", "wide");
  await add("get", "pstack", "-A", "-o", "yaml");
  await add("get", "events", "-A", "--sort-by=.lastTimestamp");
  const pods = await kubectl([
    "get",
    "pods",
    "-A",
    "-o",
    "jsonpath={range .items[*]}{.metadata.namespace} {.metadata.name}{'\\n'}{end}",
  ]).catch(() => "");
  for (const line of pods.trim().split("\n")) {
    const [namespace, name] = line.split(" ");
    if (namespace !== undefined && name !== undefined) await add("-n", namespace, "logs", name, "--all-containers", "--tail=40");
  }
  return parts.join("\n");
}
