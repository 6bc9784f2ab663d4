import type { CodedError } from "../base/errors.ts";
import type { UnixMs } from "../base/units.ts";

/**
 * The queue between ingest and segment workers: partitions, each a sequence of messages that starts at 1 and grows.
 *
 * Errors (CodedError): `queue_full` (limited), `queue_unavailable` (unavailable), `queue_message_too_large` (too_large).
 */
export interface Queue {
  readonly description: string;
  /** What waits in it outlives this process: a worker that stops leaves it there for the others. */
  readonly isDurable: boolean;
  /** Name and creation of the stream behind this queue: sequences count only within one identity. */
  streamId(): Promise<string>;
  /**
   * Resolves when the message is safe: stored durably by the queue, or (in-process queue) committed to the bucket by the
   * worker that acknowledged it. Rejects with the fault when it is neither.
   */
  publish(partition: number, message: OutgoingMessage, signal?: AbortSignal): Promise<void>;
  /**
   * Waits for at least one message of the partitions this puller owns, then gives what is there, up to the bounds. Empty when the signal is aborted.
   *
   * Each partition comes in ascending sequence from its first message that is not acknowledged, for every puller that believes it owns it: a
   * commit counts all sequences up to its last one, so a puller that was handed a later message before an earlier one would lose that.
   */
  pull(bounds: PullBounds, signal: AbortSignal): Promise<readonly QueueMessage[]>;
  /** Messages and bytes waiting (not pulled or pulled and not settled). */
  depth(): Promise<QueueDepth>;
  close(): Promise<void>;
}

export type QueueDepth = {
  readonly messages: number;
  readonly bytes: number;
  /** When the oldest of them came, of a queue that outlives this process. */
  readonly oldestMs?: UnixMs | undefined;
};

export type OutgoingMessage = {
  /** A second message with the same id within the duplicate window is taken as already published. */
  readonly id: string;
  readonly bytes: Uint8Array;
  /** Small facts beside the bytes, such as the trace they belong to. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
};

export type PullBounds = { readonly messagesMax: number; readonly bytesMax: number };

export interface QueueMessage {
  readonly partition: number;
  readonly sequence: number;
  readonly bytes: Uint8Array;
  /** As published. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Its bytes cannot be had, for this reason: it is to be put aside. */
  readonly fault?: CodedError;
  /** After the commit that counts it. */
  ack(): void;
  /**
   * To be delivered again, before any later message of its partition. With a fault (why it cannot be worked on for now), a queue that holds
   * nothing durably gives the message back to its publisher instead, who still has it and gets the fault.
   */
  nak(fault?: Error): void;
  /** Never again: the worker has put it aside (dead letter) or refuses it; the in-process publisher gets the fault. */
  term(fault: Error): void;
}
