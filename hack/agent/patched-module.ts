import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { ROOT } from "../tidy/repository.ts";

/*
 * The agent is built with one file of the eBPF profiler replaced (agent/patch/ says why). The file is replaced in a copy of the
 * module that a second go.mod points to, so that `go test` and editors see the module as it is.
 */

export const AGENT = join(ROOT, "agent");
const PROFILER = "go.opentelemetry.io/ebpf-profiler";
const BUILD = join(AGENT, ".build");

/** What a build needs of the module: its tools, tests and sources of other languages stay behind. */
const LEFT_BEHIND = new Set(["tools", "testsupport", "rust-crates", "design-docs", "doc", "testdata", "collector", "LICENSES"]);

/** Prepares the build and gives the go.mod to build with. */
export function patchedGoMod(): string {
  const goMod = readFileSync(join(AGENT, "go.mod"), "utf8");
  const source = execFileSync("go", ["list", "-m", "-f", "{{.Dir}}", PROFILER], { cwd: AGENT, encoding: "utf8" }).trim();
  const patch = readFileSync(join(AGENT, "patch/rlimit.go.txt"), "utf8");
  const stamp = `${source}\n${patch}`;
  const copy = join(BUILD, "ebpf-profiler");
  const stampFile = join(BUILD, "stamp");
  if (!existsSync(stampFile) || readFileSync(stampFile, "utf8") !== stamp) {
    rmSync(BUILD, { recursive: true, force: true });
    mkdirSync(BUILD, { recursive: true });
    cpSync(source, copy, {
      recursive: true,
      filter: (from) =>
        !relative(source, from)
          .split("/")
          .some((part) => LEFT_BEHIND.has(part)) && !from.endsWith("_test.go"),
    });
    makeWritable(copy);
    writeFileSync(join(copy, "rlimit/rlimit.go"), patch);
    writeFileSync(stampFile, stamp);
  }
  const file = join(BUILD, "go.mod");
  writeFileSync(file, `${goMod}\nreplace ${PROFILER} => ./.build/ebpf-profiler\n`);
  cpSync(join(AGENT, "go.sum"), join(BUILD, "go.sum"));
  return file;
}

/** The module cache is read-only, and so would be our copy. */
function makeWritable(folder: string): void {
  const folders = execFileSync("find", [folder, "-type", "d", "-print0"], { encoding: "utf8" });
  for (const path of folders.split("\0")) if (path !== "") chmodSync(path, 0o755);
  const files = execFileSync("find", [folder, "-type", "f", "-print0"], { encoding: "utf8", maxBuffer: 16 * 1024 * 1024 });
  for (const path of files.split("\0")) if (path !== "") chmodSync(path, 0o644);
}
