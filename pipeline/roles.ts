import type { Running } from "./base/lifecycle.ts";
import { type Bytes, MIB, type TenantId } from "./base/units.ts";
import type { TenantSettings } from "./config/overrides.ts";
import type { Config, TenantLimits } from "./config/schema.ts";
import type { ConnectRoutes, DirectRoute } from "./http/app.ts";
import type { PlainRoutes } from "./http/plain-app.ts";
import { IDLE_THREAD_MS, type PartName, type Parts } from "./parts.ts";
import { startCompactRole } from "./roles/compact/compact.ts";
import { deletionRoutes } from "./roles/compact/door/http.ts";
import { mergeOnThread } from "./roles/compact/merge-on-thread.ts";
import { takesLong } from "./roles/compact/merge-task.ts";
import { createDecodePool } from "./roles/ingest/decode-pool.ts";
import { directPush } from "./roles/ingest/door/direct-push.ts";
import { ingestRoutes } from "./roles/ingest/door/http.ts";
import { ingestRpcs } from "./roles/ingest/door/rpc.ts";
import { createIngest } from "./roles/ingest/ingest.ts";
import type { Ingest } from "./roles/ingest/ingest-door.ts";
import type { IngestLimits } from "./roles/ingest/limits.ts";
import { createIngestMetrics } from "./roles/ingest/metrics.ts";
import { querierRoutes } from "./roles/query/connect.ts";
import { directQueries } from "./roles/query/direct-queries.ts";
import { startDiskCache } from "./roles/query/disk-cache/keeper.ts";
import { querierPlainRoutes } from "./roles/query/http.ts";
import { startQueryRole } from "./roles/query/query.ts";
import { NatsBus } from "./roles/query/share/nats-bus.ts";
import type { QueryLimits } from "./roles/query/validate-range.ts";
import type { SegmentBytes } from "./roles/segment/build.ts";
import { startSegmentRole } from "./roles/segment/segment.ts";

/** What a role puts on the wire. */
export type Routes = {
  readonly connect: readonly ConnectRoutes[];
  readonly plain: readonly PlainRoutes[];
  readonly direct: readonly DirectRoute[];
};

export type StartedRole = Running & {
  readonly routes: Routes;
  /** The ingest role's door, for profiles of this process itself. */
  readonly ingest?: Ingest;
};

/**
 * The roles in the order of the data. `all` is every row. They are started from the end, so that a profile finds everybody downstream
 * awake, and stopped from the front, so that what is on its way still arrives.
 */
export const ROLES = {
  /** PROFILE IN → QUEUE */
  ingest: startIngest,
  /** QUEUE → SEGMENT */
  segment: startSegment,
  /** SEGMENTS → BLOCKS */
  compact: startCompact,
  /** QUESTION → ANSWER */
  query: startQuery,
} as const satisfies Record<string, (parts: Parts) => StartedRole>;

export type RoleName = keyof typeof ROLES;

/** Which parts the role asks for, beside the bucket and the threads. */
const NEEDS: Readonly<Record<RoleName, readonly PartName[]>> = {
  ingest: ["queue"],
  segment: ["queue", "worker", "catalog"],
  compact: ["catalog"],
  query: ["catalog"],
};

/** The roles that the configuration says, in the order of the data. */
export function rolesOf({ role }: Pick<Config, "role">): readonly RoleName[] {
  return ALL_ROLES.filter((name) => role.includes("all") || role.includes(name));
}

export function partsOf(roles: readonly RoleName[]): ReadonlySet<PartName> {
  return new Set(roles.flatMap((name) => NEEDS[name]));
}

export const ALL_ROLES = Object.keys(ROLES) as RoleName[];

const NO_ROUTES: Routes = { connect: [], plain: [], direct: [] };

function startIngest({
  config,
  decodeThreads,
  threads,
  queue,
  clock,
  random,
  registry,
  authenticate,
  tenants,
  bodies,
  log,
}: Parts): StartedRole {
  const pool = createDecodePool({ threads: decodeThreads, runTask: threads.for("decode") });
  const ingest = createIngest({
    queue,
    partitions: config.queue.partitions,
    pool,
    clock,
    random,
    limitsOf: (tenant) => ingestLimits(tenants.limitsOf(tenant)),
    metrics: createIngestMetrics(registry),
  });
  const bodyBytesMax = (tenant: TenantId): number => bodyBytes(tenants.limitsOf(tenant));
  return {
    ingest,
    routes: {
      connect: [ingestRpcs(ingest, messageBytesMax(config, tenants))],
      plain: [ingestRoutes({ ingest, bodies, bodyBytesMax })],
      direct: [directPush({ ingest, authenticate, bodies, bodyBytesMax, log })],
    },
    stop: () => pool.close(),
  };
}

function startSegment({ config, tracer, threads, queue, store, catalog, clock, random, log, registry }: Parts): StartedRole {
  const filename = new URL("./roles/segment/build-task.ts", import.meta.url).href;
  const run = threads.for("build");
  const role = startSegmentRole({
    queue,
    store,
    catalog,
    build: (messages) => run(messages, { filename }) as Promise<SegmentBytes>,
    clock,
    random,
    log: log.child({ role: "segment" }),
    registry,
    tracer,
    limits: { bytesMax: config.segment.segment_max, flushIntervalMs: config.segment.flush_interval_ms, idleMs: config.segment.idle_ms },
  });
  return { routes: NO_ROUTES, stop: () => role.stop() };
}

function startCompact({
  config,
  tracer,
  tenants,
  threads,
  store,
  location,
  exclusive,
  catalog,
  pins,
  clock,
  random,
  log,
  registry,
}: Parts): StartedRole {
  const routes: Routes = { ...NO_ROUTES, plain: [deletionRoutes({ catalog, clock, random })] };
  if (!config.compact.enabled) return { routes, stop: async () => {} };
  const role = startCompactRole({
    store,
    catalog,
    merge: mergeOnThread(threads.for("merge", takesLong), location),
    clock,
    random,
    log: log.child({ role: "compact" }),
    registry,
    tracer,
    retentionMs: tenants.retentionMs,
    pins,
    exclusive,
    intervalMs: config.compact.interval,
    // Queries of other processes hold no pin here: the default for a shared bucket is longer than any of them.
    ...(exclusive ? { retiredGraceMs: config.compact.grace } : {}),
  });
  return { routes, stop: () => role.stop() };
}

function startQuery({
  config,
  cores,
  location,
  catalog,
  pins,
  clock,
  authenticate,
  tenants,
  bodies,
  log,
  registry,
  nats,
}: Parts): StartedRole {
  const role = startQueryRole({
    catalog,
    pin: (version) => pins.pin(version),
    threads: {
      location,
      threads: threadsOr(config.query.threads, Math.max(1, Math.min(Math.floor(cores / 2), 8))),
      cacheBytes: config.query.cache_max as Bytes,
      idleMs: IDLE_THREAD_MS,
    },
    clock,
    registry,
    limits: { datasetsMax: DATASETS_MAX, bytesMax: 0, durationMsMax: config.query.timeout },
    limitsOf: (tenant) => {
      const { query_concurrency_max, query_read_max } = tenants.limitsOf(tenant);
      return { concurrencyMax: query_concurrency_max, readBytesMax: query_read_max };
    },
    waitingMax: config.query.waiting_max,
    diskCache:
      config.query.cache_dir === ""
        ? undefined
        : startDiskCache({
            folder: config.query.cache_dir,
            bytesMax: config.query.cache_disk_max,
            clock,
            log: log.child({ role: "query" }),
          }),
    peers:
      nats === undefined
        ? undefined
        : { bus: new NatsBus(nats.connection), shareAboveBytes: config.query.share_above, log: log.child({ role: "query" }) },
  });
  const deps = { ask: role.ask, limitsOf: (tenant: TenantId) => queryLimits(tenants.limitsOf(tenant)), clock };
  return {
    routes: {
      connect: [querierRoutes(deps)],
      plain: [querierPlainRoutes(deps)],
      direct: directQueries({ ...deps, authenticate, bodies, log }),
    },
    stop: () => role.stop(),
  };
}

/** Parts of objects that one query may touch: some weeks of a large fleet before compaction. */
const DATASETS_MAX = 1_000_000;

/** Where a tenant's bodies have no bound, memory still has one. */
const BODY_BYTES_MAX = 1024 * MIB;

function bodyBytes(limits: TenantLimits): number {
  return limits.body_max === 0 ? BODY_BYTES_MAX : limits.body_max;
}

/**
 * The largest message that any tenant may send, for readers that do not know the tenant yet. A tenant whose limit is raised above all
 * others while the process runs gets the rest of it with the next start.
 */
function messageBytesMax({ limits, limits_per_tenant }: Config, tenants: TenantSettings): number {
  const named = [...Object.keys(limits_per_tenant), ...Object.keys(tenants.overrides())];
  return Math.max(bodyBytes(limits), ...named.map((tenant) => bodyBytes(tenants.limitsOf(tenant))));
}

function threadsOr(configured: number, otherwise: number): number {
  return configured === 0 ? otherwise : configured;
}

function queryLimits(limits: TenantLimits): QueryLimits {
  return {
    lookbackMs: limits.query_lookback_max,
    lengthMsMax: limits.query_length_max,
    flamegraphNodesDefault: limits.flamegraph_nodes_default,
    flamegraphNodesMax: limits.flamegraph_nodes_max,
  };
}

function ingestLimits(limits: TenantLimits): IngestLimits {
  return {
    ingestionRateBytesPerSecond: limits.ingestion_rate,
    ingestionBurstBytes: limits.ingestion_burst,
    bodyBytesMax: limits.body_max,
    profileBytesMax: limits.profile_max,
    samplesMax: limits.samples_max,
    sampleLabelsMax: limits.sample_labels_max,
    stackDepthMax: limits.stack_depth_max,
    symbolBytesMax: limits.symbol_max,
    labelNamesMax: limits.label_names_max,
    labelNameBytesMax: limits.label_name_max,
    labelValueBytesMax: limits.label_value_max,
    sanitizeLabelNames: limits.sanitize_label_names,
    sessionsPerSeriesMax: limits.sessions_per_series_max,
    rejectNewerThanMs: limits.reject_newer_than,
    rejectOlderThanMs: limits.reject_older_than,
  };
}
