import { MessageChannel, type MessagePort } from "node:worker_threads";
import { CodedError, FaultKind, type FaultRecord, faultFromRecord, faultRecord, isCoded } from "../../base/errors.ts";

/*
 * The line between a question's thread and the main thread, which alone has connections to the world: down it comes that nobody waits any
 * more, up it go the parts that peers are to answer.
 */

/** Asks some peer to answer a part. `signal` is aborted when nobody waits. */
export type AskPeers = (request: {
  readonly part: Uint8Array;
  readonly leftMs: number;
  readonly signal: AbortSignal;
}) => Promise<Uint8Array>;

type Down =
  | { readonly kind: "cancel" }
  | { readonly kind: "answer"; readonly id: number; readonly bytes: Uint8Array }
  | { readonly kind: "fault"; readonly id: number; readonly fault: FaultRecord };
type Up = { readonly id: number; readonly part: Uint8Array; readonly leftMs: number };

/** The main thread's end: `far` goes to the thread with the question, `close` ends both. */
export function openLine(signal: AbortSignal, askPeers: AskPeers | undefined): { readonly far: MessagePort; readonly close: () => void } {
  const { port1: near, port2: far } = new MessageChannel();
  const over = new AbortController();
  const say = (message: Down): void => {
    if (!over.signal.aborted) near.postMessage(message);
  };
  const cancel = (): void => say({ kind: "cancel" });
  signal.addEventListener("abort", cancel, { once: true });
  if (signal.aborted) cancel();
  if (askPeers !== undefined) {
    near.on("message", ({ id, part, leftMs }: Up) => {
      // A thread that is done with its question, or lost, leaves parts behind.
      askPeers({ part, leftMs, signal: AbortSignal.any([signal, over.signal]) }).then(
        (bytes) => say({ kind: "answer", id, bytes }),
        (error: unknown) => say({ kind: "fault", id, fault: faultRecord(coded(error)) }),
      );
    });
    near.on("close", () => over.abort());
  }
  const close = (): void => {
    signal.removeEventListener("abort", cancel);
    over.abort();
    near.close();
  };
  return { far, close };
}

/** The thread's end. */
export class QuestionLine {
  readonly #port: MessagePort;
  readonly #gone = new AbortController();
  readonly #asked = new Map<number, { readonly resolve: (bytes: Uint8Array) => void; readonly reject: (error: Error) => void }>();
  #lastId = 0;

  constructor(port: MessagePort) {
    this.#port = port;
    port.on("message", (message: Down) => this.#hear(message));
  }

  /** Aborted when nobody waits for the answer any more. */
  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  askPeer(part: Uint8Array, leftMs: number): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const id = ++this.#lastId;
      this.#asked.set(id, { resolve, reject });
      this.#port.postMessage({ id, part, leftMs } satisfies Up);
    });
  }

  close(): void {
    this.#port.close();
  }

  #hear(message: Down): void {
    if (message.kind === "cancel") return this.#gone.abort();
    const asked = this.#asked.get(message.id);
    this.#asked.delete(message.id);
    if (message.kind === "answer") asked?.resolve(message.bytes);
    else asked?.reject(faultFromRecord(message.fault));
  }
}

function coded(error: unknown): CodedError {
  return isCoded(error) ? error : new CodedError("query_peers_failed", FaultKind.Unavailable, `no peer could be asked: ${String(error)}`);
}
