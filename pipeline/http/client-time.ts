import type { IncomingHttpHeaders } from "node:http";
import type { Clock } from "../base/clock.ts";
import { CodedError, FaultKind } from "../base/errors.ts";
import type { DurationMs } from "../base/units.ts";

export type ClientTimeOptions = {
  readonly headers: IncomingHttpHeaders;
  /** Aborted when the client has gone. */
  readonly gone: AbortSignal;
  readonly clock: Clock;
};

/**
 * Work for a Connect client, which says in `connect-timeout-ms` how long it will wait: the signal is aborted when that is over, or the client gone.
 *
 * Errors: `client_timeout_malformed` (invalid), `client_time_over` (expired), and those of the work.
 */
export async function inClientTime<T>({ headers, gone, clock }: ClientTimeOptions, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const timeoutMs = clientTimeoutMs(headers);
  if (timeoutMs === undefined) return work(gone);
  const [done, over] = [new AbortController(), new AbortController()];
  void clock.sleep(timeoutMs, done.signal).then(() => {
    if (!done.signal.aborted) over.abort();
  });
  try {
    return await work(AbortSignal.any([gone, over.signal]));
  } catch (error) {
    if (gone.aborted || !over.signal.aborted) throw error;
    const message = `the ${timeoutMs} ms that the client gave are over: ask for less, or wait longer`;
    throw new CodedError("client_time_over", FaultKind.Expired, message, { cause: error, facts: { timeout_ms: timeoutMs } });
  } finally {
    done.abort();
  }
}

function clientTimeoutMs(headers: IncomingHttpHeaders): DurationMs | undefined {
  const text = headers["connect-timeout-ms"];
  if (text === undefined) return undefined;
  // The protocol's bound is ten digits, 115 days; timers take 24.
  if (typeof text === "string" && /^\d{1,10}$/.test(text)) return Math.min(Number(text), 2 ** 31 - 1) as DurationMs;
  const message = `the header connect-timeout-ms is ${JSON.stringify(text)}: send whole milliseconds of at most ten digits`;
  throw new CodedError("client_timeout_malformed", FaultKind.Invalid, message);
}
