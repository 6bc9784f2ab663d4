import { createInbox, type NatsConnection } from "@nats-io/transport-node";
import type { BusMessage, MessageBus } from "./message-bus.ts";

/** Status of the answer that the server gives when nobody listens. */
const NO_RESPONDERS = 503;

/** Core NATS: nothing is stored. While the connection is away nothing is sent, and whoever waits runs out of patience. */
export class NatsBus implements MessageBus {
  readonly #connection: NatsConnection;

  constructor(connection: NatsConnection) {
    this.#connection = connection;
  }

  get payloadBytesMax(): number {
    return this.#connection.info?.max_payload ?? 1024 * 1024;
  }

  publish(subject: string, bytes: Uint8Array, reply?: string): void {
    if (this.#connection.isClosed()) return;
    this.#connection.publish(subject, bytes, reply === undefined ? {} : { reply });
  }

  subscribe(subject: string, onMessage: (message: BusMessage) => void, group?: string): () => void {
    if (this.#connection.isClosed()) return () => {};
    const subscription = this.#connection.subscribe(subject, {
      ...(group === undefined ? {} : { queue: group }),
      callback: (error, message) => {
        if (error !== null) return;
        const isUndeliverable = message.data.length === 0 && message.headers?.code === NO_RESPONDERS;
        onMessage({ bytes: message.data, reply: message.reply, isUndeliverable });
      },
    });
    return () => subscription.unsubscribe();
  }

  inbox(): string {
    return createInbox();
  }
}
