import type { Clock } from "../../pipeline/base/clock.ts";
import type { Running } from "../../pipeline/base/lifecycle.ts";
import type { Log } from "../../pipeline/base/log.ts";
import type { DurationMs } from "../../pipeline/base/units.ts";
import type { StackKey } from "../desired/names.ts";
import type { Lag, LagSample } from "./lag.ts";

/** A stack whose segment workers the operator counts. */
export type LagTarget = {
  readonly key: StackKey;
  /** The workers asked for now; undefined before there are any. */
  readonly replicas: number | undefined;
};

export type LagWatchDeps = {
  readonly clock: Clock;
  readonly log: Log;
  readonly targets: () => readonly LagTarget[];
  /** Rejects when no worker answers. */
  readonly read: (target: LagTarget, signal: AbortSignal) => Promise<Lag>;
  readonly onSample: (key: StackKey) => void;
};

export const EVERY_MS = 15_000;
/** The longest window there is, and a little more. */
const KEPT_MS = 3_600_000 + 4 * EVERY_MS;
/** After so many looks in vain, what was seen before says nothing about now. */
const MISSES_MAX = 4;
const AT_ONCE = 8;

/** Looks at the lag of every stack that is scaled by it, and remembers. No request to the API server is made for it. */
export class LagWatch implements Running {
  readonly #deps: LagWatchDeps;
  readonly #samples = new Map<string, LagSample[]>();
  readonly #misses = new Map<string, number>();
  readonly #ending = new AbortController();
  #loop: Promise<void> | undefined;

  constructor(deps: LagWatchDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#loop ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    await this.#loop;
  }

  /** A copy, oldest first. */
  samplesOf(key: StackKey): readonly LagSample[] {
    return [...(this.#samples.get(nameOf(key)) ?? [])];
  }

  async #run(): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      await this.#look();
      await this.#deps.clock.sleep(EVERY_MS as DurationMs, signal);
    }
  }

  async #look(): Promise<void> {
    const targets = this.#deps.targets();
    const names = new Set(targets.map(({ key }) => nameOf(key)));
    for (const name of [...this.#samples.keys(), ...this.#misses.keys()]) if (!names.has(name)) this.#forget(name);
    const waiting = targets.values();
    const worker = async (): Promise<void> => {
      for (const target of waiting) if (!this.#ending.signal.aborted) await this.#lookAt(target);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  }

  async #lookAt(target: LagTarget): Promise<void> {
    if (target.replicas === undefined) return;
    const { clock, log, read, onSample } = this.#deps;
    const name = nameOf(target.key);
    try {
      const lag = await read(target, this.#ending.signal);
      const atMs = clock.monotonicMs();
      const samples = (this.#samples.get(name) ?? []).filter((sample) => sample.atMs >= atMs - KEPT_MS);
      this.#samples.set(name, [...samples, { ...lag, atMs, replicas: target.replicas }]);
      this.#misses.delete(name);
    } catch (error) {
      if (this.#ending.signal.aborted) return;
      const misses = (this.#misses.get(name) ?? 0) + 1;
      this.#misses.set(name, misses);
      if (misses !== MISSES_MAX) return;
      log.warn({ ...target.key, err: error, misses }, "lag not read, the number of segment workers stays");
      this.#samples.delete(name);
    }
    onSample(target.key);
  }

  #forget(name: string): void {
    this.#samples.delete(name);
    this.#misses.delete(name);
  }
}

function nameOf({ namespace, name }: StackKey): string {
  return `${namespace}/${name}`;
}
