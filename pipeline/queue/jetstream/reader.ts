import { type ConsumerMessages, type JetStreamClient, type JsMsg, jetstream } from "@nats-io/jetstream";
import type { Clock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import { type DurationMs, MIB, SECOND_MS } from "../../base/units.ts";
import type { Nats } from "../../nats/nats.ts";

export type ReaderDeps = { readonly nats: Nats; readonly clock: Clock; readonly log: Log };

export type ReadFrom = { readonly stream: string; readonly subjects: readonly string[]; readonly sequence: number };

/** How much may be on its way to us: a few segments' worth. */
const AHEAD_BYTES = 16 * MIB;
/** The client asks for more when a quarter is free, and the server gives nothing that does not fit: each request must fit the largest message. */
const PAYLOADS_AHEAD = 5;
const PULL_EXPIRES_MS = 5 * SECOND_MS;
const HEARTBEAT_MS = SECOND_MS;
const MESSAGES_THRESHOLD = 50;
const GONE_AFTER_MS = 30 * SECOND_MS;
const PAUSE_MS = 250;

/**
 * The messages of some subjects in ascending sequence, from one on, without end and without a gap: the position is ours and no server's, and
 * whatever becomes of a consumer, the next one starts behind the last message that came.
 */
export async function* readStream({ nats, clock, log }: ReaderDeps, from: ReadFrom, signal: AbortSignal): AsyncGenerator<JsMsg> {
  const js: JetStreamClient = jetstream(nats.connection);
  let next = from.sequence;
  while (!signal.aborted) {
    let messages: ConsumerMessages | undefined;
    const stop = (): void => messages?.stop();
    try {
      const consumer = await js.consumers.get(from.stream, {
        filter_subjects: [...from.subjects],
        opt_start_seq: next,
        inactive_threshold: GONE_AFTER_MS,
      });
      const payloadMax = nats.connection.info?.max_payload ?? MIB;
      messages = await consumer.consume({
        max_bytes: Math.max(AHEAD_BYTES, PAYLOADS_AHEAD * payloadMax),
        threshold_messages: MESSAGES_THRESHOLD,
        expires: PULL_EXPIRES_MS,
        idle_heartbeat: HEARTBEAT_MS,
      });
      signal.addEventListener("abort", stop, { once: true });
      if (signal.aborted) stop();
      for await (const message of messages) {
        if (signal.aborted) break;
        if (message.seq < next) continue;
        next = message.seq + 1;
        yield message;
      }
      void consumer.delete().catch(() => {});
    } catch (error) {
      if (!signal.aborted) log.warn({ err: error, sequence: next }, "reading from the stream failed, will go on behind the last message");
    } finally {
      signal.removeEventListener("abort", stop);
      messages?.stop();
    }
    if (!signal.aborted) await clock.sleep(PAUSE_MS as DurationMs, signal);
  }
}
