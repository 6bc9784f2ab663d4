import type { JsMsg } from "@nats-io/jetstream";
import type { Clock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import { type DurationMs, MIB, SECOND_MS } from "../../base/units.ts";
import type { Nats } from "../../nats/nats.ts";
import { queueError } from "../errors.ts";
import type { PullBounds, QueueMessage } from "../queue.ts";
import { INBOX_HEADER, type Inbox } from "./inbox.ts";
import type { Purger } from "./purger.ts";
import { readStream } from "./reader.ts";

export type PullerDeps = {
  readonly nats: Nats;
  readonly stream: string;
  readonly subjectOf: (partition: number) => string;
  readonly partitionOf: (subject: string) => number;
  /** Where each partition stands in the newest catalog, having made sure that the stream is still the one that is meant. */
  readonly positions: () => Promise<(partition: number) => number>;
  readonly inbox: Inbox;
  readonly purger: Purger;
  readonly clock: Clock;
  readonly log: Log;
};

type Waiting = {
  readonly partition: number;
  readonly sequence: number;
  readonly bytes: Uint8Array;
  readonly headers: QueueMessage["headers"];
  readonly fault: QueueMessage["fault"];
  readonly inboxKey: string | undefined;
  /** Which of the times that this worker has owned the partition it came in. */
  readonly tenure: number;
};

/** What one partition of ours has come to. */
type Partition = { tenure: number; next: number };

/** Read and not pulled yet: enough for the next segments while one is being built. */
const WAITING_BYTES_MAX = 16 * MIB;
/** After messages came back with a fault: whatever is wrong is not better at once. */
const PAUSE_AFTER_FAULT_MS = SECOND_MS;
const PAUSE_MS = 500;

/**
 * A worker's end of the stream. Where it reads from is what the catalog says, never what a consumer remembers: each partition that becomes ours
 * is read from behind its last committed sequence, in ascending order.
 */
export class Puller {
  readonly #deps: PullerDeps;
  readonly #owned = new Map<number, Partition>();
  readonly #closing = new AbortController();
  /** Aborted when other partitions become ours. */
  #ownership = new AbortController();
  #wanted: ReadonlySet<number> = new Set();
  /** Ascending by sequence. */
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #tenures = 0;
  #pausedUntilMs = 0;
  #wakers: (() => void)[] = [];
  #running: Promise<void> | undefined;

  constructor(deps: PullerDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** From now on these partitions are ours, and no others. */
  own(partitions: readonly number[]): void {
    this.#wanted = new Set(partitions);
    this.#ownership.abort();
  }

  async pull(bounds: PullBounds, signal: AbortSignal): Promise<readonly QueueMessage[]> {
    for (;;) {
      if (signal.aborted || this.#closing.signal.aborted) return [];
      const pausedMs = this.#pausedUntilMs - this.#deps.clock.monotonicMs();
      if (this.#waiting.length > 0 && pausedMs <= 0) return this.#take(bounds);
      await this.#wakeOrAbort(signal, this.#waiting.length > 0 ? pausedMs : undefined);
    }
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#ownership.abort();
    this.#wake();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#deps;
    while (!this.#closing.signal.aborted) {
      this.#ownership = new AbortController();
      try {
        await this.#takeOver();
        await this.#read(this.#ownership.signal);
      } catch (error) {
        log.warn({ err: error }, "taking over partitions failed, will try again");
        await clock.sleep(PAUSE_MS as DurationMs, this.#closing.signal);
      }
    }
  }

  /** Lets go of what is not ours any more, and finds out where the rest begins. */
  async #takeOver(): Promise<void> {
    const wanted = this.#wanted;
    for (const partition of this.#owned.keys()) if (!wanted.has(partition)) this.#owned.delete(partition);
    this.#dropForeign();
    const gained = [...wanted].filter((partition) => !this.#owned.has(partition));
    if (gained.length === 0) return;
    const positionOf = await this.#deps.positions();
    for (const partition of gained) {
      const stored = positionOf(partition);
      this.#owned.set(partition, { tenure: ++this.#tenures, next: stored + 1 });
      // Whoever committed it may have died before it was taken out.
      this.#deps.purger.stored(partition, stored);
    }
    this.#deps.log.info({ partitions: this.#owned.size, gained: gained.length }, "partitions taken over");
  }

  async #read(signal: AbortSignal): Promise<void> {
    const { nats, stream, subjectOf, partitionOf, clock, log } = this.#deps;
    if (this.#owned.size === 0) return aborted(signal);
    const sequence = Math.min(...[...this.#owned.values()].map(({ next }) => next));
    const subjects = [...this.#owned.keys()].map(subjectOf);
    for await (const message of readStream({ nats, clock, log }, { stream, subjects, sequence }, signal)) {
      const number = partitionOf(message.subject);
      const partition = this.#owned.get(number);
      if (partition === undefined || message.seq < partition.next) continue;
      const waiting = await this.#receive(message, number, partition.tenure, signal);
      if (waiting === undefined || signal.aborted) return;
      partition.next = message.seq + 1;
      this.#waiting.push(waiting);
      this.#waitingBytes += waiting.bytes.byteLength;
      this.#wake();
      while (this.#waitingBytes > WAITING_BYTES_MAX && !signal.aborted) await this.#wakeOrAbort(signal);
    }
  }

  /** With its bytes, wherever they are. Undefined when the signal was aborted while the bucket was away. */
  async #receive(message: JsMsg, partition: number, tenure: number, signal: AbortSignal): Promise<Waiting | undefined> {
    const { inbox, clock, log } = this.#deps;
    const inboxKey = message.headers?.get(INBOX_HEADER) || undefined;
    const common = { partition, sequence: message.seq, headers: headersOf(message), tenure, inboxKey };
    // Copied: the client's bytes are a part of what came over the wire, of no alignment, and would keep all of it in memory.
    if (inboxKey === undefined) return { ...common, bytes: new Uint8Array(message.data), fault: undefined };
    while (!signal.aborted) {
      try {
        const bytes = await inbox.get(inboxKey);
        if (bytes !== undefined) return { ...common, bytes, fault: undefined };
        const fault = queueError("inbox_object_missing", `the bytes of this message are not in the bucket: ${inboxKey}`, {
          facts: { key: inboxKey },
        });
        return { ...common, bytes: new TextEncoder().encode(inboxKey), fault };
      } catch (error) {
        log.warn({ err: error, key: inboxKey }, "a large message cannot be read from the bucket, will try again");
        await clock.sleep(PAUSE_MS as DurationMs, signal);
      }
    }
    return undefined;
  }

  #take({ messagesMax, bytesMax }: PullBounds): readonly QueueMessage[] {
    let count = 0;
    let bytes = 0;
    for (const waiting of this.#waiting) {
      if (count > 0 && (count >= messagesMax || bytes + waiting.bytes.byteLength > bytesMax)) break;
      count++;
      bytes += waiting.bytes.byteLength;
    }
    this.#waitingBytes -= bytes;
    const taken = this.#waiting.splice(0, count);
    this.#wake();
    return taken.map((waiting) => this.#deliver(waiting));
  }

  #deliver(waiting: Waiting): QueueMessage {
    const { partition, sequence, bytes, headers, fault, inboxKey } = waiting;
    const { purger, inbox, clock } = this.#deps;
    let isSettled = false;
    const settle = (then: () => void) => (): void => {
      if (isSettled) return;
      isSettled = true;
      then();
    };
    const stored = settle(() => {
      purger.stored(partition, sequence);
      if (inboxKey !== undefined) void inbox.remove(inboxKey);
    });
    return {
      partition,
      sequence,
      bytes,
      headers,
      ...(fault === undefined ? {} : { fault }),
      ack: stored,
      term: stored,
      nak: (reason) => {
        if (reason !== undefined) this.#pausedUntilMs = clock.monotonicMs() + PAUSE_AFTER_FAULT_MS;
        settle(() => this.#putBack(waiting))();
      },
    };
  }

  /** In its old place. What came in an earlier tenure is read again with the rest, if the partition is ours. */
  #putBack(waiting: Waiting): void {
    if (this.#owned.get(waiting.partition)?.tenure !== waiting.tenure) return;
    const at = this.#waiting.findIndex(({ sequence }) => sequence > waiting.sequence);
    this.#waiting.splice(at === -1 ? this.#waiting.length : at, 0, waiting);
    this.#waitingBytes += waiting.bytes.byteLength;
    this.#wake();
  }

  #dropForeign(): void {
    this.#waiting = this.#waiting.filter(({ partition, tenure }) => this.#owned.get(partition)?.tenure === tenure);
    this.#waitingBytes = this.#waiting.reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
  }

  async #wakeOrAbort(signal: AbortSignal, withinMs?: number): Promise<void> {
    const over = new AbortController();
    const woken = new Promise<void>((resolve) => {
      const done = (): void => {
        signal.removeEventListener("abort", done);
        this.#wakers = this.#wakers.filter((waker) => waker !== done);
        over.abort();
        resolve();
      };
      this.#wakers.push(done);
      signal.addEventListener("abort", done, { once: true });
      if (signal.aborted) done();
      else if (withinMs !== undefined) void this.#deps.clock.sleep(Math.ceil(withinMs) as DurationMs, over.signal).then(done);
    });
    await woken;
  }

  #wake(): void {
    for (const waker of [...this.#wakers]) waker();
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** Without those of the queue itself and of NATS. */
function headersOf({ headers }: JsMsg): QueueMessage["headers"] {
  if (headers === undefined) return undefined;
  const own = headers.keys().filter((name) => name !== INBOX_HEADER && !name.startsWith("Nats-"));
  return own.length === 0 ? undefined : Object.fromEntries(own.map((name) => [name, headers.get(name)]));
}
