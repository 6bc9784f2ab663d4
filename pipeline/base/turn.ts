import type { Clock } from "./clock.ts";

/** Others of the thread wait this long at most for work that goes in steps. */
const TURN_MS = 5;

/** When work in steps lets the others of its thread go on: what a step takes is not known beforehand, so the time since the last turn decides. */
export class Turns {
  readonly #clock: Clock;
  #resumedMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#resumedMs = clock.monotonicMs();
  }

  /** Undefined: go on at once. nowMs: for a caller that has looked at the clock already. */
  step(nowMs = this.#clock.monotonicMs()): Promise<void> | undefined {
    return nowMs - this.#resumedMs < TURN_MS ? undefined : this.#letOthers();
  }

  async #letOthers(): Promise<void> {
    await nextTurn();
    this.#resumedMs = this.#clock.monotonicMs();
  }
}

/** Resolves once whatever else is ready in this thread has had its turn: messages, timers, I/O. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
