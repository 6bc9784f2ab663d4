import { JetStreamApiError, type JetStreamClient, type PubAck } from "@nats-io/jetstream";
import { headers } from "@nats-io/transport-node";
import type { CodedError } from "../../base/errors.ts";
import { KIB, SECOND_MS } from "../../base/units.ts";
import type { Nats } from "../../nats/nats.ts";
import { queueError } from "../errors.ts";
import type { OutgoingMessage } from "../queue.ts";
import type { Inbox } from "./inbox.ts";
import { INBOX_HEADER } from "./inbox.ts";

export type PublisherDeps = {
  readonly nats: Nats;
  readonly js: JetStreamClient;
  readonly subjectOf: (partition: number) => string;
  readonly inbox: Inbox;
  /** Bytes on their way at once before senders are told to pause. */
  readonly bytesMax: number;
  readonly messageBytesMax: number;
};

/** SDKs wait ten seconds for an answer; half of it leaves time for the rest. */
const ACK_WITHIN_MS = 5 * SECOND_MS;
const RETRY_AFTER_SECONDS = 1;
/** Subject, id and the other headers of a message count against the server's bound, too. */
const HEADER_ROOM_BYTES = 4 * KIB;
/** Error codes of the JetStream API that say the stream has reached its bound: bytes, messages, or the account's storage. */
const FULL: ReadonlySet<number> = new Set([10047, 10077, 10120, 10122]);
/** Without an answer of the server's we do not know its bound: what every server takes. */
const PAYLOAD_MAX_BYTES = 1024 * KIB;

/**
 * Ingest's end of the stream: a publish resolves when the stream has the message on as many servers as it is told to. Memory is bounded: by
 * `bytesMax`, and by refusing at once while NATS does not answer.
 */
export class Publisher {
  readonly #deps: PublisherDeps;
  #bytes = 0;
  /** An answer stayed out: nobody is told to wait for the next one before a ping has come back. */
  #isStalled = false;

  constructor(deps: PublisherDeps) {
    this.#deps = deps;
  }

  /** Errors: `queue_full`, `queue_unavailable`, `queue_message_too_large`, those of the bucket for a message that goes through the inbox. */
  async publish(partition: number, message: OutgoingMessage, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const { nats, bytesMax, messageBytesMax } = this.#deps;
    const size = message.bytes.byteLength;
    if (size > messageBytesMax) {
      const facts = { size_bytes: size, size_bytes_max: messageBytesMax };
      throw queueError("queue_message_too_large", `a message of ${size} bytes is above the bound of ${messageBytesMax}`, { facts });
    }
    if (!nats.isConnected || this.#isStalled) throw unavailable("NATS does not answer");
    if (this.#bytes > 0 && this.#bytes + size > bytesMax) {
      const facts = { retryAfterSeconds: RETRY_AFTER_SECONDS, waiting_bytes: this.#bytes, waiting_bytes_max: bytesMax };
      throw queueError("queue_full", "more profiles arrive than the queue takes: pause and send again", { facts });
    }
    this.#bytes += size;
    try {
      const payloadMax = nats.connection.info?.max_payload ?? PAYLOAD_MAX_BYTES;
      if (size + HEADER_ROOM_BYTES > payloadMax) await this.#byInbox(partition, message);
      else await this.#send(partition, message, message.bytes);
    } finally {
      this.#bytes -= size;
    }
  }

  /** The object first, so that a message never refers to nothing. */
  async #byInbox(partition: number, message: OutgoingMessage): Promise<void> {
    const key = await this.#deps.inbox.put(message.bytes);
    let ack: PubAck;
    try {
      ack = await this.#send(partition, message, new Uint8Array(), key);
    } catch (error) {
      // Only a message that surely is not in the stream lets its object go; of the others the sweep knows when.
      if (isRefusal(error)) await this.#deps.inbox.remove(key);
      throw error;
    }
    if (ack.duplicate) await this.#deps.inbox.remove(key);
  }

  async #send(partition: number, message: OutgoingMessage, bytes: Uint8Array, inboxKey?: string): Promise<PubAck> {
    const { js, subjectOf } = this.#deps;
    const options = { msgID: message.id, timeout: ACK_WITHIN_MS };
    try {
      if (inboxKey === undefined && message.headers === undefined) return await js.publish(subjectOf(partition), bytes, options);
      const head = headers();
      for (const [name, value] of Object.entries(message.headers ?? {})) head.set(name, value);
      if (inboxKey !== undefined) head.set(INBOX_HEADER, inboxKey);
      return await js.publish(subjectOf(partition), bytes, { ...options, headers: head });
    } catch (error) {
      throw this.#fault(error);
    }
  }

  #fault(error: unknown): CodedError {
    if (error instanceof JetStreamApiError) {
      const facts = { retryAfterSeconds: RETRY_AFTER_SECONDS, api_code: error.code };
      if (FULL.has(error.code)) {
        return queueError("queue_full", "the stream is full until profiles are stored: pause and send again", { cause: error, facts });
      }
      return queueError("queue_unavailable", `the stream does not take messages now: ${error.message}`, { cause: error, facts });
    }
    if (error instanceof Error && error.name === "TimeoutError") this.#stall();
    return unavailable("NATS did not answer in time", error);
  }

  /** A ping tells a server that is silent from a stream that was only slow. */
  #stall(): void {
    if (this.#isStalled) return;
    this.#isStalled = true;
    const { connection } = this.#deps.nats;
    const over = (): void => {
      this.#isStalled = false;
    };
    // A connection that is given up ends the ping with an error, and from then on it counts as not connected.
    connection.rtt().then(over, over);
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof Error && error.cause instanceof JetStreamApiError;
}

function unavailable(why: string, cause?: unknown) {
  return queueError("queue_unavailable", `${why}: send again`, { cause, facts: { retryAfterSeconds: RETRY_AFTER_SECONDS } });
}
