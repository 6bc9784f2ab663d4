import type { Clock } from "../../base/clock.ts";
import type { DurationMs } from "../../base/units.ts";
import type { PullBounds, Queue, QueueMessage } from "../../queue/queue.ts";
import { type BatchLimits, roomLeft, waitForMoreMs } from "./batch.ts";

export type CollectDeps = {
  readonly queue: Queue;
  readonly clock: Clock;
  readonly limits: BatchLimits;
  /** Called when the first message is there. */
  readonly onOpen: () => void;
};

/**
 * Pulls messages until it is time to cut; waits for the first one until the signal is aborted, and then takes only what is there
 * already. Empty when there is nothing.
 */
export async function collect({ queue, clock, limits, onOpen }: CollectDeps, signal: AbortSignal): Promise<readonly QueueMessage[]> {
  const messages: QueueMessage[] = [];
  let bytes = 0;
  const take = (pulled: readonly QueueMessage[]): void => {
    for (const message of pulled) {
      messages.push(message);
      bytes += message.bytes.byteLength;
    }
  };
  if (!signal.aborted) take(await queue.pull(limits, signal));
  if (signal.aborted && messages.length === 0) take(await pullWithin({ queue, clock }, limits, limits.idleMs));
  if (messages.length > 0) onOpen();
  const openedMs = clock.monotonicMs();
  let lastMs = openedMs;
  while (messages.length > 0) {
    const batch = { messages: messages.length, bytes, openedMs, lastMs };
    const waitMs = waitForMoreMs(batch, limits, clock.monotonicMs());
    if (waitMs === 0) break;
    const pulled = await pullWithin({ queue, clock }, roomLeft(batch, limits), waitMs);
    if (pulled.length === 0) break;
    take(pulled);
    lastMs = clock.monotonicMs();
  }
  return messages;
}

/** A reason of our own: the default one is an exception with a stack, made anew each time. */
const OVER = "waited long enough";

async function pullWithin(
  { queue, clock }: Pick<CollectDeps, "queue" | "clock">,
  bounds: PullBounds,
  waitMs: number,
): Promise<readonly QueueMessage[]> {
  const over = new AbortController();
  const timer = clock.sleep(Math.ceil(waitMs) as DurationMs, over.signal).then(() => over.abort(OVER));
  try {
    return await queue.pull(bounds, over.signal);
  } finally {
    over.abort(OVER);
    await timer;
  }
}
