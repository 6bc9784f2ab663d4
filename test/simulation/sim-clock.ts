import type { Clock } from "../../pipeline/base/clock.ts";
import type { DurationMs, UnixMs } from "../../pipeline/base/units.ts";

type Sleeper = { readonly wakeMs: number; readonly order: number; readonly wake: () => void };

/**
 * Time that passes only when everybody waits for it. Nothing in a simulation does real I/O, so between two moments there are only
 * promises, which settle in an order that the seed decides alone.
 */
export class SimClock implements Clock {
  #nowMs: number;
  #order = 0;
  readonly #sleepers = new Set<Sleeper>();

  constructor(startMs: number) {
    this.#nowMs = startMs;
  }

  nowMs(): UnixMs {
    return this.#nowMs as UnixMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  sleep(duration: DurationMs, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted === true) return resolve();
      const done = (): void => {
        this.#sleepers.delete(sleeper);
        signal?.removeEventListener("abort", done);
        resolve();
      };
      const sleeper: Sleeper = { wakeMs: this.#nowMs + Math.max(0, duration), order: this.#order++, wake: done };
      this.#sleepers.add(sleeper);
      signal?.addEventListener("abort", done, { once: true });
    });
  }

  /** Lets everything happen that happens until then. */
  async runUntil(endMs: number): Promise<void> {
    for (;;) {
      // A macrotask: every promise that can settle has settled before.
      await new Promise(setImmediate);
      const next = this.#next();
      if (next === undefined || next.wakeMs > endMs) break;
      this.#nowMs = Math.max(this.#nowMs, next.wakeMs);
      next.wake();
    }
    this.#nowMs = endMs;
  }

  #next(): Sleeper | undefined {
    let next: Sleeper | undefined;
    for (const sleeper of this.#sleepers) {
      if (next === undefined || sleeper.wakeMs < next.wakeMs || (sleeper.wakeMs === next.wakeMs && sleeper.order < next.order))
        next = sleeper;
    }
    return next;
  }
}
