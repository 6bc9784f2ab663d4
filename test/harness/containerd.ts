import { execFile, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

/* containerd, the runtime below kubelets and docker, as a process of the tests' own: its state, its socket and its images are in a temporary folder. */

const run = promisify(execFile);
const READY_WITHIN_MS = 60_000;

/** Capabilities that the runtime grants unless they are taken away. */
const BY_DEFAULT = [
  ...["CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID"],
  ...["SETUID", "SETFCAP", "SETPCAP", "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE"],
].map((name) => `CAP_${name}`);

export type ContainerOptions = {
  readonly image: string;
  /** 64 hexadecimal digits, as kubelets and docker name containers. */
  readonly id: string;
  /** In place of the whole command of the image. */
  readonly command?: readonly string[];
  /** These and no others. */
  readonly capabilities?: readonly string[];
  readonly memoryMax?: number;
  /** In the PID namespace of the tests, which the machine's own is unless they run in a container. */
  readonly hostPid?: boolean;
  /** An empty folder to write into, in memory. */
  readonly scratch?: string;
  /** Paths of the machine, read-only under the same name. */
  readonly paths?: readonly string[];
};

export interface Containerd {
  /** Loads an image archive. */
  load(archive: string): Promise<void>;
  /** Starts a container with a read-only root in the machine's network. */
  start(options: ContainerOptions): Promise<Container>;
  /** Ends every container, and itself. */
  stop(): Promise<void>;
}

export interface Container {
  logs(): string;
  /** SIGTERM, then waits for the end; gives the exit code. */
  stop(): Promise<number>;
}

/** Why there can be no containerd here; undefined when there can. */
export function whyNoContainerd(): string | undefined {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return "only root on Linux may start containerd";
  const missing = ["containerd", "ctr", "runc"].find(
    (name) => !["/usr/bin", "/usr/sbin", "/usr/local/bin"].some((path) => existsSync(join(path, name))),
  );
  return missing === undefined ? undefined : `${missing} is not installed`;
}

export async function startContainerd(): Promise<Containerd> {
  const folder = await mkdtemp(join(tmpdir(), "brazier-containerd-"));
  const socket = join(folder, "containerd.sock");
  const config = join(folder, "config.toml");
  // The part for kubelets would look for a network, which nothing here has.
  await writeFile(config, 'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n');
  const args = ["--config", config, "--root", join(folder, "root"), "--state", join(folder, "state"), "--address", socket];
  const child = spawn("containerd", args, { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => {
    said = (said + chunk.toString("utf8")).slice(-4_000);
  });
  const ended = new Promise<void>((done) => {
    child.once("error", () => done());
    child.once("exit", () => done());
  });
  process.once("exit", () => child.kill("SIGTERM"));
  const ctr = async (...command: readonly string[]): Promise<string> => (await run("ctr", ["--address", socket, ...command])).stdout;
  const started: string[] = [];
  const stop = async (): Promise<void> => {
    for (const id of started) {
      await ctr("task", "delete", "--force", id).catch(() => {});
      await ctr("container", "delete", id).catch(() => {});
    }
    child.kill("SIGTERM");
    await ended;
    await rm(folder, { recursive: true, force: true });
  };

  for (const deadline = performance.now() + READY_WITHIN_MS; ; ) {
    if (
      await ctr("version").then(
        () => true,
        () => false,
      )
    )
      break;
    if (child.exitCode !== null || performance.now() > deadline) {
      await stop();
      throw new Error(`containerd did not come up:\n${said}`);
    }
    await new Promise((done) => setTimeout(done, 100));
  }
  return {
    load: async (archive) => void (await ctr("image", "import", archive)),
    start: async (options) => {
      const log = join(folder, `${options.id}.log`);
      await writeFile(log, "");
      started.push(options.id);
      await ctr(
        ...["run", "--detach", "--net-host", "--read-only", "--log-uri", `file://${log}`],
        ...BY_DEFAULT.flatMap((name) => ["--cap-drop", name]),
        ...(options.capabilities ?? []).flatMap((name) => ["--cap-add", name]),
        ...(options.memoryMax === undefined ? [] : ["--memory-limit", String(options.memoryMax)]),
        ...(options.hostPid === true ? ["--with-ns", `pid:/proc/${process.pid}/ns/pid`] : []),
        ...(options.paths ?? []).flatMap((path) => ["--mount", `type=bind,src=${path},dst=${path},options=rbind:ro`]),
        ...(options.scratch === undefined ? [] : ["--mount", `type=tmpfs,src=tmpfs,dst=${options.scratch},options=mode=1777`]),
        ...[options.image, options.id, ...(options.command ?? [])],
      );
      return {
        logs: () => readFileSync(log, "utf8"),
        stop: async () => {
          await ctr("task", "kill", "--signal", "SIGTERM", options.id);
          for (const deadline = performance.now() + 60_000; !/STOPPED/.test(await taskLine(options.id)); ) {
            if (performance.now() > deadline) throw new Error(`the container did not end\n${readFileSync(log, "utf8")}`);
            await new Promise((done) => setTimeout(done, 100));
          }
          // It ends with the code of what it deletes.
          return ctr("task", "delete", options.id).then(
            () => 0,
            (error: { readonly code?: number }) => error.code ?? -1,
          );
        },
      };
    },
    stop,
  };

  async function taskLine(id: string): Promise<string> {
    return (await ctr("task", "list")).split("\n").find((line) => line.startsWith(id)) ?? "";
  }
}
