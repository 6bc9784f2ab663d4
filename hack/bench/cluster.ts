import type { PushedProfile } from "../../test/harness/client.ts";
import { type Installation, ROLE_NAMES, type RoleName, startInstallation } from "../../test/harness/installation.ts";
import { metricOf } from "../../test/harness/metrics.ts";
import { type S3TestServer, startS3 } from "../../test/harness/s3.ts";
import { until } from "../../test/harness/until.ts";
import { calibrate } from "./calibrate.ts";
import { watchFreshness, watchQuestion } from "./cluster-watchers.ts";
import type { Fleet } from "./fleet.ts";
import { type LoadResult, load, quantile } from "./load.ts";
import { elsewhere, fleetOf, questionsAbout } from "./own-bench.ts";
import { figuresOf } from "./process-figures.ts";
import type { Row } from "./table.ts";

/*
 * Brazier as a cluster runs it, all of it on this machine: each role in processes of its own, NATS, a real S3 server. Clients push as fast as they are
 * answered while one asks for flame graphs and one looks how soon its own profile is found. All of them share the cores with the load, so what travels to
 * another machine is the CPU of each role, and how it changes with the number of processes.
 */

export type ClusterBenchOptions = { readonly profiles: number; readonly seed: number };

type Shape = Readonly<Record<RoleName, number>>;

const SHAPES: readonly Shape[] = [
  { ingest: 1, segment: 1, compact: 1, query: 1 },
  { ingest: 1, segment: 2, compact: 1, query: 1 },
  { ingest: 2, segment: 4, compact: 2, query: 2 },
];
/** Workers that find a full queue: does twice as many take half the time, and no more CPU? */
const DRAINERS = [1, 2, 4] as const;
const CLIENTS = 64;
/** A large fleet reaches back for more than an hour. */
const CONFIG = { limits: { ingestion_rate: 0, reject_older_than: "0s" } };
/** All of the fleet waits in it for the workers of {@link drain}. */
const STREAM = { max_bytes: "4GiB" };
const WARM_UPS = 200;

export async function clusterBench(
  options: ClusterBenchOptions,
): Promise<{ readonly rows: readonly Row[]; readonly notes: readonly string[] }> {
  const fleet = fleetOf(options);
  const calibration = calibrate(fleet.profiles.slice(0, 100).map(({ profile }) => profile));
  const s3 = await startS3();
  const rows: Row[] = [];
  try {
    for (const [at, shape] of SHAPES.entries()) rows.push(...(await underLoad(shape, { fleet, s3, prefix: `load-${at}` })));
    for (const workers of DRAINERS) rows.push(...(await drain(workers, { fleet, s3, prefix: `drain-${workers}` })));
  } finally {
    await s3.stop();
  }
  const notes = [
    `${fleet.profiles.length} profiles of ${(fleet.gzipBytes / fleet.profiles.length / 1000).toFixed(1)} KB gzipped on average from ${CLIENTS} clients; seed ${options.seed}`,
    `one parse = ${calibration.cpuMsPerProfile.toFixed(2)} ms of CPU (${calibration.by})`,
    "`1 + 2 + 1 + 1` is the number of processes that ingest, segment, compact and query; one NATS server, one versitygw",
    "the load, NATS and S3 run on the same cores: throughput and times are those of this machine with everything on it",
    "CPU is counted until everything is stored; compaction goes on afterwards, and what a process compiles in its first seconds is in it",
  ];
  return { rows, notes };
}

type Ground = { readonly fleet: Fleet; readonly s3: S3TestServer; readonly prefix: string };

async function underLoad(shape: Shape, { fleet, s3, prefix }: Ground): Promise<readonly Row[]> {
  const installation = await startInstallation({
    processes: shape,
    stream: STREAM,
    config: { ...CONFIG, storage: { ...s3.storage, prefix } },
  });
  try {
    const ports = installation.of("ingest").map(({ port }) => port);
    const query = installation.url("query");
    // What the first requests cost is the compiler's.
    await pushAll(ports, fleet.profiles.slice(0, WARM_UPS).map(elsewhere));
    await stored(installation, WARM_UPS);
    const before = spent(installation, s3);
    const commitsBefore = await commits(installation);
    const freshness = watchFreshness({ push: installation.url("ingest"), query, profile: fleet.profiles[0]! });
    const asking = watchQuestion(query, questionsAbout(fleet)[0]!);
    const pushed = await pushAll(ports, fleet.profiles);
    const [fresh, answered] = await Promise.all([freshness.stop(), asking.stop()]);
    await stored(installation, WARM_UPS + pushed.acknowledged + fresh.length);
    const after = spent(installation, s3);
    const profiles = pushed.acknowledged + fresh.length;
    const row = (figure: string, ours: number, unit: string): Row => ({ figure: `${nameOf(shape)}: ${figure}`, ours, unit });
    const cpu = ROLE_NAMES.map((role) => (after[role] - before[role]) / profiles);
    return [
      row("throughput", (pushed.acknowledged / pushed.wallMs) * 1000, "profiles/s"),
      row(
        "CPU per profile, all roles but query",
        cpu.reduce((sum, ms, at) => sum + (ROLE_NAMES[at] === "query" ? 0 : ms), 0),
        "ms",
      ),
      ...ROLE_NAMES.map((role, at) =>
        role === "query"
          ? row("CPU of query", after.query - before.query, `ms for ${answered.length} flame graphs and the looks of the freshness`)
          : row(`CPU per profile, ${role}`, cpu[at]!, "ms"),
      ),
      ...(await commitRows(installation, commitsBefore)).map(({ figure, ours, unit }) => row(figure, ours, unit)),
      row("CPU per profile, NATS", (after.nats - before.nats) / profiles, "ms"),
      row("CPU per profile, S3", (after.s3 - before.s3) / profiles, "ms"),
      row("acknowledged after, p50", quantile(pushed.latenciesMs, 0.5), "ms"),
      row("acknowledged after, p99", quantile(pushed.latenciesMs, 0.99), "ms"),
      row("acknowledged → found, p50", quantile(fresh, 0.5), `ms of ${fresh.length}`),
      row("acknowledged → found, p99", quantile(fresh, 0.99), "ms"),
      row("flame graph while ingesting, p50", quantile(answered, 0.5), `ms of ${answered.length}`),
      row("flame graph while ingesting, p99", quantile(answered, 0.99), "ms"),
      ...ROLE_NAMES.map((role) =>
        row(`peak memory, ${role}`, Math.max(...installation.of(role).map(({ pid }) => figuresOf(pid).peakBytes)) / 1e6, "MB a process"),
      ),
    ];
  } finally {
    await installation.stop();
  }
}

/** A full queue, then workers: nothing else runs, so that they have the cores to themselves. */
async function drain(workers: number, { fleet, s3, prefix }: Ground): Promise<readonly Row[]> {
  const config = { ...CONFIG, storage: { ...s3.storage, prefix } };
  const installation = await startInstallation({ processes: { ingest: 1, segment: 0, compact: 0, query: 0 }, stream: STREAM, config });
  try {
    const ports = installation.of("ingest").map(({ port }) => port);
    const { acknowledged } = await pushAll(ports, fleet.profiles);
    const startMs = performance.now();
    await Promise.all(Array.from({ length: workers }, () => installation.add("segment")));
    await stored(installation, acknowledged);
    const wallMs = performance.now() - startMs;
    const name = `full queue, ${workers} worker${workers === 1 ? "" : "s"}`;
    const committed = await commitRows(installation, { made: 0, anew: 0, atMs: startMs });
    const cpuMs = installation.of("segment").reduce((sum, { pid }) => sum + figuresOf(pid).cpuMs, 0);
    return [
      { figure: `${name}: stored`, ours: (acknowledged / wallMs) * 1000, unit: "profiles/s, their start included" },
      { figure: `${name}: CPU per profile, segment`, ours: cpuMs / acknowledged, unit: "ms, their start included" },
      ...committed.map((row) => ({ ...row, figure: `${name}: ${row.figure}` })),
    ];
  } finally {
    await installation.stop();
  }
}

/** All of them: figures of what was refused would be wrong without saying so. */
async function pushAll(ports: readonly number[], profiles: readonly PushedProfile[]): Promise<LoadResult> {
  const result = await load(ports, profiles, CLIENTS);
  if (result.refusal !== undefined) throw new Error(`${result.refused} profiles were refused: ${result.refusal}`);
  return result;
}

type Spent = Record<RoleName | "nats" | "s3", number>;

function spent(installation: Installation, s3: S3TestServer): Spent {
  const sum = (pids: readonly number[]): number => pids.reduce((all, pid) => all + figuresOf(pid).cpuMs, 0);
  const roles = Object.fromEntries(ROLE_NAMES.map((role) => [role, sum(installation.of(role).map(({ pid }) => pid))]));
  return { ...(roles as Record<RoleName, number>), nats: sum(installation.nats.nodes.map(({ child }) => child.pid)), s3: sum([s3.pid]) };
}

type Commits = { readonly made: number; readonly anew: number; readonly atMs: number };

/** Of all who commit: entries of the catalog's log, and changes that were made anew because another one was faster. */
async function commits(installation: Installation): Promise<Commits> {
  const committers = [...installation.of("segment"), ...installation.of("compact")];
  const sumOf = async (line: string): Promise<number> =>
    (await Promise.all(committers.map(({ url }) => metricOf(url, line)))).reduce((sum, count) => sum + count, 0);
  return {
    made: await sumOf("brazier_catalog_commits_total"),
    anew: await sumOf("brazier_catalog_conflicts_total"),
    atMs: performance.now(),
  };
}

async function commitRows(installation: Installation, before: Commits): Promise<readonly Row[]> {
  const after = await commits(installation);
  const made = after.made - before.made;
  return [
    { figure: "commits to the catalog", ours: (made / (after.atMs - before.atMs)) * 1000, unit: `a second, ${made} in all` },
    { figure: "changes made anew", ours: (after.anew - before.anew) / Math.max(made, 1), unit: "a commit" },
  ];
}

/** Resolves when the workers together have made this many messages visible. */
async function stored(installation: Installation, messages: number): Promise<void> {
  const count = async (): Promise<number> => {
    const pages = await Promise.all(installation.of("segment").map(async ({ url }) => (await fetch(`${url}/metrics`)).text()));
    return pages.reduce((sum, page) => sum + Number(/^brazier_segment_messages_total (\d+)/m.exec(page)?.[1] ?? 0), 0);
  };
  await until(`${messages} messages in segments`, async () => (await count()) >= messages, { withinMs: 180_000, everyMs: 100 });
}

function nameOf(shape: Shape): string {
  return ROLE_NAMES.map((role) => shape[role]).join(" + ");
}
