import type { Clock } from "../../base/clock.ts";
import { CodedError, FaultKind } from "../../base/errors.ts";
import { Turns } from "../../base/turn.ts";

export type PaceOptions = {
  readonly clock: Clock;
  /** 0 is no bound. */
  readonly durationMsMax: number;
  /** Aborted when nobody waits for the answer any more. */
  readonly signal?: AbortSignal | undefined;
};

/**
 * The pace of one question: between two steps of its work it ends when nobody waits for the answer or its time is up, and lets the other questions
 * of its thread go on: a small one beside a large one is still quick.
 *
 * Errors: `query_cancelled` (expired), `query_limit_duration` (expired).
 */
export class Pace {
  readonly #options: PaceOptions;
  readonly #startedMs: number;
  readonly #turns: Turns;

  constructor(options: PaceOptions) {
    this.#options = options;
    this.#startedMs = options.clock.monotonicMs();
    this.#turns = new Turns(options.clock);
  }

  /** Throws when the question is over. Undefined: go on at once. */
  step(): Promise<void> | undefined {
    const { clock, durationMsMax, signal } = this.#options;
    if (signal?.aborted === true) throw queryCancelled();
    const nowMs = clock.monotonicMs();
    if (durationMsMax > 0 && nowMs - this.#startedMs > durationMsMax) {
      throw new CodedError(
        "query_limit_duration",
        FaultKind.Expired,
        `the query ran longer than ${durationMsMax} ms: ask for a shorter time range or fewer services, or raise query.timeout`,
        { facts: { limit_ms: durationMsMax } },
      );
    }
    const turn = this.#turns.step(nowMs);
    return turn === undefined ? undefined : this.#after(turn);
  }

  /** Aborted when nobody waits for the answer any more. */
  get signal(): AbortSignal | undefined {
    return this.#options.signal;
  }

  /** What is left of its time, in ms. */
  get leftMs(): number {
    const { clock, durationMsMax } = this.#options;
    if (durationMsMax === 0) return Number.POSITIVE_INFINITY;
    return Math.max(0, durationMsMax - (clock.monotonicMs() - this.#startedMs));
  }

  async #after(turn: Promise<void>): Promise<void> {
    await turn;
    if (this.#options.signal?.aborted === true) throw queryCancelled();
  }
}

export function queryCancelled(): CodedError {
  return new CodedError("query_cancelled", FaultKind.Expired, "the query was cancelled: nobody waits for its answer any more");
}
