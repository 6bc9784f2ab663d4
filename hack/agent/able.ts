import { execFileSync } from "node:child_process";

/** Why this machine cannot run the agent from the sources, in a line for a person; undefined when it can. */
export function reasonNoAgent(): string | undefined {
  if (process.platform !== "linux") return `the agent profiles Linux machines; this is ${process.platform}`;
  if (process.getuid?.() !== 0) return "profiling every process needs root: run it with sudo";
  if (!hasGo()) return "the agent is built with Go 1.26 or newer, which is not on the PATH";
  return undefined;
}

/** An older Go fetches the toolchain that go.mod names. */
function hasGo(): boolean {
  try {
    const version = execFileSync("go", ["env", "GOVERSION"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    const [, major = "0", minor = "0"] = /^go(\d+)\.(\d+)/.exec(version) ?? [];
    return Number(major) === 1 && Number(minor) >= 21;
  } catch {
    return false;
  }
}
