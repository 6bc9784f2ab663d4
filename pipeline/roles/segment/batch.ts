/** When to cut. Sizes in bytes of queued messages; `idleMs`: how long nothing came. */
export type BatchLimits = {
  readonly bytesMax: number;
  readonly messagesMax: number;
  readonly flushIntervalMs: number;
  readonly idleMs: number;
};

/**
 * 8 MiB: a few hundred profiles, whose columns a build holds in memory several times over. 200 ms bounds what a sender waits while
 * others keep the batch open; senders that wait for their answers stop sending, and then 10 ms of silence cut it.
 */
export const BATCH_LIMITS: BatchLimits = { bytesMax: 8 * 1024 * 1024, messagesMax: 4096, flushIntervalMs: 200, idleMs: 10 };

/** A batch that is being filled; times on the monotonic clock. */
export type OpenBatch = {
  readonly messages: number;
  readonly bytes: number;
  readonly openedMs: number;
  readonly lastMs: number;
};

/** How long to wait for more messages before cutting; 0 means cut now. */
export function waitForMoreMs(batch: OpenBatch, limits: BatchLimits, nowMs: number): number {
  if (batch.messages >= limits.messagesMax || batch.bytes >= limits.bytesMax) return 0;
  const untilFlush = batch.openedMs + limits.flushIntervalMs - nowMs;
  const untilIdle = batch.lastMs + limits.idleMs - nowMs;
  return Math.max(0, Math.min(untilFlush, untilIdle));
}

/** What still fits. */
export function roomLeft(batch: OpenBatch, limits: BatchLimits): { readonly messagesMax: number; readonly bytesMax: number } {
  return { messagesMax: limits.messagesMax - batch.messages, bytesMax: limits.bytesMax - batch.bytes };
}
