import { type ChildProcess, execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildAgent } from "../../hack/agent/build.ts";
import { ProfileSchema } from "../../pipeline/api/gen/google/v1/profile_pb.ts";
import { SelectMergeProfileRequestSchema } from "../../pipeline/api/gen/querier/v1/querier_pb.ts";
import { flameGraphOf } from "../clients/ask.ts";
import { type Agent, startAgent } from "../harness/agent.ts";
import { askProto } from "../harness/client.ts";
import { type FunctionWeight, weighFunctions } from "../harness/flame-graph.ts";
import { type Server, startServer } from "../harness/server.ts";
import { buildPrograms, reasonNotToRun, type Workload, workloads } from "./programs.ts";
import { cpuByProgram, missingFor, start, stopAll } from "./running.ts";

/*
 * Goal: programs of every kind are found in the server's answers, under their service and with the function that takes their
 * time, without anything installed in them.
 * Method: all of them run at once for a while beside one agent; the server is asked afterwards.
 */

const CPU = "process_cpu:cpu:nanoseconds:cpu:nanoseconds";
const RATE_HZ = 97;
/** With a dozen busy programs on two cores each gets some 7 seconds of CPU: about 700 samples. */
const WATCH_MS = 45_000;

const unable = reasonNotToRun();
if (unable !== undefined) console.warn(`skipped: the agent's workloads: ${unable}`);

const folder = mkdtempSync(join(tmpdir(), "brazier-workloads-"));
const all: readonly Workload[] = unable === undefined ? workloads(folder) : [];

describe.skipIf(unable !== undefined)("the agent beside programs of every kind", () => {
  let server: Server;
  let agent: Agent;
  /** CPU seconds of the programs while they were watched, by their name, from the kernel's books. */
  const burned = new Map<string, number>();

  beforeAll(async () => {
    buildAgent();
    await buildPrograms(folder);
    server = await startServer();
    for (const workload of all) if (missingFor(workload).length === 0) start(workload.command);
    start([join(folder, "w-idle"), "1000"]);
    agent = await startAgent({ url: server.url, args: ["--rate", String(RATE_HZ), "--interval", "5s"] });
    const before = cpuByProgram();
    const brief = briefOnes();
    await pause(WATCH_MS);
    await brief;
    const after = cpuByProgram();
    for (const [name, seconds] of after) burned.set(name, seconds - (before.get(name) ?? 0));
    await agent.stop();
  }, 280_000);

  afterAll(async () => {
    stopAll();
    await agent?.kill();
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Programs that live for 300 ms, one at a time and with precedence: a sample of each is what counts. */
  async function briefOnes(): Promise<void> {
    for (let round = 0; round < 3; round++) {
      const child = start(["nice", "-n", "-15", join(folder, "w-brief")]);
      await ended(child);
      await pause(1_000);
    }
  }

  async function weights(service: string): Promise<{ readonly total: number; readonly functions: Map<string, FunctionWeight> }> {
    const graph = await flameGraphOf(server.url, CPU, `{service_name="${service}"}`);
    return { total: Number(graph.total ?? 0), functions: weighFunctions(graph) };
  }

  function hottest(functions: Map<string, FunctionWeight>, count: number): readonly string[] {
    return [...functions]
      .sort(([, a], [, b]) => b.flat - a.flat)
      .slice(0, count)
      .map(([name]) => name);
  }

  for (const workload of all) {
    const missing = missingFor(workload);
    it.skipIf(missing.length > 0)(`finds ${workload.service} with ${workload.hot} on top`, async () => {
      const { functions } = await weights(workload.service);
      expect(hottest(functions, 3)).toContainEqual(expect.stringContaining(workload.hot));
    });
  }

  it("follows a stack to its root without frame pointers", async () => {
    const { total, functions } = await weights("w-c-noframes");
    for (const name of ["main", "outer_c", "_start"]) expect(functions.get(name)?.cum ?? 0, name).toBeGreaterThan(0.9 * total);
  });

  it("finds a program that lives for 300 ms", async () => {
    const { functions } = await weights("w-brief");
    expect(hottest(functions, 3)).toContain("brief_work");
  });

  it("keeps the address and the build id of stripped code", async () => {
    const buildId = /Build ID: ([0-9a-f]+)/.exec(execFileSync("readelf", ["-n", join(folder, "w-stripped")], { encoding: "utf8" }))?.[1];
    const { functions } = await weights("w-stripped");
    const address = Number(/!(0x[0-9a-f]+)$/.exec(hottest(functions, 1)[0] ?? "")?.[1]);
    expect(address).toBeGreaterThan(0);
    const profile = await pprofOf(server, "w-stripped");
    expect(profile.buildIds).toContain(buildId);
    // hot_c is where the compiler put it: nm of the same program with its symbols says so.
    const [start = 0, end = 0] = placeOf("hot_c", join(folder, "w-c-noframes"));
    expect(address).toBeGreaterThanOrEqual(start);
    expect(address).toBeLessThan(end);
  });

  it("gives two loops of 3:1 their shares within 5 percentage points", async () => {
    const { functions } = await weights("w-shares");
    const [three, one] = ["share_three", "share_one"].map((name) => functions.get(name)?.cum ?? 0) as [number, number];
    expect(three / (three + one)).toBeGreaterThan(0.7);
    expect(three / (three + one)).toBeLessThan(0.8);
  });

  it("does not show a process that sleeps", async () => {
    expect((await weights("w-idle")).total).toBe(0);
  });

  it("reports the CPU seconds that the kernel counted, within 10 %", async () => {
    const services = all.filter((workload) => workload.command[0]?.startsWith(folder) && !workload.service.includes("forker"));
    let seen = 0;
    let counted = 0;
    for (const { service } of services) {
      seen += (await weights(service)).total / 1e9;
      counted += burned.get(service) ?? 0;
    }
    console.log(`CPU seconds: ${seen.toFixed(1)} reported, ${counted.toFixed(1)} counted by the kernel`);
    expect(seen / counted).toBeGreaterThan(0.9);
    expect(seen / counted).toBeLessThan(1.1);
  });
});

function ended(child: ChildProcess): Promise<void> {
  return new Promise((done) => {
    child.once("exit", () => done());
    child.once("error", () => done());
  });
}

/** First and one past the last address of a function. */
function placeOf(name: string, program: string): readonly [number, number] | readonly [] {
  const line = execFileSync("nm", ["-S", program], { encoding: "utf8" })
    .split("\n")
    .find((text) => text.endsWith(` ${name}`));
  const [address, size] = (line ?? "").split(" ");
  return line === undefined ? [] : [Number.parseInt(address ?? "", 16), Number.parseInt(address ?? "", 16) + Number.parseInt(size ?? "", 16)];
}

/** The build ids in the pprof that the server gives out. */
async function pprofOf(server: Server, service: string): Promise<{ readonly buildIds: readonly string[] }> {
  const nowMs = Date.now();
  const profile = await askProto(server.url, "SelectMergeProfile", {
    request: SelectMergeProfileRequestSchema,
    response: ProfileSchema,
    value: { profileTypeID: CPU, labelSelector: `{service_name="${service}"}`, start: BigInt(nowMs - 3_600_000), end: BigInt(nowMs + 60_000) },
  });
  return { buildIds: profile.mapping.map((mapping) => profile.stringTable[Number(mapping.buildId)] ?? "") };
}
