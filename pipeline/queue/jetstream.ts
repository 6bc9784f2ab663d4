import { type JetStreamManager, jetstream, jetstreamManager, type StreamInfo } from "@nats-io/jetstream";
import type { Clock } from "../base/clock.ts";
import { isCoded } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import { type DurationMs, MIB, MINUTE_MS, type UnixMs } from "../base/units.ts";
import type { Nats } from "../nats/nats.ts";
import { newObjectId } from "../objects/object-id.ts";
import type { ObjectStore } from "../objects/object-store.ts";
import { queueError } from "./errors.ts";
import { assignPartitions } from "./jetstream/assignment.ts";
import { Inbox } from "./jetstream/inbox.ts";
import { Members } from "./jetstream/members.ts";
import { Publisher } from "./jetstream/publisher.ts";
import { Puller } from "./jetstream/puller.ts";
import { Purger } from "./jetstream/purger.ts";
import { isNoStream, openStream, type StreamWish, streamIdOf, subjectPrefix } from "./jetstream/stream.ts";
import type { OutgoingMessage, PullBounds, Queue, QueueDepth, QueueMessage } from "./queue.ts";

export type JetStreamQueueOptions = {
  readonly nats: Nats;
  readonly stream: StreamWish;
  /** Holds messages that are too large for the stream. */
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Bytes being published at once. */
  readonly bytesMax: number;
  readonly messageBytesMax?: number;
  /** For a worker; a process that only publishes leaves it out. */
  readonly worker?: WorkerOptions;
};

export type WorkerOptions = {
  /** Where each partition of a stream stands in the newest catalog: the last sequence that is stored, 0 for none. */
  readonly committed: (stream: string) => Promise<(partition: number) => number>;
  /** The stream is not what it was, and this worker must not go on: see `queue_stream_replaced` and `queue_stream_rewound`. */
  readonly onFenced: (fault: Error) => void;
  readonly listenMs?: number;
  /** Where workers call each other, by default a subject of the stream: those who do not hear each other all own everything. */
  readonly subject?: string;
};

const MESSAGE_BYTES_MAX = 64 * MIB;
const SWEEP_EVERY_MS = 10 * MINUTE_MS;

/**
 * The queue between processes: one JetStream stream, one subject per partition.
 * Errors: those of {@link openStream} and {@link Queue}.
 */
export async function openJetStreamQueue(options: JetStreamQueueOptions): Promise<JetStreamQueue> {
  const jsm = await jetstreamManager(options.nats.connection, { checkAPI: false });
  const id = await openStream(jsm, options.stream, options);
  return new JetStreamQueue(options, jsm, id);
}

/** Made by {@link openJetStreamQueue}. */
export class JetStreamQueue implements Queue {
  readonly description: string;
  readonly isDurable = true;
  readonly #jsm: JetStreamManager;
  readonly #options: JetStreamQueueOptions;
  readonly #streamId: string;
  readonly #publisher: Publisher;
  readonly #purger: Purger;
  readonly #inbox: Inbox;
  readonly #puller: Puller | undefined;
  readonly #members: Members | undefined;
  readonly #closing = new AbortController();
  #ownsSweep = false;
  #sweeping: Promise<void> | undefined;

  constructor(options: JetStreamQueueOptions, jsm: JetStreamManager, streamId: string) {
    const { nats, stream, clock, random, log, worker } = options;
    const prefix = `${subjectPrefix(stream.name)}.`;
    const subjectOf = (partition: number): string => prefix + partition;
    this.description = `stream ${stream.name}`;
    this.#options = options;
    this.#jsm = jsm;
    this.#streamId = streamId;
    this.#inbox = new Inbox(options);
    this.#publisher = new Publisher({
      nats,
      js: jetstream(nats.connection),
      subjectOf,
      inbox: this.#inbox,
      bytesMax: options.bytesMax,
      messageBytesMax: options.messageBytesMax ?? MESSAGE_BYTES_MAX,
    });
    this.#purger = new Purger({ jsm, stream: stream.name, subjectOf, checkStream: () => this.#info(), clock, log });
    if (worker === undefined) return;
    const puller = new Puller({
      nats,
      stream: stream.name,
      subjectOf,
      partitionOf: (subject) => Number(subject.slice(prefix.length)),
      positions: () => this.#positions(worker),
      inbox: this.#inbox,
      purger: this.#purger,
      clock,
      log,
    });
    const id = newObjectId(clock, random);
    this.#members = new Members({
      nats,
      clock,
      subject: worker.subject ?? `brazier.workers.${stream.name}`,
      id,
      onChange: (workers) => {
        const mine = assignPartitions(workers, stream.partitions).get(id) ?? [];
        this.#ownsSweep = mine.includes(0);
        puller.own(mine);
      },
      ...(worker.listenMs === undefined ? {} : { listenMs: worker.listenMs }),
    });
    this.#puller = puller;
    puller.start();
    this.#members.start();
    this.#sweeping = this.#sweep();
  }

  async streamId(): Promise<string> {
    return this.#streamId;
  }

  publish(partition: number, message: OutgoingMessage, signal?: AbortSignal): Promise<void> {
    return this.#publisher.publish(partition, message, signal);
  }

  pull(bounds: PullBounds, signal: AbortSignal): Promise<readonly QueueMessage[]> {
    if (this.#puller === undefined) throw new Error("this queue was opened to publish only");
    return this.#puller.pull(bounds, signal);
  }

  async depth(): Promise<QueueDepth> {
    await this.#purger.flush();
    const { state } = await this.#info();
    const oldestMs = state.messages === 0 ? undefined : (Date.parse(state.first_ts) as UnixMs);
    return { messages: state.messages, bytes: state.messages === 0 ? 0 : state.bytes, oldestMs };
  }

  /** Resolves when the stream answers. Errors: `queue_unavailable`, `queue_stream_replaced`. */
  async check(): Promise<void> {
    const { nats } = this.#options;
    if (!nats.isConnected) throw queueError("queue_unavailable", "NATS does not answer");
    await this.#info();
  }

  /** Lets go of the partitions, and takes what is stored out of the stream. */
  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    await this.#members?.leave();
    await this.#puller?.close();
    await this.#sweeping;
    await this.#purger.close();
  }

  /**
   * What the stream is now; one that was deleted is made again, so that senders are taken care of. A worker knows sequences of the old one and must not
   * go on; who only publishes takes what is there.
   */
  async #info(): Promise<StreamInfo> {
    const { stream, worker } = this.#options;
    let info: StreamInfo;
    try {
      info = await this.#findOrMake();
    } catch (cause) {
      if (isCoded(cause)) throw cause;
      throw queueError("queue_unavailable", `stream ${stream.name} does not answer: ${String(cause)}`, { cause });
    }
    const found = streamIdOf(stream.name, info.created);
    if (found === this.#streamId || worker === undefined) return info;
    const message = `stream ${stream.name} was deleted and made anew: sequences begin again, start this process again`;
    throw this.#fence(queueError("queue_stream_replaced", message, { facts: { was: this.#streamId, is: found } }));
  }

  async #findOrMake(): Promise<StreamInfo> {
    const { stream } = this.#options;
    try {
      return await this.#jsm.streams.info(stream.name);
    } catch (error) {
      if (!isNoStream(error)) throw error;
    }
    await openStream(this.#jsm, stream, this.#options);
    return this.#jsm.streams.info(stream.name);
  }

  /** The stream must reach to what was stored from it, or new messages get numbers that count as stored already, and would be dropped. */
  async #positions({ committed }: WorkerOptions): Promise<(partition: number) => number> {
    const positionOf = await committed(this.#streamId);
    const { state } = await this.#info();
    const { name, partitions } = this.#options.stream;
    const last = Math.max(0, ...Array.from({ length: partitions }, (_, partition) => positionOf(partition)));
    if (last <= state.last_seq) return positionOf;
    const message = `stream ${name} ends at ${state.last_seq}, though ${last} is stored already: its servers have lost what they had taken. Delete the stream; a new one is made at the next start`;
    throw this.#fence(queueError("queue_stream_rewound", message, { facts: { last_sequence: state.last_seq, stored_sequence: last } }));
  }

  #fence<Fault extends Error>(fault: Fault): Fault {
    this.#options.worker?.onFenced(fault);
    return fault;
  }

  /** One worker looks now and then for objects of the inbox that nobody will ask for. */
  async #sweep(): Promise<void> {
    const { clock, log } = this.#options;
    const { signal } = this.#closing;
    while (!signal.aborted) {
      await clock.sleep(SWEEP_EVERY_MS as DurationMs, signal);
      if (signal.aborted || !this.#ownsSweep) continue;
      try {
        const removed = await this.#inbox.sweep((await this.depth()).oldestMs, signal);
        if (removed > 0) log.info({ objects: removed }, "inbox objects that no message refers to are removed");
      } catch (error) {
        if (!signal.aborted) log.warn({ err: error }, "looking for orphans of the inbox failed, will try again");
      }
    }
  }
}
