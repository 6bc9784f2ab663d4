import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type FaultyProxy, startFaultyProxy } from "../../test/harness/faulty-proxy.ts";
import { metricOf } from "../../test/harness/metrics.ts";
import { startS3 } from "../../test/harness/s3.ts";
import { type Server, startServer } from "../../test/harness/server.ts";
import { load } from "./load.ts";
import { fleetOf, questionsAbout } from "./own-bench.ts";
import { folderSize } from "./process-figures.ts";
import { ask, type Query, queries } from "./queries.ts";
import type { Row } from "./table.ts";

/*
 * What a question costs where the bucket is across a network: an S3 server behind a proxy that lets each request wait. Asked of a process that has just
 * started, again of the same one, and of a new one that finds the disk of the old one.
 */

export type CacheBenchOptions = { readonly profiles: number; readonly seed: number };

/** About what Amazon's S3 takes to the first byte. */
const DELAY_MS = 20;
const STARTS = 3;
const ASKED = ["merge_cpu_all_services", "series_cpu_by_service", "pprof_cpu_one_service"];

/** As a bucket looks before compaction: many small objects. */
const SEGMENTS = { segment: { flush_interval_ms: 300, idle_ms: 100 } };

type Figures = { readonly ms: number; readonly requests: number; readonly bytes: number };
type Ground = { readonly storage: Readonly<Record<string, unknown>>; readonly proxy: FaultyProxy };

export async function cacheBench(
  options: CacheBenchOptions,
): Promise<{ readonly rows: readonly Row[]; readonly notes: readonly string[] }> {
  const fleet = fleetOf(options);
  const s3 = await startS3();
  const proxy = await startFaultyProxy(s3.url);
  const folder = mkdtempSync(join(tmpdir(), "brazier-bench-cache-"));
  const ground: Ground = { storage: { ...s3.storage, s3: { ...(s3.storage["s3"] as object), endpoint: proxy.url } }, proxy };
  try {
    const writer = await start(ground, {}, SEGMENTS);
    proxy.behave({ kind: "pass" });
    const { refusal } = await load(writer.port, fleet.profiles, 8);
    if (refusal !== undefined) throw new Error(`profiles were refused: ${refusal}`);
    await writer.stop();
    const segments = folderSize(join(s3.root, "segments"));
    const questions = questionsAbout(fleet).filter(({ name }) => ASKED.includes(name));
    const rows: Row[] = [];
    for (const question of questions) rows.push(...(await rowsOf(question, ground, join(folder, question.name))));
    rows.push({ figure: "disk used by all of them", ours: folderSize(folder).bytes / 1e6, unit: "MB" });
    const notes = [
      `${fleet.profiles.length} profiles in ${segments.files} segments that were not compacted; versitygw behind a proxy that keeps each request for ${DELAY_MS} ms`,
      `cold: the first question of a process; memory: the same again; disk: the first of another process over the same \`query.cache_dir\``,
      `wall time, the median of ${STARTS} processes, whose threads were started by a question about nothing`,
      "requests and bytes are GETs of S3 that found something",
    ];
    return { rows, notes };
  } finally {
    await proxy.close();
    await s3.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function rowsOf(question: Query, ground: Ground, folder: string): Promise<readonly Row[]> {
  const cold: Figures[] = [];
  const memory: Figures[] = [];
  const disk: Figures[] = [];
  for (let run = 0; run < STARTS; run++) {
    const query = { cache_dir: join(folder, String(run)) };
    const first = await start(ground, query);
    cold.push(await asked(first, question));
    memory.push(await asked(first, question));
    await first.stop();
    const second = await start(ground, query);
    disk.push(await asked(second, question));
    await second.stop();
  }
  return [
    ["cold", cold],
    ["memory", memory],
    ["disk", disk],
  ].map(([from, figures]) => rowOf(`${question.name}: ${from}`, figures as readonly Figures[]));
}

function rowOf(figure: string, figures: readonly Figures[]): Row {
  const { ms, requests, bytes } = figures.toSorted((a, b) => a.ms - b.ms)[figures.length >> 1]!;
  return { figure, ours: ms, unit: `ms, ${requests} requests, ${(bytes / 1e6).toFixed(2)} MB` };
}

async function start({ storage, proxy }: Ground, query: Readonly<Record<string, unknown>>, more: object = {}): Promise<Server> {
  proxy.behave({ kind: "pass" });
  const limits = { ingestion_rate: 0, reject_older_than: "0s" };
  const server = await startServer({ config: { storage, limits, query, compact: { enabled: false }, ...more }, readyWithinMs: 60_000 });
  for (const nothing of queries({ startMs: 1, endMs: 60_000, service: "none", otherService: "none" }))
    await ask(server, nothing, { runs: 1, warmUps: 0 });
  proxy.behave({ kind: "slow", delayMs: DELAY_MS });
  return server;
}

async function asked(server: Server, question: Query): Promise<Figures> {
  const counted = () =>
    Promise.all(
      ['brazier_s3_requests_total{operation="get",outcome="ok"}', "brazier_s3_read_bytes_total"].map((line) => metricOf(server.url, line)),
    ) as Promise<[number, number]>;
  const before = await counted();
  const { medianMs } = await ask(server, question, { runs: 1, warmUps: 0 });
  const after = await counted();
  return { ms: medianMs, requests: after[0] - before[0], bytes: after[1] - before[1] };
}
