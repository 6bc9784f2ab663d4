import { availableParallelism } from "node:os";
import { authMode } from "./auth-mode.ts";
import { assert } from "./base/assert.ts";
import { type Clock, systemClock } from "./base/clock.ts";
import type { Log } from "./base/log.ts";
import { createRegistry, type Registry } from "./base/metrics.ts";
import { type Random, systemRandom } from "./base/random.ts";
import type { Tracer } from "./base/trace.ts";
import { type BucketCatalog, openCatalog } from "./catalog/bucket-catalog.ts";
import { followCatalog } from "./catalog/follow.ts";
import { observeCatalog } from "./catalog/metrics.ts";
import { natsHints } from "./catalog/nats-hints.ts";
import { NO_OVERRIDES, readOverridesFile, type TenantSettings, tenantSettings } from "./config/overrides.ts";
import { Reloader } from "./config/reloader.ts";
import type { Config } from "./config/schema.ts";
import { type Authenticate, createAuthenticate } from "./http/authenticate.ts";
import { Bodies } from "./http/bodies.ts";
import { createGate, type Gate } from "./http/gate.ts";
import { connectNats, type Nats } from "./nats/nats.ts";
import type { StoreLocation } from "./objects/location.ts";
import type { ObjectStore } from "./objects/object-store.ts";
import { openStore } from "./objects/open-store.ts";
import { probeCreate } from "./objects/probe.ts";
import { measured } from "./objects/s3-metrics.ts";
import { natsOptions, type OpenedQueue, openQueue } from "./open-queue.ts";
import type { Queue } from "./queue/queue.ts";
import { Pins } from "./roles/compact/pins.ts";
import { isExclusive, storeLocation } from "./store-location.ts";
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
  readonly store: ObjectStore;
  /** The same bucket, for threads that attach to it. */
  readonly location: StoreLocation;
  /** Nobody else uses the bucket. */
  readonly exclusive: boolean;
  /** For roles that name it in their row. */
  readonly queue: Queue;
  /** For roles that name it in their row. */
  readonly catalog: BucketCatalog;
  /** The one connection of this process, where the configuration has NATS. */
  readonly nats: Nats | undefined;
  /** Resolves when the parts that were opened do their work; rejects with the fault of one that does not. */
  readonly checkQueue: () => Promise<void>;
  /** Catalog versions that queries of this process still read from. */
  readonly pins: Pins;
  close(): Promise<void>;
};

/** What a role may need beside the bucket and the threads. */
export type PartName = "queue" | "catalog" | "worker";

/** Beyond it the listening thread cannot feed them. */
const DECODE_THREADS_MAX = 8;
/** Idle threads end, and a quiet server does all of its work on one: each thread costs some 30 MB. */
export const IDLE_THREAD_MS = 30_000;

/** What parts are opened for, and who watches. */
export type PartsOptions = { readonly needed: ReadonlySet<PartName>; readonly tracer: Tracer };

/**
 * Opens the bucket, and the queue and the catalog where they are needed.
 * Errors: `tokens_…`, `overrides_…`, those of NATS and the stream, `object_store_locked` (another process owns the directory), `object_store_unsuitable`,
 * `catalog_entry_corrupt`, those of the store.
 */
export async function openParts(config: Config, log: Log, { needed, tracer }: PartsOptions): Promise<Parts> {
  const clock = systemClock;
  const random = systemRandom;
  const registry = createRegistry();
  const reloader = new Reloader({ clock, log: log.child({ part: "reload" }), registry, intervalMs: config.reload_interval });
  const mode = authMode(config, reloader);
  const tenants = watchedTenants(config, reloader);
  const location = measured(storeLocation(config), registry);
  const store = await openStore(location, {
    clock,
    onForeign: (path) => log.warn({ path }, "the data directory holds something that is not an object, it is left alone"),
  });
  const opened: (() => Promise<unknown>)[] = [() => store.close()];
  const close = async (): Promise<void> => {
    for (let part = opened.pop(); part !== undefined; part = opened.pop()) await part();
  };
  try {
    await probeCreate({ store, clock, random });
    let nats: Nats | undefined;
    if (config.queue.kind === "nats") {
      const made = await connectNats(natsOptions(config), { clock, random, log: log.child({ part: "nats" }), registry });
      opened.push(() => made.close());
      nats = made;
    }
    const exclusive = isExclusive(config);
    let catalog: BucketCatalog | undefined;
    if (needed.has("catalog")) {
      const catalogLog = log.child({ part: "catalog" });
      const made = await openCatalog({ store, clock, random, log: catalogLog, exclusive });
      opened.push(() => made.close());
      observeCatalog(made, registry);
      catalog = made;
      if (!exclusive) {
        const hints = nats === undefined ? undefined : natsHints(nats, config.queue.nats.stream);
        const following = followCatalog({ catalog: made, clock, log: catalogLog, pollMs: config.catalog.poll, hints });
        opened.push(() => following.stop());
      }
    }
    const cores = availableParallelism();
    const decodeThreads = config.ingest.threads === 0 ? Math.max(1, Math.min(cores - 1, DECODE_THREADS_MAX)) : config.ingest.threads;
    const threads = new WorkThreads({ cores, decodeThreads, idleMs: IDLE_THREAD_MS });
    opened.push(() => threads.close());
    let queue: OpenedQueue | undefined;
    if (needed.has("queue")) {
      const made = await openQueue(config, { nats, store, catalog: needed.has("worker") ? catalog : undefined, clock, random, log });
      opened.push(() => made.queue.close());
      queue = made;
    }
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
      location,
      exclusive,
      nats,
      get queue() {
        assert(queue !== undefined, "a role that uses the queue names it in its row");
        return queue.queue;
      },
      get catalog() {
        assert(catalog !== undefined, "a role that uses the catalog names it in its row");
        return catalog;
      },
      checkQueue: async () => queue?.check(),
      pins: new Pins(),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function watchedTenants(config: Config, reloader: Reloader): TenantSettings {
  const { overrides_file } = config;
  if (overrides_file === "") return tenantSettings(config, () => NO_OVERRIDES);
  const overrides = reloader.watch("overrides_file", [overrides_file], () => readOverridesFile(overrides_file));
  return tenantSettings(config, () => overrides.current);
}
