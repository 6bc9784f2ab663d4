import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { buildPrograms, reasonNotToRun, workloads } from "../../test/agent/programs.ts";
import { missingFor, start, stopAll } from "../../test/agent/running.ts";
import { type Agent, startAgent } from "../../test/harness/agent.ts";
import { startServer } from "../../test/harness/server.ts";
import { buildAgent } from "../agent/build.ts";
import { figuresOf } from "./process-figures.ts";
import type { Row } from "./table.ts";

/*
 * What the agent costs beside busy programs of every kind, at its default rate and at 97 Hz. The first minute, in which it learns the
 * machine, is measured apart from what follows.
 */

const RATES_HZ = [19, 97] as const;
const LEARN_MS = 45_000;
const WATCH_MS = 60_000;

export async function agentBench(): Promise<{ readonly rows: readonly Row[]; readonly notes: readonly string[] }> {
  const unable = reasonNotToRun();
  if (unable !== undefined) throw new Error(`the agent cannot be measured here: ${unable}`);
  const folder = mkdtempSync(join(tmpdir(), "brazier-agent-bench-"));
  const rows: Row[] = [];
  let programs = 0;
  try {
    buildAgent();
    await buildPrograms(folder);
    const server = await startServer();
    for (const workload of workloads(folder)) {
      if (missingFor(workload).length > 0) continue;
      start(workload.command);
      programs++;
    }
    for (const hz of RATES_HZ) {
      const agent = await startAgent({ url: server.url, args: ["--rate", String(hz), "--cpu-max", "0"] });
      rows.push(...(await measure(agent, hz)));
      await agent.stop();
    }
    stopAll();
    await server.stop();
  } finally {
    stopAll();
    rmSync(folder, { recursive: true, force: true });
  }
  const notes = [
    `${programs} busy programs (C, C++, Rust, Go, Node, CPython, Java, stripped, in namespaces, one that forks all the time) on all cores of the machine`,
    "CPU is that of the agent's process; the kernel's part, in the time of what is sampled, is 34 µs a sample",
    "memory is that of the process; the tables of the profiler in the kernel are 35 to 42 MB more",
  ];
  return { rows, notes };
}

async function measure(agent: Agent, hz: number): Promise<readonly Row[]> {
  const loaded = figuresOf(agent.pid);
  await pause(LEARN_MS);
  const before = { figures: figuresOf(agent.pid), metrics: await agent.metrics(), at: performance.now() };
  await pause(WATCH_MS);
  const after = { figures: figuresOf(agent.pid), metrics: await agent.metrics(), at: performance.now() };
  const minutes = (after.at - before.at) / 60_000;
  const gained = (name: string): number =>
    (after.metrics.get(`brazier_agent_${name}`) ?? 0) - (before.metrics.get(`brazier_agent_${name}`) ?? 0);
  const share = (cpuMs: number, ms: number): number => (100 * cpuMs) / ms;
  const row = (figure: string, ours: number, unit: string): Row => ({ figure: `${hz} Hz: ${figure}`, ours, unit });
  return [
    row("start until stacks are taken", agent.readyAfterMs / 1000, "s"),
    row("CPU while it learns the machine", share(before.figures.cpuMs - loaded.cpuMs, LEARN_MS), "% of a core"),
    row("CPU afterwards", share(after.figures.cpuMs - before.figures.cpuMs, after.at - before.at), "% of a core"),
    row("memory", after.figures.restBytes / 1e6, "MB"),
    row("memory, peak", after.figures.peakBytes / 1e6, "MB"),
    row("samples taken", gained("samples_taken_total") / minutes, "a minute"),
    row("samples lost", gained("samples_lost_total") / minutes, "a minute"),
    row("profiles sent", gained("delivered_profiles_total") / minutes, "a minute"),
    row("pprof, gzipped", gained("pprof_bytes_total") / minutes / 1e3, "KB a minute"),
  ];
}
