import { execFile, execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { REPOSITORY } from "../harness/server.ts";

/* The programs that the agent is to find: compiled in one go, all at the same time, because compilers take most of it. */

const run = promisify(execFile);
const SOURCES = join(REPOSITORY, "test/agent/workloads");

/** Why this machine cannot profile itself, or undefined. eBPF needs root, Linux and a Go that builds the agent. */
export function reasonNotToRun(): string | undefined {
  if (process.platform !== "linux") return "the agent runs on Linux alone";
  if (process.getuid?.() !== 0) return "profiling the whole machine needs root";
  if (!has("go")) return "go is not installed";
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0";
  const missing = CAPABILITIES.filter(({ bit }) => (BigInt(`0x${effective}`) & (1n << BigInt(bit))) === 0n);
  return missing.length === 0 ? undefined : `this root lacks ${missing.map(({ name }) => name).join(", ")}`;
}

/** What the agent's pod is given; bit as in linux/capability.h. */
export const CAPABILITIES = [
  { name: "CAP_DAC_READ_SEARCH", bit: 2 },
  { name: "CAP_SYS_PTRACE", bit: 19 },
  { name: "CAP_SYSLOG", bit: 34 },
  { name: "CAP_PERFMON", bit: 38 },
  { name: "CAP_BPF", bit: 39 },
  { name: "CAP_CHECKPOINT_RESTORE", bit: 40 },
] as const;

export function has(program: string): boolean {
  try {
    execFileSync("sh", ["-c", `command -v ${program}`], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** A program by the name under which it runs, which is the name of its service on a machine without Kubernetes. */
export type Workload = {
  readonly service: string;
  readonly command: readonly string[];
  /** Part of the name of the function that takes its time. */
  readonly hot: string;
  /** What must be installed to build or run it. */
  readonly needs: readonly string[];
  readonly nice?: number;
};

/** Compiles everything that the machine has a compiler for into a folder. */
export async function buildPrograms(folder: string): Promise<void> {
  mkdirSync(join(folder, "root/bin"), { recursive: true });
  const c = (output: string, source: string, ...options: string[]) =>
    run("gcc", ["-O1", "-Wl,--build-id=sha1", ...options, "-o", join(folder, output), join(SOURCES, source)]);
  const builds: Promise<unknown>[] = [];
  if (has("gcc")) {
    builds.push(
      c("w-c-frames", "hot.c", "-fno-omit-frame-pointer"),
      c("w-c-noframes", "hot.c", "-fomit-frame-pointer"),
      c("w-stripped", "hot.c", "-fomit-frame-pointer", "-s"),
      c("root/bin/w-namespaced", "hot.c", "-static"),
      c("w-shares", "shares.c"),
      c("w-brief", "brief.c"),
      c("w-forker", "forker.c"),
      c("w-many", "many.c"),
    );
  }
  if (has("g++")) builds.push(run("g++", ["-O1", "-o", join(folder, "w-cpp"), join(SOURCES, "hot.cpp")]));
  if (has("rustc")) builds.push(run("rustc", ["-O", "-o", join(folder, "w-rust"), join(SOURCES, "hot.rs")]));
  if (has("go")) builds.push(run("go", ["build", "-o", join(folder, "w-go"), "."], { cwd: join(SOURCES, "hotgo") }));
  if (has("javac")) builds.push(run("javac", ["-d", folder, join(SOURCES, "HotJava.java")]));
  await Promise.all(builds);
  copyFileSync("/bin/sleep", join(folder, "w-idle"));
}

/** The interpreter itself, behind links and wrappers. */
function pythonProgram(): string {
  const script = "import os, sys; print(os.path.realpath(sys.executable))";
  return execFileSync("python3", ["-c", script], { encoding: "utf8" }).trim();
}

/** The busy programs. Interpreters run under their own name, which is that of their service. */
export function workloads(folder: string): readonly Workload[] {
  const python = has("python3") ? pythonProgram() : "python3";
  const native = (service: string, hot: string, needs: string): Workload => ({
    service,
    command: [join(folder, service)],
    hot,
    needs: [needs],
  });
  return [
    native("w-c-frames", "hot_c", "gcc"),
    native("w-c-noframes", "hot_c", "gcc"),
    native("w-cpp", "shop::Cart<unsigned long>::total_cpp", "g++"),
    native("w-rust", "shop::hot_rust", "rustc"),
    native("w-go", "main.hotGo", "go"),
    native("w-stripped", "w-stripped!0x", "gcc"),
    native("w-shares", "share_three", "gcc"),
    native("w-forker", "forked_work", "gcc"),
    {
      service: "w-namespaced",
      command: ["unshare", "--net", "--pid", "--mount", "--fork", "--kill-child", "chroot", join(folder, "root"), "/bin/w-namespaced"],
      hot: "hot_c",
      needs: ["gcc", "unshare", "chroot"],
    },
    { service: basename(process.execPath), command: [process.execPath, join(SOURCES, "hot.js")], hot: "hotNode", needs: [] },
    { service: basename(python), command: [python, join(SOURCES, "hot.py")], hot: "hot_python", needs: ["python3"] },
    { service: "java", command: ["java", "-Xmx64m", "-cp", folder, "HotJava"], hot: "hotJava", needs: ["java", "javac"] },
  ];
}
