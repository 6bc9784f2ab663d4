import type { Clock } from "../../pipeline/base/clock.ts";
import type { Running } from "../../pipeline/base/lifecycle.ts";
import type { Log } from "../../pipeline/base/log.ts";
import type { DurationMs } from "../../pipeline/base/units.ts";
import type { StackKey } from "../desired/names.ts";
import { type CountedComponent, type CountedPart, WINDOW_MS_MAX } from "./counted-part.ts";
import type { Look, Reading } from "./reading.ts";

/** A part of a stack whose pods the operator counts. */
export type LoadTarget = {
  readonly key: StackKey;
  readonly part: CountedPart;
  /** The workers asked for now; undefined before there are any. */
  readonly replicas: number | undefined;
};

export type LoadWatchDeps = {
  readonly clock: Clock;
  readonly log: Log;
  readonly targets: () => readonly LoadTarget[];
  /** Rejects when no worker answers. */
  readonly read: (target: LoadTarget, signal: AbortSignal) => Promise<Reading>;
  readonly onLook: (target: LoadTarget) => void;
};

export const EVERY_MS = 15_000;
/** The longest window there is, and a little more. */
const KEPT_MS = WINDOW_MS_MAX + 4 * EVERY_MS;
/** After so many looks in vain, what was seen before says nothing about now. */
const MISSES_MAX = 4;
const AT_ONCE = 8;

/** Looks at the work of every part that is counted by it, and remembers. No request to the API server is made for it. */
export class LoadWatch implements Running {
  readonly #deps: LoadWatchDeps;
  readonly #looks = new Map<string, Look[]>();
  readonly #misses = new Map<string, number>();
  readonly #ending = new AbortController();
  #loop: Promise<void> | undefined;

  constructor(deps: LoadWatchDeps) {
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
  looksOf(key: StackKey, component: CountedComponent): readonly Look[] {
    return [...(this.#looks.get(nameOf(key, component)) ?? [])];
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
    const names = new Set(targets.map(({ key, part }) => nameOf(key, part.component)));
    for (const name of [...this.#looks.keys(), ...this.#misses.keys()]) if (!names.has(name)) this.#forget(name);
    const waiting = targets.values();
    const worker = async (): Promise<void> => {
      for (const target of waiting) if (!this.#ending.signal.aborted) await this.#lookAt(target);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  }

  async #lookAt(target: LoadTarget): Promise<void> {
    if (target.replicas === undefined) return;
    const { clock, log, read, onLook } = this.#deps;
    const name = nameOf(target.key, target.part.component);
    try {
      const reading = await read(target, this.#ending.signal);
      const atMs = clock.monotonicMs();
      const looks = (this.#looks.get(name) ?? []).filter((look) => look.atMs >= atMs - KEPT_MS);
      this.#looks.set(name, [...looks, { reading, atMs, replicas: target.replicas }]);
      this.#misses.delete(name);
    } catch (error) {
      if (this.#ending.signal.aborted) return;
      const misses = (this.#misses.get(name) ?? 0) + 1;
      this.#misses.set(name, misses);
      if (misses !== MISSES_MAX) return;
      log.warn({ ...target.key, component: target.part.component, err: error, misses }, "work not read, the number of pods stays");
      this.#looks.delete(name);
    }
    onLook(target);
  }

  #forget(name: string): void {
    this.#looks.delete(name);
    this.#misses.delete(name);
  }
}

function nameOf({ namespace, name }: StackKey, component: CountedComponent): string {
  return `${namespace}/${name} ${component}`;
}
