import { systemClock } from "../../pipeline/base/clock.ts";
import { silentLog } from "../../pipeline/base/log.ts";
import { createRegistry } from "../../pipeline/base/metrics.ts";
import { systemRandom } from "../../pipeline/base/random.ts";
import { connectNats, type Nats } from "../../pipeline/nats/nats.ts";
import type { NatsOptions } from "../../pipeline/nats/options.ts";
import { MemoryStore } from "../../pipeline/objects/memory.ts";
import { type JetStreamQueue, type JetStreamQueueOptions, openJetStreamQueue } from "../../pipeline/queue/jetstream.ts";
import type { QueueMessage } from "../../pipeline/queue/queue.ts";

/* Queues on a real nats-server, with a number per partition in place of the catalog. Each queue has a connection of its own, as a process has. */

export const NO_SECRETS: Omit<NatsOptions, "servers"> = {
  credentialsFile: "",
  nkeyFile: "",
  user: "",
  password: "",
  passwordFile: "",
  tls: { caFile: "", certFile: "", keyFile: "" },
};

export const PARTITIONS = 4;
const WIDE = { messagesMax: 100, bytesMax: 1_000_000 };

export function link(options: Partial<NatsOptions> & { readonly servers: readonly string[] }, withinMs = 20_000): Promise<Nats> {
  return connectNats(
    { ...NO_SECRETS, ...options },
    { clock: systemClock, random: systemRandom, log: silentLog, registry: createRegistry(), connectWithinMs: withinMs },
  );
}

export class QueueWorld {
  readonly store = new MemoryStore();
  readonly fences: Error[] = [];
  readonly #servers: readonly string[];
  readonly #name: string;
  readonly #wish: Partial<JetStreamQueueOptions["stream"]>;
  readonly #committed = new Map<number, number>();
  /** Bodies in the order of their commits. */
  readonly stored: string[] = [];
  readonly #open: { readonly queue: JetStreamQueue; readonly nats: Nats }[] = [];

  constructor(servers: readonly string[], name: string, wish: Partial<JetStreamQueueOptions["stream"]> = {}) {
    this.#servers = servers;
    this.#name = name;
    this.#wish = wish;
  }

  /** With `isWorker`, it takes part in the sharing of partitions. */
  async queue(isWorker: boolean, options: Partial<JetStreamQueueOptions> = {}): Promise<JetStreamQueue & { readonly nats: Nats }> {
    const nats = await link({ servers: this.#servers });
    const queue = await openJetStreamQueue({
      nats,
      stream: {
        name: this.#name,
        partitions: PARTITIONS,
        replicas: 1,
        bytesMax: 64 * 1024 * 1024,
        ageMsMax: 0,
        duplicateWindowMs: 120_000,
        ...this.#wish,
      },
      store: this.store,
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
      bytesMax: 8 * 1024 * 1024,
      ...(isWorker
        ? {
            worker: {
              committed: async () => (partition) => this.#committed.get(partition) ?? 0,
              onFenced: (fault: Error) => void this.fences.push(fault),
              listenMs: 300,
            },
          }
        : {}),
      ...options,
    });
    this.#open.push({ queue, nats });
    return Object.assign(queue, { nats });
  }

  /** As the catalog does: what is at or below the committed sequence does not count again; a partition's progress is its last one. */
  commit(messages: readonly QueueMessage[]): void {
    for (const { partition, sequence, bytes } of messages) {
      if (sequence <= (this.#committed.get(partition) ?? 0)) continue;
      this.#committed.set(partition, sequence);
      this.stored.push(Buffer.from(bytes).toString());
    }
  }

  setCommitted(partition: number, sequence: number): void {
    this.#committed.set(partition, sequence);
  }

  /** A worker in an endless loop. `pauseMs` lies between pull and commit, as building does. */
  work(queue: JetStreamQueue, pauseMs: () => number, signal: AbortSignal): Promise<void> {
    return (async () => {
      while (!signal.aborted) {
        const messages = await queue.pull(WIDE, signal);
        await systemClock.sleep(pauseMs() as never);
        // Killed in between: neither committed nor acknowledged.
        if (signal.aborted) return;
        this.commit(messages);
        for (const message of messages) message.ack();
      }
    })();
  }

  /** A kill, as far as others see it: no goodbye, its messages in flight. */
  async kill(queue: JetStreamQueue & { readonly nats: Nats }): Promise<void> {
    await queue.nats.connection.close();
  }

  async close(): Promise<void> {
    for (const { queue, nats } of this.#open) {
      await queue.close().catch(() => {});
      await nats.close();
    }
  }
}

export const body = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Publishes until it is taken, as senders do. */
export async function publishUntilTaken(queue: JetStreamQueue, partition: number, text: string): Promise<void> {
  for (;;) {
    try {
      return await queue.publish(partition, { id: text, bytes: body(text) });
    } catch {
      await systemClock.sleep(50 as never);
    }
  }
}
