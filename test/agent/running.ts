import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { basename } from "node:path";
import { has, type Workload } from "./programs.ts";

/* Programs that run while a test watches them, and what the kernel says of their CPU time. */

const running = new Set<ChildProcess>();
process.once("exit", () => stopAll());

/**
 * Starts a program in a process group of its own, so that its children end with it. It gives way to the agent and the server: a test
 * on two cores with a dozen busy programs is about what they see, not about who gets a core first.
 */
export function start(
  command: readonly string[],
  options: { readonly cwd?: string; readonly uid?: number; readonly gid?: number } = {},
): ChildProcess {
  const child = spawn("nice", ["-n", "10", ...command], { stdio: "ignore", detached: true, ...options });
  running.add(child);
  child.once("error", () => running.delete(child));
  child.once("exit", () => running.delete(child));
  return child;
}

/** Ends everything that was started here. */
export function stopAll(): void {
  signalAll("SIGKILL");
  running.clear();
}

/** Stops everything that was started here where it stands, so that books can be compared that are kept at different times. */
export function freezeAll(): void {
  signalAll("SIGSTOP");
}

export function thawAll(): void {
  signalAll("SIGCONT");
}

function signalAll(signal: NodeJS.Signals): void {
  for (const { pid } of running) {
    if (pid === undefined) continue;
    try {
      process.kill(-pid, signal);
    } catch {
      // It has ended by itself.
    }
  }
}

/** What of a workload's needs is not on this machine. */
export function missingFor(workload: Workload): readonly string[] {
  return workload.needs.filter((program) => !has(program));
}

/** Ticks of /proc/<pid>/stat: always 100 a second on Linux. */
const TICK_SECONDS = 0.01;

/** CPU seconds of every running process by the name of its program, children that have been waited for included. */
export function cpuByProgram(): ReadonlyMap<string, number> {
  const seconds = new Map<string, number>();
  for (const pid of readdirSync("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    try {
      const name = basename(readlinkSync(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, ""));
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      const ticks = [11, 12, 13, 14].reduce((sum, at) => sum + Number(fields[at]), 0);
      seconds.set(name, (seconds.get(name) ?? 0) + ticks * TICK_SECONDS);
    } catch {
      // It ended while we looked, or is a thread of the kernel.
    }
  }
  return seconds;
}
