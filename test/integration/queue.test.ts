import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../pipeline/base/clock.ts";
import { silentLog } from "../../pipeline/base/log.ts";
import { createRegistry } from "../../pipeline/base/metrics.ts";
import { systemRandom } from "../../pipeline/base/random.ts";
import { connectNats, type Nats } from "../../pipeline/nats/nats.ts";
import type { NatsOptions } from "../../pipeline/nats/options.ts";
import { MemoryStore } from "../../pipeline/objects/memory.ts";
import { describeQueue } from "../../pipeline/queue/conformance.ts";
import { type JetStreamQueue, type JetStreamQueueOptions, openJetStreamQueue } from "../../pipeline/queue/jetstream.ts";
import { type NatsTestServer, startNats } from "../harness/nats.ts";
import { until } from "../harness/until.ts";

/*
 * Goal: the stream keeps what the queue promises, whoever dies. Method: a real nats-server; one "worker" is one queue object with a
 * connection of its own, and the catalog is a number per partition.
 */

const NONE: Omit<NatsOptions, "servers"> = {
  credentialsFile: "",
  nkeyFile: "",
  user: "",
  password: "",
  passwordFile: "",
  tls: { caFile: "", certFile: "", keyFile: "" },
};
const WIDE = { messagesMax: 100, bytesMax: 1_000_000 };
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

let server: NatsTestServer;
const open: { queue: JetStreamQueue; nats: Nats }[] = [];
let streams = 0;

async function link(options: Partial<NatsOptions> = {}): Promise<Nats> {
  return connectNats(
    { ...NONE, servers: server.urls, ...options },
    { clock: systemClock, random: systemRandom, log: silentLog, registry: createRegistry(), connectWithinMs: 10_000 },
  );
}

const newStream = () => `T${++streams}`;

async function openQueue(name: string, options: Partial<JetStreamQueueOptions> = {}): Promise<JetStreamQueue> {
  const nats = options.nats ?? (await link());
  const queue = await openJetStreamQueue({
    nats,
    stream: { name, partitions: 4, replicas: 1, bytesMax: 64 * 1024 * 1024, ageMsMax: 0, duplicateWindowMs: 120_000 },
    store: new MemoryStore(),
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
    bytesMax: 8 * 1024 * 1024,
    worker: {
      committed: async () => () => 0,
      onFenced: () => {},
      listenMs: 50,
    },
    ...options,
  });
  open.push({ queue, nats });
  return queue;
}

beforeAll(async () => {
  server = await startNats({ config: "max_payload: 64KB" });
});

afterAll(async () => {
  await Promise.all(open.map(async ({ queue, nats }) => queue.close().finally(() => nats.close())));
  await server.stop();
});

describeQueue("JetStream", () => openQueue(newStream(), { messageBytesMax: 10_000 }));
describe("x", () => it("y", () => expect(until).toBeDefined()));
