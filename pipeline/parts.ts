import { availableParallelism } from "node:os";
import { authMode } from "./auth-mode.ts";
import { type Clock, systemClock } from "./base/clock.ts";
import type { Log } from "./base/log.ts";
import { createRegistry, type Registry } from "./base/metrics.ts";
import { type Random, systemRandom } from "./base/random.ts";
import type { Tracer } from "./base/trace.ts";
import { type BucketCatalog, openCatalog } from "./catalog/bucket-catalog.ts";
import { NO_OVERRIDES, readOverridesFile, type TenantSettings, tenantSettings } from "./config/overrides.ts";
import { Reloader } from "./config/reloader.ts";
import type { Config } from "./config/schema.ts";
import { type Authenticate, createAuthenticate } from "./http/authenticate.ts";
import { Bodies } from "./http/bodies.ts";
import { createGate, type Gate } from "./http/gate.ts";
import { type DirectoryStore, openDirectoryStore } from "./objects/directory.ts";
import { probeCreate } from "./objects/probe.ts";
import { MemoryQueue } from "./queue/memory.ts";
import type { Queue } from "./queue/queue.ts";
import { Pins } from "./roles/compact/pins.ts";
import { WorkThreads } from "./work-threads.ts";

/** What roles are made of. Opened once, in this order, and closed in reverse. */
export type Parts = {
  readonly config: Config;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly registry: Registry;
  readonly tracer: Tracer;
  /** Files that may change while the process runs. */
  readonly reloader: Reloader;
  readonly authenticate: Authenticate;
  readonly gate: Gate;
  /** Limits and retention of single tenants. */
  readonly tenants: TenantSettings;
  /** Bounds the bodies of all requests together. */
  readonly bodies: Bodies;
  /** Cores this process may use. */
  readonly cores: number;
  /** Decoding jobs at the same time. */
  readonly decodeThreads: number;
  /** Threads for the work of ingest, segment and compact. */
  readonly threads: WorkThreads;
  readonly store: DirectoryStore;
  readonly queue: Queue;
  readonly catalog: BucketCatalog;
  /** Catalog versions that queries of this process still read from. */
  readonly pins: Pins;
  close(): Promise<void>;
};

/** Beyond it the listening thread cannot feed them. */
const DECODE_THREADS_MAX = 8;
/** Idle threads end, and a quiet server does all of its work on one: each thread costs some 30 MB. */
export const IDLE_THREAD_MS = 30_000;

/**
 * Opens the bucket, the queue and the catalog.
 * Errors: `tokens_…`, `overrides_…`, `object_store_locked` (another process owns the directory), `object_store_unsuitable`, `catalog_entry_corrupt`, those of the store.
 */
export async function openParts(config: Config, log: Log, tracer: Tracer): Promise<Parts> {
  const clock = systemClock;
  const random = systemRandom;
  const registry = createRegistry();
  const reloader = new Reloader({ clock, log: log.child({ part: "reload" }), registry, intervalMs: config.reload_interval });
  const mode = authMode(config, reloader);
  const tenants = watchedTenants(config, reloader);
  const store = await openDirectoryStore({
    path: config.data_dir,
    fsync: config.segment.fsync,
    clock,
    onForeign: (path) => log.warn({ path }, "the data directory holds something that is not an object, it is left alone"),
  });
  try {
    await probeCreate({ store, clock, random });
    const catalog = await openCatalog({ store, clock, random, log: log.child({ part: "catalog" }), exclusive: true });
    const cores = availableParallelism();
    const decodeThreads = config.ingest.threads === 0 ? Math.max(1, Math.min(cores - 1, DECODE_THREADS_MAX)) : config.ingest.threads;
    const threads = new WorkThreads({ decodeThreads, idleMs: IDLE_THREAD_MS });
    const queue = new MemoryQueue({ clock, bytesMax: config.ingest.queue_max });
    return {
      config,
      clock,
      random,
      log,
      registry,
      tracer,
      reloader,
      authenticate: createAuthenticate(mode),
      gate: createGate(mode),
      tenants,
      bodies: new Bodies(config.http.bodies_in_flight_max, registry),
      cores,
      decodeThreads,
      threads,
      store,
      queue,
      catalog,
      pins: new Pins(),
      close: async () => {
        await queue.close();
        await threads.close();
        await catalog.close();
        await store.close();
      },
    };
  } catch (error) {
    await store.close();
    throw error;
  }
}

function watchedTenants(config: Config, reloader: Reloader): TenantSettings {
  const { overrides_file } = config;
  if (overrides_file === "") return tenantSettings(config, () => NO_OVERRIDES);
  const overrides = reloader.watch("overrides_file", [overrides_file], () => readOverridesFile(overrides_file));
  return tenantSettings(config, () => overrides.current);
}
