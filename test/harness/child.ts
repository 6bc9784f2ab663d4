import { type ChildProcess, spawn } from "node:child_process";

export type Exit = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

export interface Child {
  readonly pid: number;
  readonly exited: Promise<Exit>;
  /** Undefined while it runs. */
  readonly exit: Exit | undefined;
  /** Everything the process has printed so far, both streams. */
  logs(): string;
  /** Sends a signal and waits for the end; a process that has ended is left alone. */
  end(signal: NodeJS.Signals): Promise<Exit>;
  /** Sends a signal that does not end it: SIGSTOP, SIGCONT. */
  signal(signal: NodeJS.Signals): void;
}

export type ChildOptions = { readonly cwd?: string; readonly env?: Readonly<Record<string, string | undefined>> };

/** A program in a process of its own, which ends with this one at the latest. */
export function startChild(program: string, args: readonly string[], options: ChildOptions = {}): Child {
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk));
  let exit: Exit | undefined;
  const exited = new Promise<Exit>((done) => {
    child.once("error", (error) => {
      chunks.push(Buffer.from(String(error)));
      done({ code: null, signal: null });
    });
    child.once("exit", (code, signal) => done({ code, signal }));
  });
  liveProcesses.add(child);
  void exited.then((how) => {
    exit = how;
    liveProcesses.delete(child);
  });
  return {
    pid: child.pid ?? -1,
    exited,
    get exit() {
      return exit;
    },
    logs: () => Buffer.concat(chunks).toString("utf8"),
    signal: (signal) => void child.kill(signal),
    end: async (signal) => {
      if (exit === undefined) {
        child.kill(signal);
        // A stopped process takes no other signal before it runs again.
        if (signal !== "SIGKILL") child.kill("SIGCONT");
      }
      return exited;
    },
  };
}

/** A test process that ends early takes its children with it. */
const liveProcesses = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of liveProcesses) child.kill("SIGKILL");
});
