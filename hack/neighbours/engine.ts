import { execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** A container engine that answers. */
export interface Engine {
  /** For DOCKER_HOST. */
  readonly host: string;
  /** Makes an image out of one static program, and nothing else: nothing is pulled. */
  imageOf(name: string, program: string): Promise<void>;
  /** Ends an engine of our own with all of its containers; one that was there before goes on. */
  stop(): Promise<void>;
}

const READY_WITHIN_MS = 90_000;
const ASK_EVERY_MS = 250;
const STOP_WITHIN_MS = 30_000;

/** Why no engine can be had on this machine; undefined when one can. */
export function whyNoEngine(): string | undefined {
  if (existsSync("/var/run/docker.sock") || process.env["DOCKER_HOST"] !== undefined) return undefined;
  if (process.platform !== "linux") return "an engine of our own needs Linux";
  if (process.getuid?.() !== 0) return "only root may start an engine";
  return dockerd() === undefined ? "docker.io is not installed" : undefined;
}

/**
 * The engine of this machine, else one of our own that nobody else sees: its data, its socket and its pid are in a temporary folder.
 * Throws when it does not come up, with what it said.
 */
export async function startEngine(): Promise<Engine> {
  for (const host of [process.env["DOCKER_HOST"], "unix:///var/run/docker.sock"]) {
    if (host !== undefined && (await answers(host)))
      return { host, imageOf: (name, program) => imageOf(host, name, program), stop: async () => {} };
  }
  const program = dockerd();
  if (program === undefined) throw new Error(`no container engine: ${whyNoEngine() ?? "none answers"}`);
  const folder = await mkdtemp(join(tmpdir(), "brazier-engine-"));
  const [socket, pidFile] = [join(folder, "docker.sock"), join(folder, "dockerd.pid")];
  const host = `unix://${socket}`;
  const args = ["--data-root", join(folder, "data"), "--exec-root", join(folder, "exec"), "-H", host, "--pidfile", pidFile];
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => {
    said = (said + chunk.toString("utf8")).slice(-4_000);
  });
  let hasEnded = false;
  const ended = new Promise<void>((done) => {
    const end = (): void => {
      hasEnded = true;
      done();
    };
    child.once("error", end);
    child.once("exit", end);
  });
  const stop = async (): Promise<void> => {
    if (!hasEnded) {
      process.kill(Number(await readFile(pidFile, "utf8").catch(() => String(child.pid))), "SIGTERM");
      await Promise.race([ended, new Promise((done) => setTimeout(done, STOP_WITHIN_MS))]);
      if (!hasEnded) child.kill("SIGKILL");
      await ended;
    }
    await rm(folder, { recursive: true, force: true });
  };
  process.once("exit", () => child.kill("SIGTERM"));
  for (const deadline = performance.now() + READY_WITHIN_MS; !hasEnded && performance.now() < deadline; ) {
    if (await answers(host)) return { host, imageOf: (name, file) => imageOf(host, name, file), stop };
    await new Promise((done) => setTimeout(done, ASK_EVERY_MS));
  }
  await stop();
  throw new Error(`the container engine did not come up:\n${said}`);
}

function dockerd(): string | undefined {
  return ["/usr/sbin/dockerd", "/usr/bin/dockerd", "/usr/local/bin/dockerd"].find(existsSync);
}

async function answers(host: string): Promise<boolean> {
  return run("docker", ["-H", host, "version"], { timeout: 5_000 }).then(
    () => true,
    () => false,
  );
}

async function imageOf(host: string, name: string, program: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "brazier-image-"));
  try {
    // An archive with the program at its root is all that an image from nothing is.
    const tar = join(folder, "image.tar");
    const parts = program.split("/");
    await run("tar", ["-cf", tar, "-C", parts.slice(0, -1).join("/") || "/", parts.at(-1)!]);
    await run("docker", ["-H", host, "import", "--change", `ENTRYPOINT ["/${parts.at(-1)}"]`, tar, name]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
