import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { freePorts } from "./free-port.ts";

/*
 * The real program in a process of its own: what the tests of whole behaviour talk to. Never in this process, because they
 * kill it, fill its disk and measure its memory.
 */

export const REPOSITORY = resolve(dirname(fileURLToPath(import.meta.url)), "../..");

export type ServerOptions = {
  /** A folder to keep; without one, a temporary folder that goes away with {@link Server.stop}. */
  readonly dataDir?: string;
  /** Config keys beside ports and data folder, as in the YAML file: `{ auth: { mode: "header" } }`. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly selfProfile?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  /** How long `/ready` may take. */
  readonly readyWithinMs?: number;
};

export type Exit = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

export interface Server {
  readonly url: string;
  readonly port: number;
  readonly otlpGrpcPort: number;
  readonly otlpHttpPort: number;
  readonly pid: number;
  readonly dataDir: string;
  /** From the start of the process to the first 200 of `/ready`. */
  readonly readyAfterMs: number;
  readonly exited: Promise<Exit>;
  /** Everything the process has printed so far, both streams. */
  logs(): string;
  /** SIGTERM, then waits for the end; removes a temporary data folder. */
  stop(): Promise<Exit>;
  /** SIGKILL: the crash. The data folder stays, so that it can be opened again. */
  kill(): Promise<Exit>;
  /** Removes the data folder; the process has ended before. */
  removeData(): Promise<void>;
}

/** The server did not become ready: `exit` says how it ended, `logs` what it said. */
export class ServerStartError extends Error {
  readonly exit: Exit | undefined;
  readonly logs: string;
  constructor(message: string, exit: Exit | undefined, logs: string) {
    super(`${message}\n${logs}`);
    this.exit = exit;
    this.logs = logs;
  }
}

/**
 * Starts `bin/brazier serve` on free loopback ports and waits until it takes writes.
 *
 * Errors: {@link ServerStartError} when it ends or stays silent; an "address in use" is tried again with other ports.
 */
export async function startServer(options: ServerOptions = {}): Promise<Server> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await startOnce(options);
    } catch (error) {
      if (attempt < 3 && error instanceof ServerStartError && /EADDRINUSE|address in use|already in use/i.test(error.logs)) continue;
      throw error;
    }
  }
}

async function startOnce(options: ServerOptions): Promise<Server> {
  const [port, otlpGrpcPort, otlpHttpPort] = (await freePorts(3)) as [number, number, number];
  const work = await mkdtemp(join(tmpdir(), "brazier-test-"));
  const dataDir = options.dataDir ?? join(work, "data");
  const configFile = join(work, "config.yaml");
  // JSON is YAML; ports go through the file so that the flags stay free for the tests of flags.
  const config = { ...options.config, otlp: { grpc_port: otlpGrpcPort, http_port: otlpHttpPort, ...(options.config?.["otlp"] as object) } };
  await writeFile(configFile, JSON.stringify(config, null, 2));

  const args = ["serve", "--data", dataDir, "--port", String(port), "--config", configFile];
  if (options.selfProfile !== true) args.push("--no-self-profile");
  const startedMs = performance.now();
  const child = spawn(join(REPOSITORY, "bin/brazier"), args, {
    cwd: work,
    env: { ...process.env, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const logs = collect(child);
  const exited = new Promise<Exit>((done) => {
    child.once("error", () => done({ code: null, signal: null }));
    child.once("exit", (code, signal) => done({ code, signal }));
  });
  liveProcesses.add(child);
  void exited.then(() => liveProcesses.delete(child));

  const url = `http://127.0.0.1:${port}`;
  await waitUntilReady({ url, exited, logs, withinMs: options.readyWithinMs ?? 30_000, child });
  const readyAfterMs = performance.now() - startedMs;

  const end = async (signal: NodeJS.Signals): Promise<Exit> => {
    child.kill(signal);
    return exited;
  };
  const removeData = async (): Promise<void> => {
    await rm(work, { recursive: true, force: true });
    if (options.dataDir !== undefined) await rm(options.dataDir, { recursive: true, force: true });
  };
  return {
    url,
    port,
    otlpGrpcPort,
    otlpHttpPort,
    pid: child.pid as number,
    dataDir,
    readyAfterMs,
    exited,
    logs,
    kill: () => end("SIGKILL"),
    removeData,
    stop: async () => {
      const exit = await end("SIGTERM");
      await rm(work, { recursive: true, force: true });
      return exit;
    },
  };
}

/** A test process that ends early takes its servers with it. */
const liveProcesses = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of liveProcesses) child.kill("SIGKILL");
});

function collect(child: ChildProcess): () => string {
  const chunks: Buffer[] = [];
  child.stdout?.on("data", (chunk: Buffer) => chunks.push(chunk));
  child.stderr?.on("data", (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString("utf8");
}

type Readiness = {
  readonly url: string;
  readonly exited: Promise<Exit>;
  readonly logs: () => string;
  readonly withinMs: number;
  readonly child: ChildProcess;
};

async function waitUntilReady({ url, exited, logs, withinMs, child }: Readiness): Promise<void> {
  const deadline = performance.now() + withinMs;
  let exit: Exit | undefined;
  void exited.then((value) => {
    exit = value;
  });
  while (performance.now() < deadline) {
    if (exit !== undefined) throw new ServerStartError(`the server ended before it was ready (${JSON.stringify(exit)})`, exit, logs());
    try {
      const response = await fetch(`${url}/ready`, { signal: AbortSignal.timeout(1_000) });
      await response.arrayBuffer();
      if (response.status === 200) return;
    } catch {
      // Not listening yet.
    }
    await new Promise((done) => setTimeout(done, 20));
  }
  child.kill("SIGKILL");
  await exited;
  throw new ServerStartError(`the server was not ready within ${withinMs} ms`, undefined, logs());
}
