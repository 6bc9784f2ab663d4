import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePorts } from "./free-port.ts";
import { type Exit, REPOSITORY } from "./server.ts";

/* The agent as a process of its own, against a server of the tests. */

export const AGENT_BINARY = join(REPOSITORY, "agent/bin/brazier-agent");

export type AgentOptions = {
  /** Where it pushes to. */
  readonly url: string;
  /** More flags, such as `--rate 97`. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Runs the agent through another program: `["setpriv", …]`, `["chroot", …]`. */
  readonly through?: readonly string[];
  /** Another path of the binary, where `through` changes the root. */
  readonly binary?: string;
  /** How long the profiler may take to load; it takes 2 to 7 seconds, more on a busy machine. */
  readonly readyWithinMs?: number;
};

export interface Agent {
  readonly pid: number;
  readonly url: string;
  readonly exited: Promise<Exit>;
  /** From the start of the process until it takes stacks. */
  readonly readyAfterMs: number;
  logs(): string;
  /** Samples of its `/metrics` by name with labels as they are printed. */
  metrics(): Promise<ReadonlyMap<string, number>>;
  /** SIGTERM, then waits for the end: what it has is sent. */
  stop(): Promise<Exit>;
  kill(): Promise<Exit>;
}

/** Starts the agent and waits until it takes stacks. Throws with its log when it does not. */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const [port] = (await freePorts(1)) as [number];
  const [program, ...args] = [
    ...(options.through ?? []),
    options.binary ?? AGENT_BINARY,
    "--url",
    options.url,
    "--http-address",
    `127.0.0.1:${port}`,
    ...(options.args ?? []),
  ] as [string, ...string[]];
  const work = await mkdtemp(join(tmpdir(), "brazier-agent-"));
  const startedMs = performance.now();
  const child = spawn(program, args, { cwd: work, env: { ...process.env, ...options.env }, stdio: ["ignore", "pipe", "pipe"] });
  live.add(child);
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk));
  const logs = (): string => Buffer.concat(chunks).toString("utf8");
  let exit: Exit | undefined;
  const exited = new Promise<Exit>((done) => {
    child.once("error", (error) => {
      chunks.push(Buffer.from(error.message));
      done({ code: null, signal: null });
    });
    child.once("exit", (code, signal) => done({ code, signal }));
  }).then(async (value) => {
    exit = value;
    live.delete(child);
    await rm(work, { recursive: true, force: true });
    return value;
  });

  const url = `http://127.0.0.1:${port}`;
  const deadline = startedMs + (options.readyWithinMs ?? 90_000);
  for (;;) {
    if (exit !== undefined) throw new Error(`the agent ended before it was ready (${JSON.stringify(exit)})\n${logs()}`);
    const status = await statusOf(`${url}/ready`);
    if (status === 200) break;
    if (performance.now() > deadline) {
      child.kill("SIGKILL");
      await exited;
      throw new Error(`the agent was not ready in time\n${logs()}`);
    }
    await new Promise((done) => setTimeout(done, 50));
  }
  const end = (signal: NodeJS.Signals): Promise<Exit> => {
    child.kill(signal);
    return exited;
  };
  return {
    pid: child.pid as number,
    url,
    exited,
    readyAfterMs: performance.now() - startedMs,
    logs,
    metrics: async () => parseMetrics(await (await fetch(`${url}/metrics`)).text()),
    stop: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
  };
}

const live = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of live) child.kill("SIGKILL");
});

async function statusOf(url: string): Promise<number | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
    await response.arrayBuffer();
    return response.status;
  } catch {
    return undefined;
  }
}

function parseMetrics(text: string): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const line of text.split("\n")) {
    const at = line.lastIndexOf(" ");
    if (line.startsWith("#") || at < 0) continue;
    found.set(line.slice(0, at), Number(line.slice(at + 1)));
  }
  return found;
}
