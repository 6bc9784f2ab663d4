import type { Clock } from "../../base/clock.ts";
import { CodedError, FaultKind } from "../../base/errors.ts";
import { nextTurn } from "../../base/turn.ts";

export type PaceOptions = {
  readonly clock: Clock;
  /** 0 is no bound. */
  readonly durationMsMax: number;
  /** Aborted when nobody waits for the answer any more. */
  readonly signal?: AbortSignal | undefined;
};

/** Others of the thread wait this long at most while a question computes: a small question beside a large one is still quick. */
const TURN_MS = 5;

/**
 * The pace of one question: between two steps of its work it ends when nobody waits for the answer or its time is up, and lets the other questions
 * of its thread go on.
 *
 * Errors: `query_cancelled` (expired), `query_limit_duration` (expired).
 */
export class Pace {
  readonly #options: PaceOptions;
  readonly #startedMs: number;
  #resumedMs: number;

  constructor(options: PaceOptions) {
    this.#options = options;
    this.#startedMs = this.#resumedMs = options.clock.monotonicMs();
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
    return nowMs - this.#resumedMs < TURN_MS ? undefined : this.#letOthers();
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

  async #letOthers(): Promise<void> {
    await nextTurn();
    this.#resumedMs = this.#options.clock.monotonicMs();
    if (this.#options.signal?.aborted === true) throw queryCancelled();
  }
}

export function queryCancelled(): CodedError {
  return new CodedError("query_cancelled", FaultKind.Expired, "the query was cancelled: nobody waits for its answer any more");
}
