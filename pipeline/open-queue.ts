import { assert } from "./base/assert.ts";
import type { Clock } from "./base/clock.ts";
import type { Log } from "./base/log.ts";
import type { Random } from "./base/random.ts";
import type { BucketCatalog } from "./catalog/bucket-catalog.ts";
import type { Config } from "./config/schema.ts";
import type { Nats } from "./nats/nats.ts";
import type { NatsOptions } from "./nats/options.ts";
import type { ObjectStore } from "./objects/object-store.ts";
import { openJetStreamQueue } from "./queue/jetstream.ts";
import { MemoryQueue } from "./queue/memory.ts";
import type { Queue } from "./queue/queue.ts";

export type OpenQueueDeps = {
  readonly nats: Nats | undefined;
  readonly store: ObjectStore;
  /** Of a process that takes messages out of the queue; undefined for one that only publishes. */
  readonly catalog: BucketCatalog | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
};

export type OpenedQueue = {
  readonly queue: Queue;
  /** Resolves when the queue takes messages, rejects with the fault that keeps it from doing so. */
  readonly check: () => Promise<void>;
};

/** The queue that the configuration says. Errors: those of `openJetStreamQueue`. */
export async function openQueue(config: Config, deps: OpenQueueDeps): Promise<OpenedQueue> {
  const { clock, random, store, catalog, nats } = deps;
  const { kind, max, partitions, nats: wish } = config.queue;
  if (kind === "memory") return { queue: new MemoryQueue({ clock, bytesMax: max }), check: async () => {} };
  assert(nats !== undefined, "a stream is reached over the connection");
  const log = deps.log.child({ part: "queue" });
  const queue = await openJetStreamQueue({
    nats,
    stream: {
      name: wish.stream,
      partitions,
      replicas: wish.replicas,
      bytesMax: wish.max_bytes,
      ageMsMax: wish.max_age,
      duplicateWindowMs: wish.duplicate_window,
    },
    store,
    clock,
    random,
    log,
    bytesMax: max,
    ...(catalog === undefined ? {} : { worker: { committed: (stream) => committed(catalog, stream), onFenced: endProcess(log) } }),
  });
  return { queue, check: () => queue.check() };
}

/** The connection's half of the keys. */
export function natsOptions({ queue: { nats } }: Config): NatsOptions {
  return {
    servers: nats.servers,
    credentialsFile: nats.credentials_file,
    nkeyFile: nats.nkey_file,
    user: nats.user,
    password: nats.password,
    passwordFile: nats.password_file,
    tls: { caFile: nats.tls.ca_file, certFile: nats.tls.cert_file, keyFile: nats.tls.key_file },
  };
}

async function committed(catalog: BucketCatalog, stream: string): Promise<(partition: number) => number> {
  const state = await catalog.refresh();
  return (partition) => state.consumedSequence(stream, partition);
}

/** A worker of a stream that is no more has nothing to go on with; whoever supervises the process starts it anew. */
function endProcess(log: Log): (fault: Error) => void {
  let isEnding = false;
  return (fault) => {
    if (isEnding) return;
    isEnding = true;
    log.error({ err: fault }, "this worker cannot go on, the process ends");
    queueMicrotask(() => {
      throw fault;
    });
  };
}
