import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AGENT } from "./patched-module.ts";

/*
 * The licenses of everything that is linked into the agent, in one text: read from the modules of the build, so that none is forgotten.
 *
 *   node hack/agent/licenses.ts     writes agent/bin/THIRD_PARTY.txt
 */

const PROFILER = "go.opentelemetry.io/ebpf-profiler";

/** What the agent carries besides Go code, and whose license is another one. */
const BPF_NOTICE = `The agent contains programs that it loads into the kernel (support/ebpf of ${PROFILER}).
They are licensed under the GNU General Public License, version 2, whose text follows. Their source is part of that
module, at the version above, and is available from where the module is published. They are separate programs: the
agent itself is licensed under Apache-2.0.

One file of that module (rlimit/rlimit.go, Apache-2.0) is replaced in this build; agent/patch/ has the replacement and its reason.`;

const LICENSE_FILE = /^(licen[cs]e|copying|notice|patents|authors)(\.(md|txt))?$/i;

type Module = { readonly Path: string; readonly Version: string; readonly Dir: string };

/** The text, module by module. Throws when a module has no license: it may not be shipped. */
export function collectLicenses(): string {
  const listed = execFileSync(
    "go",
    ["list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Version}}\t{{.Dir}}{{end}}{{end}}", "."],
    {
      cwd: AGENT,
      encoding: "utf8",
      env: { ...process.env, CGO_ENABLED: "0", GOOS: "linux" },
      maxBuffer: 64 * 1024 * 1024,
    },
  );
  const modules = [...new Set(listed.split("\n").filter((line) => line !== ""))].sort().map((line): Module => {
    const [Path = "", Version = "", Dir = ""] = line.split("\t");
    return { Path, Version, Dir };
  });
  const goRoot = execFileSync("go", ["env", "GOROOT"], { cwd: AGENT, encoding: "utf8" }).trim();
  const goVersion = execFileSync("go", ["env", "GOVERSION"], { cwd: AGENT, encoding: "utf8" }).trim();
  const parts = [
    section(`the Go standard library ${goVersion}`, textsIn(goRoot)),
    ...modules.map((module) => section(`${module.Path} ${module.Version}`, textsIn(module.Dir))),
  ];
  const profiler = modules.find((module) => module.Path === PROFILER);
  if (profiler === undefined) throw new Error(`${PROFILER} is not among the modules of the agent`);
  parts.push(section("the eBPF programs", [BPF_NOTICE, readFileSync(join(profiler.Dir, "support/ebpf/LICENSE"), "utf8")]));
  return parts.join("\n");
}

function textsIn(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => LICENSE_FILE.test(name))
    .sort()
    .map((name) => readFileSync(join(folder, name), "utf8"));
}

function section(title: string, texts: readonly string[]): string {
  if (texts.length === 0) throw new Error(`${title} has no license file: it may not be shipped before its license is known`);
  return `${"=".repeat(100)}\n${title}\n${"=".repeat(100)}\n\n${texts.map((text) => text.trim()).join("\n\n")}\n`;
}

if (import.meta.main) {
  const file = join(AGENT, "bin/THIRD_PARTY.txt");
  mkdirSync(join(AGENT, "bin"), { recursive: true });
  writeFileSync(file, collectLicenses());
  console.log(file);
}
