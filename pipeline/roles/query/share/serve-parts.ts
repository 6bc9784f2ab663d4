import type { Clock } from "../../../base/clock.ts";
import { CodedError, FaultKind, faultRecord, isCoded } from "../../../base/errors.ts";
import type { Running } from "../../../base/lifecycle.ts";
import type { Log } from "../../../base/log.ts";
import { type DurationMs, KIB, SECOND_MS } from "../../../base/units.ts";
import { PARTS_GROUP, PARTS_SUBJECT } from "./ask-peers.ts";
import { CHUNK_FRAME_BYTES, decodeFrame, encodeFrame, type PeerFrame } from "./exchange-frames.ts";
import type { BusMessage, MessageBus } from "./message-bus.ts";

/** How often a peer says that it is still at work. */
export const ALIVE_EVERY_MS = SECOND_MS;
/** Of one message: small enough not to hold up what else the connection carries. */
const CHUNK_BYTES = 256 * KIB;
/** Chunks on their way that the asker has not taken yet. */
const CHUNKS_AHEAD = 4;

export type ServePartsOptions = {
  readonly bus: MessageBus;
  readonly clock: Clock;
  readonly log: Log;
  /** Parts at once; one more is told that this querier is busy. */
  readonly partsMax: number;
  readonly answer: (part: Uint8Array, options: { readonly leftMs: number; readonly signal: AbortSignal }) => Promise<Uint8Array>;
  /** An asker that takes nothing for so long has gone. */
  readonly ackWithinMs?: number;
};

export type PartsServer = Running & { readonly open: number };

/** Answers parts that other queriers ask for. `stop` takes no new ones and gives up those at work: their askers go elsewhere. */
export function serveParts(options: ServePartsOptions): PartsServer {
  const { bus, partsMax, log } = options;
  const atWork = new Map<AbortController, Promise<void>>();
  const onMessage = ({ bytes, reply }: BusMessage): void => {
    const frame = decodeFrame(bytes);
    if (frame?.kind !== "ask" || reply === undefined) return;
    if (atWork.size >= partsMax) return bus.publish(reply, encodeFrame({ kind: "busy" }));
    const gone = new AbortController();
    const work = new PartAtWork(options, { part: frame.part, leftMs: frame.leftMs, reply, gone })
      .run()
      .catch((error: unknown) => log.error({ err: error }, "a part of a query failed by a defect"))
      .finally(() => atWork.delete(gone));
    atWork.set(gone, work);
  };
  const unsubscribe = bus.subscribe(PARTS_SUBJECT, onMessage, PARTS_GROUP);
  return {
    get open() {
      return atWork.size;
    },
    stop: async () => {
      unsubscribe();
      for (const gone of atWork.keys()) gone.abort();
      await Promise.all(atWork.values());
    },
  };
}

type Asked = { readonly part: Uint8Array; readonly leftMs: number; readonly reply: string; readonly gone: AbortController };

/** One part from its request to the last chunk of its answer. */
class PartAtWork {
  readonly #options: ServePartsOptions;
  readonly #asked: Asked;
  #acked = 0;
  #onAck: () => void = () => {};

  constructor(options: ServePartsOptions, asked: Asked) {
    this.#options = options;
    this.#asked = asked;
  }

  async run(): Promise<void> {
    const { bus } = this.#options;
    const { gone } = this.#asked;
    const control = bus.inbox();
    const unsubscribe = bus.subscribe(control, ({ bytes }) => this.#onControl(bytes));
    this.#say({ kind: "accepted", control });
    const working = new AbortController();
    void this.#sayAlive(working.signal);
    try {
      const bytes = await this.#answer();
      working.abort();
      if (bytes !== undefined && !gone.signal.aborted) await this.#send(bytes);
    } finally {
      working.abort();
      unsubscribe();
    }
  }

  /** Undefined when there is nothing to send but the fault that was said. */
  async #answer(): Promise<Uint8Array | undefined> {
    const { part, leftMs, gone } = this.#asked;
    try {
      return await this.#options.answer(part, { leftMs, signal: gone.signal });
    } catch (error) {
      if (gone.signal.aborted) {
        // Of this querier's stop the asker has to know; of its own it knows.
        this.#say({ kind: "busy" });
        return undefined;
      }
      const fault = isCoded(error)
        ? error
        : new CodedError("query_part_failed", FaultKind.Unavailable, `a part of a query failed: ${String(error)}`);
      this.#say({ kind: "fault", fault: faultRecord(fault) });
      return undefined;
    }
  }

  async #send(bytes: Uint8Array): Promise<void> {
    const { bus, clock, ackWithinMs = 10 * SECOND_MS } = this.#options;
    const size = Math.min(CHUNK_BYTES, bus.payloadBytesMax - CHUNK_FRAME_BYTES);
    const count = Math.max(1, Math.ceil(bytes.length / size));
    for (let index = 0; index < count; index++) {
      while (index - this.#acked >= CHUNKS_AHEAD) {
        const acked = this.#acked;
        const heard = new AbortController();
        this.#onAck = () => heard.abort();
        await clock.sleep(ackWithinMs as DurationMs, heard.signal);
        if (this.#asked.gone.signal.aborted || acked === this.#acked) return;
      }
      this.#say({ kind: "chunk", index, isLast: index === count - 1, bytes: bytes.subarray(index * size, (index + 1) * size) });
    }
  }

  #onControl(bytes: Uint8Array): void {
    const frame = decodeFrame(bytes);
    if (frame?.kind === "ack") this.#acked = Math.max(this.#acked, frame.chunks);
    else if (frame?.kind === "cancel") this.#asked.gone.abort();
    this.#onAck();
  }

  async #sayAlive(working: AbortSignal): Promise<void> {
    for (;;) {
      await this.#options.clock.sleep(ALIVE_EVERY_MS as DurationMs, working);
      if (working.aborted) return;
      this.#say({ kind: "alive" });
    }
  }

  #say(frame: PeerFrame): void {
    this.#options.bus.publish(this.#asked.reply, encodeFrame(frame));
  }
}
