import { CodedError, FaultKind } from "../../base/errors.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, type UnixMs } from "../../base/units.ts";

/**
 * A moment as the old HTTP endpoints spell it: `now`, `now-1h30m` (units s, m or min, h, d, w, M or mon, y), or digits: 8 are a date in
 * UTC, 13 milliseconds, 16 microseconds, 19 nanoseconds, any other number of them seconds.
 *
 * Errors: `time_invalid` (invalid). Source: api.md 4.
 */
export function parseTime(text: string, nowMs: UnixMs): UnixMs {
  if (/^\d+$/.test(text)) return digitsMs(text) as UnixMs;
  const relative = /^now((?:[+-](?:\d+[a-zA-Z]+)+)*)$/.exec(text.trim());
  if (relative === null) throw invalid(text);
  let timeMs: number = nowMs;
  for (const [, sign, terms] of (relative[1] ?? "").matchAll(/([+-])((?:\d+[a-zA-Z]+)+)/g)) {
    for (const [, amount, unit] of (terms ?? "").matchAll(/(\d+)([a-zA-Z]+)/g)) {
      const unitMs = unitOf(unit ?? "");
      if (unitMs === undefined) throw invalid(text);
      timeMs += (sign === "-" ? -1 : 1) * Number(amount) * unitMs;
    }
  }
  return timeMs as UnixMs;
}

function digitsMs(digits: string): number {
  switch (digits.length) {
    case 8: {
      const dateMs = Date.parse(`${digits.slice(0, 4)}-${digits.slice(4, 6)}-${digits.slice(6)}T00:00:00Z`);
      if (Number.isNaN(dateMs)) throw invalid(digits);
      return dateMs;
    }
    case 13:
      return Number(digits);
    case 16:
      return Math.floor(Number(digits) / 1000);
    case 19:
      return Number(BigInt(digits) / 1_000_000n);
    default:
      return Number(digits) * SECOND_MS;
  }
}

/** By how it begins, as the first Pyroscope read it: `min` and `minutes` are one unit; `M` and `mon` are months of 30 days. */
function unitOf(unit: string): number | undefined {
  if (unit === "M" || unit.startsWith("mon")) return 30 * DAY_MS;
  if (unit.startsWith("s")) return SECOND_MS;
  if (unit.startsWith("m")) return MINUTE_MS;
  if (unit.startsWith("h")) return HOUR_MS;
  if (unit.startsWith("d")) return DAY_MS;
  if (unit.startsWith("w")) return 7 * DAY_MS;
  if (unit.startsWith("y")) return 365 * DAY_MS;
  return undefined;
}

function invalid(text: string): CodedError {
  return new CodedError(
    "time_invalid",
    FaultKind.Invalid,
    `${JSON.stringify(text.slice(0, 50))} is no time: use now, now-1h, or a number of seconds or milliseconds since 1970`,
  );
}
