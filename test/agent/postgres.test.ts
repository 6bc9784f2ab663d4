import { execFileSync } from "node:child_process";
import { chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildAgent } from "../../hack/agent/build.ts";
import { flameGraphOf } from "../clients/ask.ts";
import { type Agent, startAgent } from "../harness/agent.ts";
import { weighFunctions } from "../harness/flame-graph.ts";
import { type Server, startServer } from "../harness/server.ts";
import { reasonNotToRun } from "./programs.ts";
import { start, stopAll } from "./running.ts";

/*
 * Goal: a server as distributions pack it, stripped of all but its exported symbols and working in short transactions, shows what it
 * is busy with.
 * Method: PostgreSQL under pgbench, with queries that the executor has work with.
 */

const CPU = "process_cpu:cpu:nanoseconds:cpu:nanoseconds";
const PACKAGES = "/usr/lib/postgresql";

/** The newest PostgreSQL of the distribution, which keeps its programs off the PATH. */
const programs = existsSync(PACKAGES)
  ? readdirSync(PACKAGES)
      .map((version) => join(PACKAGES, version, "bin"))
      .filter((folder) => existsSync(join(folder, "pgbench")) && existsSync(join(folder, "postgres")))
      .sort()
      .at(-1)
  : undefined;
const unable = reasonNotToRun() ?? (programs === undefined ? "PostgreSQL is not installed" : undefined);
if (unable !== undefined) console.warn(`skipped: the agent beside PostgreSQL: ${unable}`);

describe.skipIf(unable !== undefined)("the agent beside PostgreSQL under pgbench", () => {
  const folder = mkdtempSync(join(tmpdir(), "brazier-postgres-"));
  const user = { uid: 65534, gid: 65534 };
  const program = (name: string): string => join(programs ?? "", name);
  const connection = ["-h", folder, "-p", "54321", "-U", "bench"];
  let server: Server;
  let agent: Agent;

  beforeAll(async () => {
    buildAgent();
    const data = join(folder, "data");
    const script = join(folder, "work.sql");
    chownSync(folder, user.uid, user.gid);
    mkdirSync(data);
    chownSync(data, user.uid, user.gid);
    writeFileSync(script, "SELECT sum(abalance * 2 + bid) FROM pgbench_accounts WHERE aid % 7 < 5;\n");
    const as = { ...user, stdio: "ignore" as const, cwd: folder };
    execFileSync(program("initdb"), ["-D", data, "-U", "bench", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"], as);
    const options = ["-k", folder, "-p", "54321", "-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_parallel_workers_per_gather=0"];
    start([program("postgres"), "-D", data, ...options], { ...user, cwd: folder });
    await until(() => existsSync(join(folder, ".s.PGSQL.54321")), "PostgreSQL does not listen");
    await until(() => {
      try {
        execFileSync(program("pgbench"), [...connection, "-i", "-q", "-s", "2", "postgres"], as);
        return true;
      } catch {
        return false; // it is still starting up
      }
    }, "pgbench cannot make its tables");
    server = await startServer();
    agent = await startAgent({ url: server.url, args: ["--rate", "97", "--interval", "2s", "--cpu-max", "0"] });
    start([program("pgbench"), ...connection, "-n", "-c", "2", "-T", "120", "-f", script, "postgres"], { ...user, cwd: folder });
  });

  afterAll(async () => {
    stopAll();
    await agent?.stop();
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it("has the executor's functions on top of the service postgres", async () => {
    let executor = 0;
    let total = 0;
    let names: readonly string[] = [];
    await until(async () => {
      const graph = await flameGraphOf(server.url, CPU, '{service_name="postgres"}');
      const functions = weighFunctions(graph);
      total = Number(graph.total ?? 0);
      executor = functions.get("standard_ExecutorRun")?.cum ?? 0;
      names = [...functions]
        .sort(([, a], [, b]) => b.flat - a.flat)
        .slice(0, 10)
        .map(([name]) => name);
      return total > 4e9 && executor > 0;
    }, "PostgreSQL's functions are not in the answer");
    expect(executor / total).toBeGreaterThan(0.7);
    // Static functions of a stripped binary stay addresses; the exported ones of the executor and below have names.
    expect(
      names.filter((name) => /^(Exec|heap|slot_|int|float|tts_|postgres!0x)/.test(name)).length,
      names.join(", "),
    ).toBeGreaterThanOrEqual(3);
  });

  async function until(holds: () => boolean | Promise<boolean>, otherwise: string): Promise<void> {
    const deadline = performance.now() + 90_000;
    while (!(await holds())) {
      if (performance.now() > deadline) throw new Error(`${otherwise}\n${agent?.logs() ?? ""}`);
      await pause(200);
    }
  }
});
