import { CodedError, FaultKind } from "../../base/errors.ts";
import { parseTimeNs } from "../../base/time-text.ts";
import { type UnixMs, unixMsFromNs } from "../../base/units.ts";

/** A moment of a query. Errors: `time_invalid` (invalid). */
export function parseTime(text: string, nowMs: UnixMs): UnixMs {
  const timeNs = parseTimeNs(text, nowMs);
  if (timeNs !== undefined) return unixMsFromNs(timeNs);
  throw new CodedError(
    "time_invalid",
    FaultKind.Invalid,
    `${JSON.stringify(text.slice(0, 50))} is no time: use now, now-1h, or a number of seconds or milliseconds since 1970`,
  );
}
