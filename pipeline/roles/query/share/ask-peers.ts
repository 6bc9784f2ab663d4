import type { Clock } from "../../../base/clock.ts";
import { CodedError, FaultKind, faultFromRecord } from "../../../base/errors.ts";
import { type DurationMs, SECOND_MS } from "../../../base/units.ts";
import { queryCancelled } from "../pace.ts";
import { decodeFrame, encodeFrame, type PeerFrame } from "./exchange-frames.ts";
import type { BusMessage, MessageBus } from "./message-bus.ts";

/** Where parts are asked for, and the group of those who answer. */
export const PARTS_SUBJECT = "brazier.query.parts";
export const PARTS_GROUP = "queriers";

export type AskPeersOptions = {
  readonly bus: MessageBus;
  readonly clock: Clock;
  /** Tries with one peer after the other. */
  readonly attempts?: number;
  /** A peer that has room says so within this time; longer than a busy process needs for a message. */
  readonly acceptWithinMs?: number;
  /** A peer at work is heard of at least this often; several times what {@link ALIVE_EVERY_MS} promises. */
  readonly silenceMsMax?: number;
};

export type PartRequest = { readonly part: Uint8Array; readonly leftMs: number; readonly signal: AbortSignal };

/** What became of one attempt. */
type Outcome = { readonly kind: "answer"; readonly bytes: Uint8Array } | { readonly kind: "lost"; readonly why: string };

/**
 * Asks the queriers of the group for an answer to a part, one at a time until one gives it.
 *
 * Errors: `query_peers_silent` (unavailable) when no attempt led to an answer, `query_part_too_large` (unavailable), `query_cancelled`, and what a peer
 * says is wrong.
 */
export async function askPeers({ part, leftMs, signal }: PartRequest, options: AskPeersOptions): Promise<Uint8Array> {
  const { bus, attempts = 3 } = options;
  const startedMs = options.clock.monotonicMs();
  if (part.length + 16 > bus.payloadBytesMax)
    throw unanswered("query_part_too_large", `a part of a query takes ${part.length} bytes, more than a message may have`);
  let why = "";
  for (let attempt = 0; attempt < attempts; attempt++) {
    if (signal.aborted) throw queryCancelled();
    const outcome = await askOnce({ part, leftMs: leftMs - (options.clock.monotonicMs() - startedMs), signal }, options);
    if (outcome.kind === "answer") return outcome.bytes;
    why = outcome.why;
    if (why === NOBODY) break;
  }
  throw unanswered("query_peers_silent", `no peer answered a part of a query: ${why}`);
}

const NOBODY = "nobody listens";

function unanswered(code: string, message: string): CodedError {
  return new CodedError(code, FaultKind.Unavailable, `${message}; it is answered here`);
}

function askOnce(
  request: PartRequest,
  { bus, clock, acceptWithinMs = 2 * SECOND_MS, silenceMsMax = 5 * SECOND_MS }: AskPeersOptions,
): Promise<Outcome> {
  const { signal } = request;
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    const inbox = bus.inbox();
    let control: string | undefined;
    let heardMs = clock.monotonicMs();
    const over = new AbortController();
    const end = (outcome: Outcome | Error): void => {
      if (over.signal.aborted) return;
      over.abort();
      signal.removeEventListener("abort", onAbort);
      // Whoever still works for us need not: also who has not been heard of yet.
      const isAnswer = !(outcome instanceof Error) && outcome.kind === "answer";
      if (control !== undefined && !isAnswer) bus.publish(control, encodeFrame({ kind: "cancel" }));
      if (control !== undefined || isAnswer) unsubscribe();
      else void clock.sleep(acceptWithinMs as DurationMs).then(unsubscribe);
      if (outcome instanceof Error) reject(outcome);
      else resolve(outcome);
    };
    const onAbort = (): void => end(queryCancelled());
    const onFrame = (frame: PeerFrame): void => {
      heardMs = clock.monotonicMs();
      switch (frame.kind) {
        case "accepted":
          control = frame.control;
          return;
        case "busy":
          return end({ kind: "lost", why: "all who were asked are busy" });
        case "alive":
          return;
        case "fault":
          return end(faultFromRecord(frame.fault));
        case "chunk":
          if (frame.index !== chunks.length) return end({ kind: "lost", why: "a message was lost" });
          chunks.push(frame.bytes);
          if (frame.isLast) return end({ kind: "answer", bytes: joined(chunks) });
          if (control !== undefined) bus.publish(control, encodeFrame({ kind: "ack", chunks: chunks.length }));
      }
    };
    const onMessage = ({ bytes, isUndeliverable }: BusMessage): void => {
      if (isUndeliverable) return end({ kind: "lost", why: NOBODY });
      const frame = decodeFrame(bytes);
      if (over.signal.aborted) {
        if (frame?.kind === "accepted") bus.publish(frame.control, encodeFrame({ kind: "cancel" }));
        return;
      }
      if (frame !== undefined && isPeerFrame(frame)) onFrame(frame);
    };
    const unsubscribe = bus.subscribe(inbox, onMessage);
    signal.addEventListener("abort", onAbort, { once: true });
    bus.publish(PARTS_SUBJECT, encodeFrame({ kind: "ask", leftMs: request.leftMs, part: request.part }), inbox);
    void (async () => {
      while (!over.signal.aborted) {
        const patienceMs = control === undefined ? acceptWithinMs : silenceMsMax;
        const restMs = heardMs + patienceMs - clock.monotonicMs();
        if (restMs <= 0) return end({ kind: "lost", why: control === undefined ? "nobody had room in time" : "a peer fell silent" });
        await clock.sleep(restMs as DurationMs, over.signal);
      }
    })();
  });
}

function isPeerFrame(frame: { readonly kind: string }): frame is PeerFrame {
  return frame.kind !== "ask" && frame.kind !== "ack" && frame.kind !== "cancel";
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  return chunks.length === 1 ? chunks[0]! : new Uint8Array(Buffer.concat(chunks));
}
