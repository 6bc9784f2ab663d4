import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { buildAgent } from "../../hack/agent/build.ts";
import { flameGraphOf, seriesOf } from "../clients/ask.ts";
import { AGENT_BINARY, type Agent, type AgentOptions, startAgent } from "../harness/agent.ts";
import { weighFunctions } from "../harness/flame-graph.ts";
import { type Server, startServer } from "../harness/server.ts";
import { buildPrograms, CAPABILITIES, has, reasonNotToRun } from "./programs.ts";
import { start, stopAll } from "./running.ts";

/*
 * Goal: the agent runs with the capabilities that its pod is given and no other, says by name what is missing, and notices when
 * it sees nothing.
 * Method: the bounding set of its process is cut to the list, with each capability left out in turn.
 */

const CPU = "process_cpu:cpu:nanoseconds:cpu:nanoseconds";
const unable = reasonNotToRun() ?? (has("setpriv") && has("gcc") ? undefined : "setpriv or gcc is not installed");
if (unable !== undefined) console.warn(`skipped: the agent's privileges: ${unable}`);

const folder = mkdtempSync(join(tmpdir(), "brazier-privileges-"));
const common = ["--rate", "97", "--interval", "2s", "--cpu-max", "0"];

/** Runs a program as root with the listed capabilities alone. */
function only(capabilities: readonly string[]): readonly string[] {
  const bits = CAPABILITIES.filter(({ name }) => capabilities.includes(name)).map(({ bit }) => `+cap_${bit}`);
  return ["setpriv", "--inh-caps", "-all", "--bounding-set", ["-all", ...bits].join(","), "--"];
}

const all = CAPABILITIES.map(({ name }) => name);
const without = (name: string): readonly string[] => all.filter((other) => other !== name);

describe.skipIf(unable !== undefined)("the agent's privileges", () => {
  let server: Server;
  let agent: Agent | undefined;

  beforeAll(async () => {
    buildAgent();
    await buildPrograms(folder);
    server = await startServer();
    start([join(folder, "w-c-frames")]);
    start([join(folder, "w-go")]);
  });
  afterEach(() => agent?.kill());
  afterAll(async () => {
    stopAll();
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const run = async (options: Omit<AgentOptions, "url">): Promise<Agent> => {
    agent = await startAgent({ url: server.url, ...options, args: [...common, ...(options.args ?? [])] });
    return agent;
  };

  /** Waits until the function is found in profiles that carry a label of this run. */
  async function found(label: string, name: string): Promise<void> {
    const deadline = performance.now() + 60_000;
    for (;;) {
      const graph = await flameGraphOf(server.url, CPU, `{service_name="w-c-frames",run="${label}"}`);
      if ([...weighFunctions(graph).keys()].includes(name)) return;
      if (performance.now() > deadline) throw new Error(`${name} was not found\n${agent?.logs()}`);
      await pause(300);
    }
  }

  it("finds functions with the six capabilities of its pod and no other", async () => {
    await run({ through: only(all), args: ["--collector", "ebpf", "--labels", "run=six"] });
    await found("six", "hot_c");
    expect((await fetch(`${agent?.url}/ready`)).status).toBe(200);
  });

  for (const name of ["CAP_BPF", "CAP_PERFMON", "CAP_SYSLOG"]) {
    it(`ends without ${name} and names it`, async () => {
      const failure = await run({ through: only(without(name)), args: ["--collector", "ebpf"] }).catch((error: Error) => error);
      expect(failure).toBeInstanceOf(Error);
      expect(String(failure)).toContain(`missing ${name}`);
      expect(String(failure)).toContain('"code":1');
    });
  }

  for (const name of ["CAP_SYS_PTRACE", "CAP_CHECKPOINT_RESTORE"]) {
    it(`warns without ${name}, and is not ready once it sees that user frames are missing`, async () => {
      const { url, logs } = await run({ through: only(without(name)), args: ["--collector", "ebpf"] });
      expect(logs()).toContain(`"capability":"${name}"`);
      const deadline = performance.now() + 60_000;
      let answer = await fetch(`${url}/ready`);
      while (answer.status === 200 && performance.now() < deadline) {
        await pause(300);
        answer = await fetch(`${url}/ready`);
      }
      expect(answer.status).toBe(503);
      expect(await answer.text()).toContain(name);
      expect((await fetch(`${url}/healthz`)).status).toBe(200);
    });
  }

  it("warns without CAP_DAC_READ_SEARCH", async () => {
    const { logs } = await run({ through: only(without("CAP_DAC_READ_SEARCH")), args: ["--collector", "ebpf"] });
    expect(logs()).toContain('"capability":"CAP_DAC_READ_SEARCH"');
  });

  it("follows frame pointers where eBPF is refused, and says so in its log, its metrics and a label", async () => {
    const { metrics, logs } = await run({ through: only(without("CAP_BPF")), args: ["--labels", "run=fallback"] });
    await found("fallback", "hot_c");
    expect((await metrics()).get('brazier_agent_collector_refused{collector="ebpf",reason="capability"}')).toBe(1);
    expect(logs()).toContain("missing CAP_BPF");
    const series = await seriesOf(server.url, '{service_name="w-c-frames",run="fallback"}', ["unwinder"]);
    expect(series).toEqual([{ unwinder: "fp" }]);
  });

  it("profiles CPU time alone where the kernel has no kprobes for off-CPU profiles, and says so", async () => {
    const { logs, metrics } = await run({ args: ["--collector", "ebpf", "--off-cpu", "0.05", "--labels", "run=waits"] });
    await found("waits", "hot_c");
    const refused = (await metrics()).get('brazier_agent_collector_refused{collector="off_cpu",reason="kprobes"}') === 1;
    expect(logs().includes("off-CPU")).toBe(refused);
    if (!refused) {
      const types = await seriesOf(server.url, '{run="waits"}', ["__profile_type__"]);
      expect(types.map((labels) => labels["__profile_type__"])).toContain("off_cpu:off_cpu:nanoseconds::");
    }
  });

  it("runs in a root with nothing but its binary, /proc and /sys", async () => {
    const root = join(folder, "image");
    for (const path of ["proc", "sys"]) mkdirSync(join(root, path), { recursive: true });
    copyFileSync(AGENT_BINARY, join(root, "brazier-agent"));
    const script = `mount --bind /proc "${root}/proc" && mount --rbind /sys "${root}/sys" && exec ${only(all).join(" ")} chroot "${root}" "$@"`;
    await run({
      // chroot itself needs a capability that the agent does not: it is given for the step and gone with the step.
      through: ["unshare", "--mount", "sh", "-c", script.replace("-all,", "-all,+cap_18,"), "sh"],
      binary: "/brazier-agent",
      args: ["--collector", "ebpf", "--labels", "run=image"],
    });
    await found("image", "hot_c");
  });
});
