import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { buildAgent } from "../../hack/agent/build.ts";
import { type Agent, startAgent } from "../harness/agent.ts";
import { type Server, startServer } from "../harness/server.ts";
import { buildPrograms, has, reasonNotToRun } from "./programs.ts";
import { start, stopAll } from "./running.ts";

/*
 * Goal: the agent keeps its budget when the machine does what is most expensive for a profiler, and goes back to its rate afterwards.
 * Method: processes that live for a millisecond, then 500 that wake up all the time, under a budget of a twentieth of a core. What it
 * uses is read from the kernel's books, not from its own.
 */

const unable = reasonNotToRun() ?? (has("gcc") ? undefined : "gcc is not installed");
if (unable !== undefined) console.warn(`skipped: the agent's budget: ${unable}`);

const RATE_HZ = 97;
const BUDGET_CORES = 0.05;
/** The governor reacts to what it has measured: the first seconds of a storm are over the budget, and noise stays. */
const TOLERANCE = 1.5;
const TICKS_PER_SECOND = 100;

const folder = mkdtempSync(join(tmpdir(), "brazier-budget-"));

describe.skipIf(unable !== undefined)("the agent's budget", () => {
  let server: Server;
  let agent: Agent;

  beforeAll(async () => {
    buildAgent();
    await buildPrograms(folder);
    server = await startServer();
    const args = ["--rate", String(RATE_HZ), "--interval", "3s", "--cpu-max", String(BUDGET_CORES), "--budget-every", "1s"];
    agent = await startAgent({ url: server.url, args });
  });
  afterEach(() => stopAll());
  afterAll(async () => {
    stopAll();
    await agent?.stop();
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it("holds in a storm of forks by lowering the rate, says so, and recovers", async () => {
    for (let i = 0; i < 4; i++) start([join(folder, "w-forker"), "1"]);
    await until("the rate was not lowered", async () => (await metric("rate_hertz")) < RATE_HZ / 2);
    expect(agent.logs()).toContain("the rate is lowered to stay within the budget");
    await untilWithinBudget();
    stopAll();
    // Not back to the full rate: whatever else starts processes on this machine is a small storm, too.
    const calm = await metric("rate_hertz");
    await until("the rate did not rise again", async () => (await metric("rate_hertz")) > calm);
    expect(agent.logs()).toContain("the rate is raised again");
  });

  it("holds beside 500 processes that wake up all the time", async () => {
    start([join(folder, "w-many"), "500"]);
    await untilWithinBudget();
    const resident = Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${agent.pid}/status`, "utf8"))?.[1]) / 1024;
    expect(resident).toBeLessThan(200);
  });

  async function untilWithinBudget(): Promise<void> {
    let used = Number.NaN;
    await until("the agent stayed over its budget", async () => {
      used = await coresOver(8_000);
      return used < BUDGET_CORES * TOLERANCE;
    });
    console.log(`${used.toFixed(3)} cores of ${BUDGET_CORES} at ${await metric("rate_hertz")} Hz`);
  }

  /** CPU that the agent's process uses, in cores, over some time. */
  async function coresOver(ms: number): Promise<number> {
    const before = { cpu: ticks(), at: performance.now() };
    await pause(ms);
    return (ticks() - before.cpu) / TICKS_PER_SECOND / ((performance.now() - before.at) / 1000);
  }

  function ticks(): number {
    const stat = readFileSync(`/proc/${agent.pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return Number(fields[11]) + Number(fields[12]);
  }

  async function metric(name: string): Promise<number> {
    return (await agent.metrics()).get(`brazier_agent_${name}`) ?? Number.NaN;
  }

  async function until(otherwise: string, holds: () => Promise<boolean>): Promise<void> {
    const deadline = performance.now() + 120_000;
    while (!(await holds())) {
      if (performance.now() > deadline) throw new Error(`${otherwise}\n${agent.logs()}`);
      await pause(300);
    }
  }
});
