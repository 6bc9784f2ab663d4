import { performance } from "node:perf_hooks";
import type { DurationMs, UnixMs } from "./units.ts";

/** Time arrives as an argument, so that the simulation can own it. */
export interface Clock {
  nowMs(): UnixMs;
  /** Milliseconds with fractions since some fixed moment, never stepping back: for durations. */
  monotonicMs(): number;
  /** Resolves after the duration, or at once (without an error) when the signal is aborted. */
  sleep(duration: DurationMs, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  nowMs: () => Date.now() as UnixMs,
  monotonicMs: () => performance.now(),
  sleep: (duration, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted === true) return resolve();
      const done = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, duration);
      signal?.addEventListener("abort", done, { once: true });
    }),
};
