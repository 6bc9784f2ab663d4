import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PushedProfile } from "../../test/harness/client.ts";
import { type Server, startServer } from "../../test/harness/server.ts";
import { calibrate } from "./calibrate.ts";
import { type Fleet, makeFleet } from "./fleet.ts";
import { load, quantile } from "./load.ts";
import { figuresOf, folderSize } from "./process-figures.ts";
import { pushToFound } from "./push-to-found.ts";
import { ask, type Query, queries } from "./queries.ts";
import { receivedSymbolBytes, storedSymbolBytes } from "./stored-sections.ts";
import type { Row } from "./table.ts";
import {
  ACK_P50_MS,
  CPU_PER_PARSE,
  FIRST_QUERY_MS,
  FOUND_MS,
  PEAK_MB,
  QUERY_CPU_MS,
  READY_MS,
  REST_MB,
  SYMBOLS_STORED,
  THROUGHPUT_PER_S,
} from "./targets.ts";

/*
 * The yardstick that needs nothing beside the clone: a small fleet made of the corpus, one server in its own process.
 * Smaller and rougher than the big one; made to see within a minute or two whether a change was worth it.
 */

export type OwnBenchOptions = { readonly profiles: number; readonly clients: number; readonly seed: number };

/** The limits of a tenant guard a shared server; here they would be what is measured. */
const UNLIMITED = { limits: { ingestion_rate: 0 } };
const PODS = 4;
/** Clients that keep the server busy without a pause: what throughput is told for. */
const CROWD = 128;
/** CPU is counted in ticks of 10 ms: 50 runs tell 0.2 ms apart. */
const QUERY_RUNS = 50;
/** Compaction has done its first round when the data folder has not changed for this long. */
const QUIET_MS = 10_000;
const QUIET_MAX_MS = 90_000;

export async function ownBench(options: OwnBenchOptions): Promise<{ readonly rows: readonly Row[]; readonly notes: readonly string[] }> {
  const fleet = fleetOf(options);
  const calibration = calibrate(fleet.profiles.slice(0, 100).map(({ profile }) => profile));
  const notes = [
    `${fleet.profiles.length} profiles of ${(fleet.gzipBytes / fleet.profiles.length / 1000).toFixed(1)} KB gzipped on average, half of them from ${options.clients} clients, half from ${CROWD}; seed ${options.seed}`,
    `one parse = ${calibration.cpuMsPerProfile.toFixed(2)} ms of CPU (${calibration.by})`,
  ];
  const dataDir = mkdtempSync(join(tmpdir(), "brazier-bench-"));
  const start = { dataDir, config: UNLIMITED };
  let server = await startServer(start);
  try {
    const rest = figuresOf(server.pid).restBytes;
    // The first requests pay for the compiler; a server that runs for weeks does not.
    await load(server.port, fleet.profiles.slice(0, 100).map(elsewhere), 4);
    const before = figuresOf(server.pid).cpuMs;
    const half = fleet.profiles.length >> 1;
    const few = await load(server.port, fleet.profiles.slice(0, half), options.clients);
    const crowd = await load(server.port, fleet.profiles.slice(half), CROWD);
    for (const { refused, refusal } of [few, crowd]) if (refusal !== undefined) notes.push(`${refused} profiles were refused: ${refusal}`);
    await quiet(server);
    const after = figuresOf(server.pid);
    const acknowledged = few.acknowledged + crowd.acknowledged;
    const cpuPerProfile = (after.cpuMs - before) / acknowledged;
    const stored = folderSize(server.dataDir);
    const rows: Row[] = [
      { figure: "CPU per profile, all roles", ours: cpuPerProfile, unit: "ms" },
      { figure: "CPU per profile / Go's parse", ours: cpuPerProfile / calibration.cpuMsPerProfile, unit: "×", target: CPU_PER_PARSE },
      { figure: "bytes stored / bytes received gzipped", ours: stored.bytes / fleet.gzipBytes, unit: "×" },
      { figure: "bytes stored", ours: stored.bytes / 1e6, unit: `MB in ${stored.files} files` },
      {
        figure: "symbol bytes stored / received",
        ours:
          storedSymbolBytes(dataDir) /
          receivedSymbolBytes(
            fleet.profiles.map(({ profile }) => profile),
            acknowledged,
          ),
        unit: "×",
        target: SYMBOLS_STORED,
      },
      {
        figure: `throughput, ${CROWD} clients`,
        ours: (crowd.acknowledged / crowd.wallMs) * 1000,
        unit: "profiles/s",
        target: THROUGHPUT_PER_S,
        moreIsBetter: true,
      },
      {
        figure: `acknowledged after, ${options.clients} clients, p50`,
        ours: quantile(few.latenciesMs, 0.5),
        unit: "ms",
        target: ACK_P50_MS,
      },
      { figure: `acknowledged after, ${options.clients} clients, p99`, ours: quantile(few.latenciesMs, 0.99), unit: "ms" },
      { figure: "peak memory", ours: after.peakBytes / 1e6, unit: "MB", target: PEAK_MB },
      { figure: "memory at rest, before any push", ours: rest / 1e6, unit: "MB", target: REST_MB },
      { figure: "start to ready", ours: server.readyAfterMs, unit: "ms", target: READY_MS },
      { figure: "push to found", ours: await pushToFound(server.url, fleet.profiles[0]!), unit: "ms", target: FOUND_MS },
    ];
    const questions = questionsAbout(fleet);
    rows.push(...(await queryRows(server, questions)));
    await server.stop();
    server = await startServer(start);
    rows.push({ figure: "start to ready over these data", ours: server.readyAfterMs, unit: "ms", target: READY_MS });
    const askedMs = performance.now();
    await ask(server, questions[0]!, { runs: 1, warmUps: 0 });
    rows.push({ figure: "first query after the start", ours: performance.now() - askedMs, unit: "ms", target: FIRST_QUERY_MS });
    return { rows, notes };
  } finally {
    await server.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** Profiles of the corpus' services, about as many as asked for. */
export function fleetOf({ profiles, seed }: Pick<OwnBenchOptions, "profiles" | "seed">): Fleet {
  const one = makeFleet({ pods: 1, ticks: 1, endMs: Date.now(), seed }).profiles.length;
  return makeFleet({ pods: PODS, ticks: Math.max(1, Math.ceil(profiles / (one * PODS))), endMs: Date.now(), seed });
}

export function elsewhere({ labels, profile }: PushedProfile): PushedProfile {
  return { labels: { ...labels, service_name: "warm-up" }, profile };
}

async function quiet(server: Server): Promise<void> {
  const deadline = performance.now() + QUIET_MAX_MS;
  let changedAt = performance.now();
  let last = "";
  while (performance.now() < deadline && performance.now() - changedAt < QUIET_MS) {
    await new Promise((resolve) => setTimeout(resolve, 500));
    const { bytes, files } = folderSize(server.dataDir);
    const now = `${bytes} ${files}`;
    if (now !== last) changedAt = performance.now();
    last = now;
  }
}

export function questionsAbout(fleet: Fleet): readonly Query[] {
  const services = [
    ...new Set(fleet.profiles.filter(({ labels }) => labels["__name__"] === "process_cpu").map(({ labels }) => labels["service_name"]!)),
  ];
  return queries({ startMs: fleet.startMs - 60_000, endMs: Date.now(), service: services[0] ?? "", otherService: services.at(-1) ?? "" });
}

async function queryRows(server: Server, questions: readonly Query[]): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const asked of questions) {
    const { name, cpuMs, medianMs, bytes } = await ask(server, asked, { runs: QUERY_RUNS, warmUps: 2 });
    const target = QUERY_CPU_MS[name];
    const unit = `ms CPU (${medianMs.toFixed(1)} ms wall, ${bytes} bytes)`;
    rows.push({ figure: name, ours: cpuMs, unit, ...(target === undefined ? {} : { target }) });
  }
  return rows;
}
