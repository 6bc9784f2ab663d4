import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { AGENT } from "../../hack/agent/patched-module.ts";
import { has } from "./programs.ts";

/*
 * Goal: the agent's parts do what they promise, without privileges.
 * Method: Go's own tests, as a process that may do nothing that an ordinary user may not.
 */

const run = promisify(execFile);
const unable = process.platform !== "linux" ? "the agent runs on Linux alone" : has("go") ? undefined : "go is not installed";
if (unable !== undefined) console.warn(`skipped: the agent's parts: ${unable}`);

/** Root without capabilities owns its caches and is otherwise nobody. */
const unprivileged = process.getuid?.() === 0 && has("setpriv") ? ["setpriv", "--inh-caps", "-all", "--bounding-set", "-all", "--"] : [];

describe.skipIf(unable !== undefined)("the agent's parts", () => {
  it("pass Go's tests without privileges, and go vet", async () => {
    const go = async (...args: string[]): Promise<string> => {
      const [program, ...rest] = [...unprivileged, "go", ...args] as [string, ...string[]];
      return (await run(program, rest, { cwd: AGENT, maxBuffer: 64 * 1024 * 1024, env: { ...process.env, CGO_ENABLED: "0" } })).stdout;
    };
    await go("vet", "./...");
    const output = await go("test", "./...");
    expect(output.match(/^ok\s/gm)?.length ?? 0).toBeGreaterThanOrEqual(10);
    expect(output).not.toContain("FAIL");
  }, 900_000);
});
