import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ROOT } from "../tidy/repository.ts";
import { AGENT, patchedGoMod } from "./patched-module.ts";

/*
 * Builds the agent: one static binary for this machine, or one for each architecture.
 *
 *   node hack/agent/build.ts                    agent/bin/brazier-agent for this machine
 *   node hack/agent/build.ts --arch amd64,arm64 agent/bin/brazier-agent-linux-<arch>
 */

export const ARCHITECTURES = ["amd64", "arm64"] as const;
export type Architecture = (typeof ARCHITECTURES)[number];

export const AGENT_BINARY = join(AGENT, "bin/brazier-agent");

/** Builds for one architecture (this machine's without one) and gives the path of the binary. The compiler's cache makes a second build short. */
export function buildAgent(architecture?: Architecture): string {
  const binary = architecture === undefined ? AGENT_BINARY : `${AGENT_BINARY}-linux-${architecture}`;
  mkdirSync(join(AGENT, "bin"), { recursive: true });
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { version: string };
  const goMod = patchedGoMod();
  execFileSync(
    "go",
    [
      "build",
      `-modfile=${goMod}`,
      "-mod=mod",
      "-trimpath",
      "-buildvcs=false",
      "-ldflags",
      `-s -w -X main.version=${version}`,
      "-o",
      binary,
      ".",
    ],
    {
      cwd: AGENT,
      stdio: ["ignore", "inherit", "inherit"],
      env: { ...process.env, CGO_ENABLED: "0", GOOS: "linux", ...(architecture === undefined ? {} : { GOARCH: architecture }) },
    },
  );
  return binary;
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { arch: { type: "string" } } });
  if (values.arch === undefined) console.log(buildAgent());
  for (const architecture of values.arch?.split(",") ?? []) {
    if (!ARCHITECTURES.includes(architecture as Architecture)) {
      throw new Error(`no such architecture: ${architecture}; there are ${ARCHITECTURES.join(", ")}`);
    }
    console.log(buildAgent(architecture as Architecture));
  }
}
