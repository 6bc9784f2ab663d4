import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { PushedProfile } from "../../test/harness/client.ts";
import { makePprof } from "../../test/harness/make-pprof.ts";
import { startServer } from "../../test/harness/server.ts";
import { ROOT } from "../tidy/repository.ts";
import { figuresOf, folderSize } from "./process-figures.ts";
import { pushToFound } from "./push-to-found.ts";
import { receivedSymbolBytes, storedSymbolBytes } from "./stored-sections.ts";
import type { Row } from "./table.ts";
import {
  ACK_P50_MS,
  CPU_PER_PARSE,
  FOUND_MS,
  PEAK_MB,
  QUERY_CPU_MS,
  READY_MS,
  REST_MB,
  STORED_2K_MB,
  STORED_20K_MB,
  SYMBOLS_STORED,
  type Target,
  THROUGHPUT_PER_S,
} from "./targets.ts";

/*
 * Drives the big yardstick that lies beside the clone: its generated fleets, its load client, its query client, its
 * calibrator. Reports the rows of the targets.
 */

const YARDSTICK = resolve(ROOT, "../shared/bench");
const CACHE = join(ROOT, ".cache/yardstick");
const BIN = join(CACHE, "bin");

export type YardstickFleet = "2k" | "20k";
export type YardstickOptions = { readonly fleets: readonly YardstickFleet[]; readonly clients: readonly number[] };

const FLEETS: Readonly<
  Record<YardstickFleet, { readonly args: readonly string[]; readonly stored: Target; readonly bytesReceived: number }>
> = {
  "2k": { args: ["-pods", "3", "-ticks", "40", "-max", "2000", "-seed", "42"], stored: STORED_2K_MB, bytesReceived: 79.5e6 },
  "20k": {
    args: ["-pods", "5", "-copies", "2", "-ticks", "100", "-max", "20000", "-seed", "43"],
    stored: STORED_20K_MB,
    bytesReceived: 796e6,
  },
};

/** "One minute after the load", as the targets say. */
const AFTER_LOAD_MS = 60_000;

export function yardstickIsThere(): boolean {
  return existsSync(join(YARDSTICK, "go.mod"));
}

export async function yardstick({
  fleets,
  clients,
}: YardstickOptions): Promise<{ readonly rows: readonly Row[]; readonly notes: readonly string[] }> {
  build();
  const notes: string[] = [];
  const rows: Row[] = [];
  for (const fleet of fleets) {
    const folder = fleetFolder(fleet);
    const parse = JSON.parse(execFileSync(join(BIN, "parse"), [folder], { encoding: "utf8" })) as { parse_cpu_ms_per_profile: number };
    notes.push(`fleet-${fleet}: one parse = ${parse.parse_cpu_ms_per_profile.toFixed(2)} ms of CPU`);
    for (const count of clients) {
      const run = await oneRun({ fleet, folder, clients: count, parseMs: parse.parse_cpu_ms_per_profile });
      rows.push(...run.rows);
      notes.push(...run.notes);
    }
  }
  return { rows, notes };
}

type LoadReport = {
  readonly ok: number;
  readonly profiles: number;
  readonly profiles_per_s: number;
  readonly lat_ms: { readonly p50: number; readonly p99: number };
  readonly first_ms: number;
  readonly last_ms: number;
  readonly errors: Readonly<Record<string, number>>;
};

type Run = { readonly fleet: YardstickFleet; readonly folder: string; readonly clients: number; readonly parseMs: number };

async function oneRun({
  fleet,
  folder,
  clients,
  parseMs,
}: Run): Promise<{ readonly rows: readonly Row[]; readonly notes: readonly string[] }> {
  const dataDir = mkdtempSync(join(tmpdir(), "brazier-yardstick-"));
  const notes: string[] = [];
  const server = await startServer({ dataDir });
  const label = `${fleet}, ${clients} clients`;
  try {
    const rest = figuresOf(server.pid).restBytes;
    const cpuBefore = figuresOf(server.pid).cpuMs;
    const report = runLoad([
      "-dir",
      folder,
      "-c",
      String(clients),
      "-base",
      "end-now",
      "-pid",
      String(server.pid),
      "-url",
      server.url,
      "-q",
    ]);
    if (report.ok < report.profiles) notes.push(`${label}: ${report.profiles - report.ok} refused: ${JSON.stringify(report.errors)}`);
    await new Promise((done) => setTimeout(done, AFTER_LOAD_MS));
    const after = figuresOf(server.pid);
    const cpu = (after.cpuMs - cpuBefore) / report.ok;
    const stored = folderSize(dataDir);
    const rows: Row[] = [
      { figure: `${label}: CPU per profile, all roles`, ours: cpu, unit: "ms" },
      { figure: `${label}: CPU per profile / parse`, ours: cpu / parseMs, unit: "×", target: CPU_PER_PARSE },
      {
        figure: `${label}: bytes stored after a minute`,
        ours: stored.bytes / 1e6,
        unit: `MB in ${stored.files} files`,
        target: FLEETS[fleet].stored,
      },
      {
        figure: `${label}: symbol bytes stored / received`,
        ours: storedSymbolBytes(dataDir) / symbolBytes(folder, report.ok),
        unit: "×",
        target: SYMBOLS_STORED,
      },
      { figure: `${label}: push to found`, ours: await pushToFound(server.url, needle()), unit: "ms", target: FOUND_MS },
      {
        figure: `${label}: throughput`,
        ours: report.profiles_per_s,
        unit: "profiles/s",
        // What eight clients send depends on how long each waits.
        ...(clients > 8 ? { target: THROUGHPUT_PER_S, moreIsBetter: true } : {}),
      },
      { figure: `${label}: acknowledged after, p50`, ours: report.lat_ms.p50, unit: "ms", ...(clients <= 8 ? { target: ACK_P50_MS } : {}) },
      { figure: `${label}: acknowledged after, p99`, ours: report.lat_ms.p99, unit: "ms" },
      { figure: `${label}: peak memory`, ours: after.peakBytes / 1e6, unit: "MB", target: PEAK_MB },
      { figure: `${label}: memory a minute after`, ours: after.restBytes / 1e6, unit: "MB" },
      { figure: `${label}: memory at rest, before any push`, ours: rest / 1e6, unit: "MB", target: REST_MB },
      { figure: `${label}: start to ready`, ours: server.readyAfterMs, unit: "ms", target: READY_MS },
    ];
    rows.push(...queryRows(label, server, report));
    return { rows, notes };
  } finally {
    await server.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

function queryRows(label: string, server: { readonly url: string; readonly pid: number }, report: LoadReport): readonly Row[] {
  const out = join(mkdtempSync(join(tmpdir(), "brazier-qbench-")), "results.jsonl");
  const range = ["-start", String(report.first_ms - 1), "-end", String(report.last_ms + 1)];
  const args = [
    "-queries",
    join(YARDSTICK, "queries.json"),
    "-url",
    server.url,
    "-pid",
    String(server.pid),
    "-n",
    "20",
    "-out",
    out,
    ...range,
  ];
  execFileSync(join(BIN, "qbench"), args, { stdio: ["ignore", "inherit", "inherit"] });
  return readFileSync(out, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { query: string; cpu_ms: number; med_ms: number; bytes: number; fail: number })
    .map(({ query, cpu_ms, med_ms, bytes, fail }) => {
      const target = QUERY_CPU_MS[query];
      const unit = `ms CPU (${med_ms.toFixed(1)} ms wall, ${bytes} bytes${fail === 0 ? "" : `, ${fail} FAILED`})`;
      return { figure: `${label}: ${query}`, ours: cpu_ms, unit, ...(target === undefined ? {} : { target }) };
    });
}

function symbolBytes(folder: string, count: number): number {
  const files = manifest(folder).map(({ file }) => file);
  const some = files.filter((_, index) => index % Math.ceil(files.length / 60) === 0);
  return receivedSymbolBytes(
    some.map((file) => readFileSync(join(folder, file))),
    count,
  );
}

/** A small profile, of this moment. */
function needle(): PushedProfile {
  const profile = makePprof({ stacks: { "main;needle": [1, 10_000_000] }, time: Date.now() });
  return { labels: { __name__: "process_cpu" }, profile };
}

function manifest(folder: string): readonly { readonly file: string }[] {
  return readFileSync(join(folder, "manifest.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { file: string });
}

function runLoad(args: readonly string[]): LoadReport {
  const { stdout, status } = spawnSync(join(BIN, "load"), args, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
    maxBuffer: 16 * 1024 * 1024,
  });
  if (status !== 0) throw new Error(`the load client ended with ${status}`);
  return JSON.parse(stdout) as LoadReport;
}

function build(): void {
  mkdirSync(BIN, { recursive: true });
  execFileSync("go", ["build", "-o", `${BIN}/`, "./cmd/..."], { cwd: YARDSTICK, stdio: ["ignore", "inherit", "inherit"] });
}

function fleetFolder(fleet: YardstickFleet): string {
  const folder = join(CACHE, `fleet-${fleet}`);
  if (!existsSync(join(folder, "manifest.jsonl"))) {
    execFileSync(join(BIN, "mkreplay"), ["-corpus", join(YARDSTICK, "corpus"), "-out", folder, ...FLEETS[fleet].args], {
      cwd: YARDSTICK,
      stdio: ["ignore", "ignore", "inherit"],
    });
  }
  return folder;
}
