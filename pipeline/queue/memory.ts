import type { Clock } from "../base/clock.ts";
import { CodedError, FaultKind } from "../base/errors.ts";
import { MIB } from "../base/units.ts";
import { DuplicateWindow } from "./duplicate-window.ts";
import type { OutgoingMessage, PullBounds, Queue, QueueMessage } from "./queue.ts";

export type MemoryQueueOptions = {
  readonly clock: Clock;
  /** `<name>@<creation>`; by default of this moment, as the sequences of a new process start at 1 again. */
  readonly streamId?: string;
  /** Bytes waiting or being worked on before publishers are told to pause. */
  readonly bytesMax?: number;
  readonly messageBytesMax?: number;
  readonly duplicateWindowMs?: number;
};

/** 128 MiB: a second or two of a full load, and a small part of the memory that the whole process may take. */
const BYTES_MAX = 128 * MIB;
const MESSAGE_BYTES_MAX = 64 * MIB;
const DUPLICATE_WINDOW_MS = 120_000;
const RETRY_AFTER_SECONDS = 1;

type Waiting = {
  readonly partition: number;
  readonly sequence: number;
  readonly headers: OutgoingMessage["headers"];
  readonly bytes: Uint8Array;
  /** Over all partitions: messages are handed out in the order they came. */
  readonly order: number;
  readonly resolve: () => void;
  readonly reject: (fault: Error) => void;
};

/**
 * The queue of a single process. Nothing is durable here, so a publish resolves only when the worker has committed the
 * message to the bucket: a sender that was not answered sends again, and a crash loses nothing that was answered.
 */
export class MemoryQueue implements Queue {
  readonly description = "in-process queue";
  readonly isDurable = false;
  readonly #clock: Clock;
  readonly #streamId: string;
  readonly #bytesMax: number;
  readonly #messageBytesMax: number;
  readonly #published: DuplicateWindow;
  readonly #lastSequences = new Map<number, number>();
  /** Not pulled, ascending by `order`. */
  #waiting: Waiting[] = [];
  /** Pulled, not settled. */
  readonly #pulled = new Set<Waiting>();
  #bytes = 0;
  #order = 0;
  #wakePullers: (() => void)[] = [];
  #closed = false;

  constructor(options: MemoryQueueOptions) {
    this.#clock = options.clock;
    this.#streamId = options.streamId ?? `memory@${options.clock.nowMs()}`;
    this.#bytesMax = options.bytesMax ?? BYTES_MAX;
    this.#messageBytesMax = options.messageBytesMax ?? MESSAGE_BYTES_MAX;
    this.#published = new DuplicateWindow(options.duplicateWindowMs ?? DUPLICATE_WINDOW_MS);
  }

  async streamId(): Promise<string> {
    return this.#streamId;
  }

  publish(partition: number, message: OutgoingMessage, signal?: AbortSignal): Promise<void> {
    if (this.#closed) return Promise.reject(stopping());
    if (signal?.aborted === true) return Promise.reject(signal.reason);
    const now = this.#clock.nowMs();
    const duplicate = this.#published.find(message.id, now);
    if (duplicate !== undefined) return duplicate;
    const size = message.bytes.byteLength;
    if (size > this.#messageBytesMax) return Promise.reject(tooLarge(size, this.#messageBytesMax));
    // An empty queue takes any legal message, or one larger than the bound would be refused for ever.
    if (this.#bytes > 0 && this.#bytes + size > this.#bytesMax) return Promise.reject(full(this.#bytes, this.#bytesMax));

    const sequence = (this.#lastSequences.get(partition) ?? 0) + 1;
    this.#lastSequences.set(partition, sequence);
    this.#bytes += size;
    const settled = new Promise<void>((resolve, reject) => {
      this.#waiting.push({ partition, sequence, bytes: message.bytes, headers: message.headers, order: this.#order++, resolve, reject });
    });
    this.#published.add(message.id, settled, now);
    this.#wake();
    return settled;
  }

  async pull(bounds: PullBounds, signal: AbortSignal): Promise<readonly QueueMessage[]> {
    while (this.#waiting.length === 0) {
      if (signal.aborted || this.#closed) return [];
      await this.#somethingToPull(signal);
    }
    if (signal.aborted) return [];
    let count = 0;
    let bytes = 0;
    for (const {
      bytes: { byteLength },
    } of this.#waiting) {
      if (count > 0 && (count >= bounds.messagesMax || bytes + byteLength > bounds.bytesMax)) break;
      count++;
      bytes += byteLength;
    }
    const taken = this.#waiting.splice(0, count);
    for (const message of taken) this.#pulled.add(message);
    return taken.map((message) => this.#deliver(message));
  }

  async depth(): Promise<{ readonly messages: number; readonly bytes: number }> {
    return { messages: this.#waiting.length + this.#pulled.size, bytes: this.#bytes };
  }

  /** Publishers still waiting are told that their messages are not safe. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const message of [...this.#waiting, ...this.#pulled]) message.reject(stopping());
    this.#waiting = [];
    this.#pulled.clear();
    this.#bytes = 0;
    this.#wake();
  }

  #deliver(message: Waiting): QueueMessage {
    const settle = (then: () => void): void => {
      if (!this.#pulled.delete(message)) return; // settled before, or the queue is closed
      this.#bytes -= message.bytes.byteLength;
      then();
    };
    return {
      partition: message.partition,
      sequence: message.sequence,
      bytes: message.bytes,
      headers: message.headers,
      ack: () => settle(message.resolve),
      term: (fault) => settle(() => message.reject(fault)),
      nak: (fault) => (fault === undefined ? this.#putBack(message) : settle(() => message.reject(fault))),
    };
  }

  /** In its old place, so that a partition is handed out in ascending sequence again. */
  #putBack(message: Waiting): void {
    if (!this.#pulled.delete(message)) return;
    const at = this.#waiting.findIndex(({ order }) => order > message.order);
    this.#waiting.splice(at === -1 ? this.#waiting.length : at, 0, message);
    this.#wake();
  }

  #somethingToPull(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        signal.removeEventListener("abort", done);
        this.#wakePullers = this.#wakePullers.filter((wake) => wake !== done);
        resolve();
      };
      this.#wakePullers.push(done);
      signal.addEventListener("abort", done, { once: true });
    });
  }

  #wake(): void {
    for (const wake of this.#wakePullers) wake();
  }
}

function stopping(): CodedError {
  return new CodedError("queue_unavailable", FaultKind.Unavailable, "the server is stopping: send again", {
    facts: { retryAfterSeconds: RETRY_AFTER_SECONDS },
  });
}

function full(bytes: number, bytesMax: number): CodedError {
  return new CodedError("queue_full", FaultKind.Limited, "more profiles arrive than can be stored: pause and send again", {
    facts: { retryAfterSeconds: RETRY_AFTER_SECONDS, waiting_bytes: bytes, waiting_bytes_max: bytesMax },
  });
}

function tooLarge(size: number, sizeMax: number): CodedError {
  return new CodedError("queue_message_too_large", FaultKind.TooLarge, `a message of ${size} bytes is above the bound of ${sizeMax}`, {
    facts: { size_bytes: size, size_bytes_max: sizeMax },
  });
}
