import { type Backoff, backoffMs } from "../../pipeline/base/backoff.ts";
import type { Clock } from "../../pipeline/base/clock.ts";
import type { Running } from "../../pipeline/base/lifecycle.ts";
import type { Random } from "../../pipeline/base/random.ts";
import type { DurationMs } from "../../pipeline/base/units.ts";

/** How much of the line a wake-up runs: the whole, or observe and status only. */
export type Depth = "full" | "status";

/** What became of one piece of work: look again after a while, at once with backoff, or only when something changes. */
export type Verdict = { readonly kind: "done" } | { readonly kind: "again"; readonly afterMs: number } | { readonly kind: "failed" };

export type WorkQueueDeps = {
  readonly clock: Clock;
  readonly random: Random;
  readonly work: (key: string, depth: Depth) => Promise<Verdict>;
};

const BACKOFF: Backoff = { firstMs: 500, maxMs: 60_000 };

type Entry = { depth: Depth; dueMs: number };

/**
 * Keys that wait for work, each at most once, the deeper wish winning. A key is never worked on twice at once: what comes meanwhile waits.
 */
export class WorkQueue implements Running {
  readonly #deps: WorkQueueDeps;
  readonly #waiting = new Map<string, Entry>();
  readonly #running = new Set<string>();
  readonly #failures = new Map<string, number>();
  readonly #ending = new AbortController();
  readonly #workers: Promise<void>[] = [];
  #bell = Promise.withResolvers<void>();

  constructor(deps: WorkQueueDeps) {
    this.#deps = deps;
  }

  get depth(): number {
    return this.#waiting.size;
  }

  start(workers: number): void {
    for (let at = this.#workers.length; at < workers; at++) this.#workers.push(this.#run());
  }

  add(key: string, depth: Depth, afterMs = 0): void {
    const dueMs = this.#deps.clock.monotonicMs() + afterMs;
    const known = this.#waiting.get(key);
    if (known === undefined) this.#waiting.set(key, { depth, dueMs });
    else {
      known.dueMs = Math.min(known.dueMs, dueMs);
      if (depth === "full") known.depth = "full";
    }
    this.#ring();
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    this.#ring();
    await Promise.all(this.#workers);
  }

  #ring(): void {
    this.#bell.resolve();
    this.#bell = Promise.withResolvers();
  }

  async #run(): Promise<void> {
    while (!this.#ending.signal.aborted) {
      const bell = this.#bell.promise;
      const next = this.#next();
      if (next === undefined || next.waitMs > 0) {
        await this.#pause(bell, next?.waitMs);
        continue;
      }
      this.#waiting.delete(next.key);
      this.#running.add(next.key);
      try {
        this.#settle(next.key, await this.#deps.work(next.key, next.depth));
      } finally {
        this.#running.delete(next.key);
        this.#ring();
      }
    }
  }

  #settle(key: string, verdict: Verdict): void {
    if (verdict.kind === "failed") {
      const failures = (this.#failures.get(key) ?? 0) + 1;
      this.#failures.set(key, failures);
      this.add(key, "full", backoffMs(BACKOFF, failures, this.#deps.random));
      return;
    }
    this.#failures.delete(key);
    if (verdict.kind === "again") this.add(key, "full", verdict.afterMs);
  }

  #next(): { readonly key: string; readonly depth: Depth; readonly waitMs: number } | undefined {
    const nowMs = this.#deps.clock.monotonicMs();
    let best: { key: string; depth: Depth; waitMs: number } | undefined;
    for (const [key, { depth, dueMs }] of this.#waiting) {
      if (this.#running.has(key)) continue;
      const waitMs = Math.max(0, dueMs - nowMs);
      if (best === undefined || waitMs < best.waitMs) best = { key, depth, waitMs };
    }
    return best;
  }

  async #pause(bell: Promise<void>, waitMs: number | undefined): Promise<void> {
    if (waitMs === undefined) return bell;
    const rest = new AbortController();
    const signal = AbortSignal.any([rest.signal, this.#ending.signal]);
    await Promise.race([bell, this.#deps.clock.sleep(Math.ceil(waitMs) as DurationMs, signal)]);
    rest.abort();
  }
}
