import { type Backoff, backoffMs } from "../base/backoff.ts";
import type { Clock } from "../base/clock.ts";
import type { Random } from "../base/random.ts";
import { isPassing } from "./s3-faults.ts";

export type AttemptsDeps = { readonly clock: Clock; readonly random: Random };
export type Attempt<T> = (signal: AbortSignal) => Promise<T>;

export const RETRY: Backoff = { firstMs: 50, maxMs: 5_000 };

/** Calls until it succeeds, says no for good, or `attempts` are used up. Each attempt ends after `timeoutMs`; between them a pause with jitter. */
export async function withAttempts<T>(
  call: Attempt<T>,
  { clock, random }: AttemptsDeps,
  options: {
    readonly attempts: number;
    readonly timeoutMs: number;
    readonly signal?: AbortSignal | undefined;
    readonly onRetry?: () => void;
  },
): Promise<T> {
  const { attempts, timeoutMs, signal } = options;
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      return await call(signal === undefined ? timeout : AbortSignal.any([timeout, signal]));
    } catch (error) {
      signal?.throwIfAborted();
      if (attempt >= attempts || !isPassing(error)) throw error;
    }
    await clock.sleep(backoffMs(RETRY, attempt, random), signal);
    if (signal?.aborted !== true) options.onRetry?.();
  }
}

/**
 * Asks a second time when the first answer is late, and takes whichever comes first: one slow server of many then costs little. An error of the
 * first before that is the answer.
 */
export async function hedged<T>(
  call: Attempt<T>,
  options: { readonly afterMs: number; readonly clock: Clock; readonly onSecond?: () => void },
  signal: AbortSignal,
): Promise<T> {
  const { afterMs, clock } = options;
  if (afterMs === 0) return call(signal);
  const over = new AbortController();
  const both = AbortSignal.any([signal, over.signal]);
  const first = call(both);
  try {
    const waiting = clock.sleep(afterMs as Parameters<Clock["sleep"]>[0], both).then(() => LATE);
    const early = await Promise.race([first, waiting]);
    if (early !== LATE) return early as T;
    options.onSecond?.();
    return await Promise.any([first, call(both)]).catch((error: AggregateError) => {
      throw error.errors[0];
    });
  } finally {
    over.abort();
  }
}

const LATE = Symbol("late");
