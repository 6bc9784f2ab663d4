import type { PullBounds, Queue, QueueMessage } from "../../pipeline/queue/queue.ts";
import type { SimNode } from "./sim-node.ts";

export type StoredMessage = { readonly sequence: number; readonly id: string; readonly bytes: Uint8Array };

type Partition = { readonly messages: StoredMessage[]; readonly settled: Set<number> };

/**
 * A durable queue as a replicated stream behaves: a message is kept until it is acknowledged, acknowledgements get lost, everything
 * not acknowledged comes again, and two workers may believe that a partition is theirs. What it does promise is the order: each worker gets a
 * partition from the first message that is not acknowledged, in ascending order.
 */
export class SimStream {
  readonly streamId = "sim@1700000000000";
  readonly partitions: Partition[];
  readonly #ids = new Set<string>();
  readonly #pullers = new Set<SimPuller>();
  #losesAck: () => boolean = () => false;

  constructor(partitionCount: number) {
    this.partitions = Array.from({ length: partitionCount }, () => ({ messages: [], settled: new Set<number>() }));
  }

  set losesAck(decide: () => boolean) {
    this.#losesAck = decide;
  }

  /** Sequences count over all partitions, as in a stream of many subjects: within a partition they grow and have gaps. */
  publish(partition: number, id: string, bytes: Uint8Array): void {
    if (this.#ids.has(id)) return;
    this.#ids.add(id);
    this.partitions[partition]!.messages.push({ sequence: this.#ids.size, id, bytes });
    for (const puller of this.#pullers) puller.wake();
  }

  open(node: SimNode): SimPuller {
    const puller = new SimPuller(this, node);
    this.#pullers.add(puller);
    return puller;
  }

  settle(partition: number, sequence: number): void {
    if (!this.#losesAck()) this.partitions[partition]!.settled.add(sequence);
  }

  get unsettled(): number {
    return this.partitions.reduce((sum, { messages, settled }) => sum + messages.length - settled.size, 0);
  }
}

/** A worker's end of the stream. */
export class SimPuller implements Queue {
  readonly description = "simulated stream";
  readonly isDurable = true;
  readonly #stream: SimStream;
  readonly #node: SimNode;
  /** Partition → the last sequence handed out here. */
  readonly #cursors = new Map<number, number>();
  #waiting: (() => void)[] = [];

  constructor(stream: SimStream, node: SimNode) {
    this.#stream = stream;
    this.#node = node;
  }

  own(partition: number): void {
    if (!this.#cursors.has(partition)) this.#cursors.set(partition, 0);
    this.wake();
  }

  disown(partition: number): void {
    this.#cursors.delete(partition);
  }

  /** Everything that is not acknowledged comes again. */
  redeliver(): void {
    for (const partition of this.#cursors.keys()) this.#cursors.set(partition, 0);
    this.wake();
  }

  wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  async streamId(): Promise<string> {
    return this.#stream.streamId;
  }

  async publish(): Promise<void> {
    throw new Error("workers do not publish");
  }

  async pull(bounds: PullBounds, signal: AbortSignal): Promise<readonly QueueMessage[]> {
    for (;;) {
      await this.#node.moment();
      if (signal.aborted) return [];
      const messages = this.#take(bounds);
      if (messages.length > 0) return messages;
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
    }
  }

  async depth(): Promise<{ readonly messages: number; readonly bytes: number }> {
    return { messages: this.#stream.unsettled, bytes: 0 };
  }

  async close(): Promise<void> {}

  #take({ messagesMax, bytesMax }: PullBounds): QueueMessage[] {
    const taken: QueueMessage[] = [];
    let bytes = 0;
    for (const partition of this.#cursors.keys()) {
      const { messages, settled } = this.#stream.partitions[partition]!;
      for (const message of messages) {
        if (message.sequence <= this.#cursors.get(partition)! || settled.has(message.sequence)) continue;
        if (taken.length > 0 && (taken.length >= messagesMax || bytes + message.bytes.byteLength > bytesMax)) return taken;
        bytes += message.bytes.byteLength;
        this.#cursors.set(partition, message.sequence);
        taken.push(this.#deliver(partition, message));
      }
    }
    return taken;
  }

  #deliver(partition: number, { sequence, bytes }: StoredMessage): QueueMessage {
    const alive = (act: () => void) => (): void => {
      if (!this.#node.isDead) act();
    };
    return {
      partition,
      sequence,
      bytes,
      ack: alive(() => this.#stream.settle(partition, sequence)),
      term: alive(() => this.#stream.settle(partition, sequence)),
      nak: alive(() => {
        const cursor = this.#cursors.get(partition);
        if (cursor !== undefined) this.#cursors.set(partition, Math.min(cursor, sequence - 1));
        this.wake();
      }),
    };
  }
}
