/** One message as it arrives. */
export type BusMessage = {
  readonly bytes: Uint8Array;
  /** Where the sender listens for an answer. */
  readonly reply: string | undefined;
  /** Nobody listens to the subject that a message with this inbox as its reply was published to. */
  readonly isUndeliverable: boolean;
};

/** Messages between processes, at most once and in the order of their sender. They may be lost with a process or a connection. */
export interface MessageBus {
  /** Bytes of one message at most. */
  readonly payloadBytesMax: number;
  publish(subject: string, bytes: Uint8Array, reply?: string): void;
  /** Of those who subscribe in one `group` one gets each message. Returns the way to stop. */
  subscribe(subject: string, onMessage: (message: BusMessage) => void, group?: string): () => void;
  /** A fresh subject that only this process listens to. */
  inbox(): string;
}
