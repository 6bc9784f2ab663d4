import type { Clock } from "../base/clock.ts";
import { CodedError, FaultKind, isCoded } from "../base/errors.ts";
import { gauge, type Registry } from "../base/metrics.ts";
import { type DurationMs, SECOND_MS } from "../base/units.ts";

/** Something without which this process cannot do its work now. */
export type ReadyCheck = {
  /** Of the answer's lines: `bucket`, `queue`, `catalog`. */
  readonly name: string;
  /** Resolves when it works now, rejects with the fault that keeps it from working. */
  look(): Promise<void>;
};

export type CheckedPart = { readonly name: string; readonly fault: string | undefined };

/** Probes come from several sides every few seconds; one look answers them all. */
const REMEMBERED_MS = SECOND_MS;
/** Within the time-outs of common probes. */
const ANSWER_WITHIN_MS = 5 * SECOND_MS;

/** Whether this process can do its work, part by part. */
export class Readiness {
  readonly #parts: readonly { readonly name: string; readonly look: () => Promise<void> }[];

  constructor(checks: readonly ReadyCheck[], clock: Clock) {
    this.#parts = checks.map((check) => ({ name: check.name, look: remembered(() => inTime(check, clock), clock) }));
  }

  async look(): Promise<readonly CheckedPart[]> {
    return Promise.all(
      this.#parts.map(async ({ name, look }) => ({
        name,
        fault: await look().then(
          () => undefined,
          (error: unknown) => (isCoded(error) ? error.message : String(error)),
        ),
      })),
    );
  }
}

/** As `/ready` answers, for who does not ask it. */
export function observeReadiness(registry: Registry, readiness: Readiness): void {
  gauge(registry, {
    name: "brazier_ready",
    help: "1 while the part works, 0 while its fault keeps this process from its work, as /ready tells.",
    labelNames: ["part"],
    collect: async (metric) => {
      for (const { name, fault } of await readiness.look()) metric.set({ part: name }, fault === undefined ? 1 : 0);
    },
  });
}

async function inTime({ name, look }: ReadyCheck, clock: Clock): Promise<void> {
  const settled = new AbortController();
  const late = clock.sleep(ANSWER_WITHIN_MS as DurationMs, settled.signal).then(() => {
    if (settled.signal.aborted) return;
    throw new CodedError(
      "check_silent",
      FaultKind.Unavailable,
      `no answer from the ${name} within ${ANSWER_WITHIN_MS / SECOND_MS} s: look at it, and at the way to it`,
    );
  });
  try {
    await Promise.race([look(), late]);
  } finally {
    settled.abort();
  }
}

/** The same outcome for a while, and one look at a time. */
function remembered(look: () => Promise<void>, clock: Clock): () => Promise<void> {
  let last: Promise<void> | undefined;
  let lastMs = 0;
  let looking = false;
  return () => {
    if (last === undefined || (!looking && clock.monotonicMs() - lastMs > REMEMBERED_MS)) {
      looking = true;
      lastMs = clock.monotonicMs();
      last = look().finally(() => {
        looking = false;
      });
      last.catch(() => {});
    }
    return last;
  };
}
