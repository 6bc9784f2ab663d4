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
import { ask, askProto } from "../harness/client.ts";
import { type FunctionWeight, weighFunctions } from "../harness/flame-graph.ts";
import { type Server, startServer } from "../harness/server.ts";
import { buildPrograms, reasonNotToRun, type Workload, workloads } from "./programs.ts";
import { cpuByProgram, freezeAll, missingFor, start, stopAll, thawAll } from "./running.ts";

/*
 * Goal: programs of every kind are found in the server's answers, under their service and with the function that takes their
 * time, without anything installed in them.
 * Method: all of them run at once for a while beside one agent; the server is asked afterwards.
 */

const CPU = "process_cpu:cpu:nanoseconds:cpu:nanoseconds";
const RATE_HZ = 97;
/** With a dozen busy programs on two cores each gets some 5 seconds of CPU: about 500 samples. */
const WATCH_MS = 35_000;
/** A busy machine gives the agent little time to learn a dozen programs at once; node's alone takes seconds. */
const DISCOVERY_MS = 150_000;

const unable = reasonNotToRun();
if (unable !== undefined) console.warn(`skipped: the agent's workloads: ${unable}`);

const folder = mkdtempSync(join(tmpdir(), "brazier-workloads-"));
const all: readonly Workload[] = unable === undefined ? workloads(folder) : [];

const runnable = all.filter((workload) => missingFor(workload).length === 0);

/** Programs under a name of their own. Not the forker: a child is known by its first sample, which is lost. */
const own = runnable.filter(({ service, command }) => command[0] === join(folder, service) && service !== "w-forker");

describe.skipIf(unable !== undefined)("the agent beside programs of every kind", () => {
  let server: Server;
  let agent: Agent;
  /** CPU seconds of the programs by name while they were watched: as the server has them, and from the kernel's books. */
  const reported = new Map<string, number>();
  const counted = new Map<string, number>();

  beforeAll(async () => {
    buildAgent();
    await buildPrograms(folder);
    server = await startServer();
    agent = await startAgent({ url: server.url, args: ["--rate", String(RATE_HZ), "--interval", "3s", "--cpu-max", "0"] });
    for (const workload of runnable) start(workload.command);
    start([join(folder, "w-idle"), "1000"]);
    await discovered();
    const before = await books();
    await briefOnes();
    await pause(WATCH_MS);
    const after = await books();
    for (const { service } of own) {
      reported.set(service, (after.server.get(service) ?? 0) - (before.server.get(service) ?? 0));
      counted.set(service, (after.kernel.get(service) ?? 0) - (before.kernel.get(service) ?? 0));
    }
    stopAll();
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
      const child = start(["nice", "-n", "-20", join(folder, "w-brief")]);
      await ended(child);
      await pause(1_000);
    }
  }

  /** Waits until every program has been seen with its hot function: from then on, none of their samples is lost. */
  async function discovered(): Promise<void> {
    const deadline = performance.now() + DISCOVERY_MS;
    for (const { service, hot } of runnable) {
      for (;;) {
        const { functions } = await weights(service);
        if ([...functions.keys()].some((name) => name.includes(hot))) break;
        if (performance.now() > deadline) {
          const seen = hottest(functions, 10).join(", ") || "nothing";
          throw new Error(
            `${service} was not seen with ${hot} within ${DISCOVERY_MS} ms, but with ${seen}; services: ${await services()}\n${agent.logs()}`,
          );
        }
        await pause(500);
      }
    }
  }

  /** What the server and the kernel have counted at one moment: the programs stand still until nothing is on its way any more. */
  async function books(): Promise<{ readonly server: ReadonlyMap<string, number>; readonly kernel: ReadonlyMap<string, number> }> {
    freezeAll();
    const kernel = cpuByProgram();
    const deadline = performance.now() + 60_000;
    let server = await totals();
    for (let quiet = 0; quiet < 3 && performance.now() < deadline; ) {
      await pause(3_000);
      const now = await totals();
      quiet = [...now].every(([service, seconds]) => seconds === server.get(service)) ? quiet + 1 : 0;
      server = now;
    }
    thawAll();
    return { server, kernel };
  }

  /** Of the programs that only this test runs; others may use an interpreter, too. */
  async function totals(): Promise<ReadonlyMap<string, number>> {
    const seconds = new Map<string, number>();
    for (const { service } of own) seconds.set(service, (await weights(service)).total / 1e9);
    return seconds;
  }

  async function weights(service: string): Promise<{ readonly total: number; readonly functions: Map<string, FunctionWeight> }> {
    const graph = await flameGraphOf(server.url, CPU, `{service_name="${service}"}`);
    return { total: Number(graph.total ?? 0), functions: weighFunctions(graph) };
  }

  async function services(): Promise<string> {
    const nowMs = Date.now();
    const request = { name: "service_name", start: nowMs - 3_600_000, end: nowMs };
    return ((await ask<{ names?: readonly string[] }>(server.url, "LabelValues", request)).names ?? []).join(", ");
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
    const sum = (books: ReadonlyMap<string, number>) => own.reduce((total, { service }) => total + (books.get(service) ?? 0), 0);
    const ratio = sum(reported) / sum(counted);
    console.log(`CPU seconds: ${sum(reported).toFixed(1)} reported, ${sum(counted).toFixed(1)} counted by the kernel`);
    expect(ratio).toBeGreaterThan(0.9);
    expect(ratio).toBeLessThan(1.1);
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
  return line === undefined
    ? []
    : [Number.parseInt(address ?? "", 16), Number.parseInt(address ?? "", 16) + Number.parseInt(size ?? "", 16)];
}

/** The build ids in the pprof that the server gives out. */
async function pprofOf(server: Server, service: string): Promise<{ readonly buildIds: readonly string[] }> {
  const nowMs = Date.now();
  const profile = await askProto(server.url, "SelectMergeProfile", {
    request: SelectMergeProfileRequestSchema,
    response: ProfileSchema,
    value: {
      profileTypeID: CPU,
      labelSelector: `{service_name="${service}"}`,
      start: BigInt(nowMs - 3_600_000),
      end: BigInt(nowMs + 60_000),
    },
  });
  return { buildIds: profile.mapping.map((mapping) => profile.stringTable[Number(mapping.buildId)] ?? "") };
}
