import type { BusMessage, MessageBus } from "../message-bus.ts";

type Subscription = { readonly onMessage: (message: BusMessage) => void; readonly group: string | undefined; readonly process: MemoryBus };

/** The part of a bus that all processes share. */
export class MemoryBroker {
  readonly #subscriptions = new Map<string, Subscription[]>();
  #inboxes = 0;
  #turn = 0;
  /** Decides whether a message gets through. */
  delivers: (subject: string, bytes: Uint8Array) => boolean = () => true;

  process(payloadBytesMax = 1 << 20): MemoryBus {
    return new MemoryBus(this, payloadBytesMax);
  }

  publish(subject: string, bytes: Uint8Array, reply: string | undefined): void {
    const copy = bytes.slice();
    setImmediate(() => {
      if (!this.delivers(subject, copy)) return;
      const listeners = this.#subscriptions.get(subject) ?? [];
      if (listeners.length === 0 && reply !== undefined) {
        const message = { bytes: new Uint8Array(), reply: undefined, isUndeliverable: true };
        for (const { onMessage } of this.#subscriptions.get(reply) ?? []) onMessage(message);
      }
      const message = { bytes: copy, reply, isUndeliverable: false };
      const grouped = listeners.filter(({ group }) => group !== undefined);
      for (const one of listeners.filter(({ group }) => group === undefined)) one.onMessage(message);
      if (grouped.length > 0) grouped[this.#turn++ % grouped.length]!.onMessage(message);
    });
  }

  subscribe(subject: string, subscription: Subscription): () => void {
    const list = this.#subscriptions.get(subject) ?? [];
    this.#subscriptions.set(subject, [...list, subscription]);
    return () => this.#remove((one) => one === subscription);
  }

  /** As a kill: what the process listened to is gone. */
  drop(process: MemoryBus): void {
    this.#remove((one) => one.process === process);
  }

  inbox(): string {
    return `inbox.${++this.#inboxes}`;
  }

  #remove(which: (subscription: Subscription) => boolean): void {
    for (const [subject, list] of this.#subscriptions) {
      const kept = list.filter((one) => !which(one));
      if (kept.length === 0) this.#subscriptions.delete(subject);
      else this.#subscriptions.set(subject, kept);
    }
  }
}

/** One process on the bus. */
export class MemoryBus implements MessageBus {
  readonly payloadBytesMax: number;
  readonly #broker: MemoryBroker;
  #isAlive = true;

  constructor(broker: MemoryBroker, payloadBytesMax: number) {
    this.#broker = broker;
    this.payloadBytesMax = payloadBytesMax;
  }

  publish(subject: string, bytes: Uint8Array, reply?: string): void {
    if (bytes.length > this.payloadBytesMax) throw new Error(`a message of ${bytes.length} bytes, ${this.payloadBytesMax} are allowed`);
    if (this.#isAlive) this.#broker.publish(subject, bytes, reply);
  }

  subscribe(subject: string, onMessage: (message: BusMessage) => void, group?: string): () => void {
    return this.#broker.subscribe(subject, { onMessage, group, process: this });
  }

  inbox(): string {
    return this.#broker.inbox();
  }

  kill(): void {
    this.#isAlive = false;
    this.#broker.drop(this);
  }
}
