import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, type UnixMs, type UnixNs } from "./units.ts";

/**
 * A moment as people and the old HTTP endpoints spell it: `now`, `now-1h30m` (units s, m or min, h, d, w, M or mon, y), or digits: 8 are a
 * date in UTC, 13 milliseconds, 16 microseconds, 19 nanoseconds, any other number of them seconds.
 *
 * Gives undefined for what is no time, or one that 64 bits of nanoseconds cannot say. Source: api.md 4.
 */
export function parseTimeNs(text: string, nowMs: UnixMs): UnixNs | undefined {
  const timeNs = /^\d+$/.test(text) ? digitsNs(text) : relativeNs(text.trim(), nowMs);
  return timeNs === undefined || timeNs > NEWEST_NS || timeNs < -NEWEST_NS ? undefined : (timeNs as UnixNs);
}

const NEWEST_NS = 2n ** 63n - 1n;

function relativeNs(text: string, nowMs: UnixMs): bigint | undefined {
  const relative = /^now((?:[+-](?:\d+[a-zA-Z]+)+)*)$/.exec(text);
  if (relative === null) return undefined;
  let timeMs = BigInt(nowMs);
  for (const [, sign, terms] of (relative[1] ?? "").matchAll(/([+-])((?:\d+[a-zA-Z]+)+)/g)) {
    for (const [, amount, unit] of (terms ?? "").matchAll(/(\d+)([a-zA-Z]+)/g)) {
      const unitMs = unitOf(unit ?? "");
      if (unitMs === undefined) return undefined;
      timeMs += (sign === "-" ? -1n : 1n) * BigInt(amount ?? 0) * BigInt(unitMs);
    }
  }
  return timeMs * 1_000_000n;
}

function digitsNs(digits: string): bigint | undefined {
  switch (digits.length) {
    case 8: {
      const dateMs = Date.parse(`${digits.slice(0, 4)}-${digits.slice(4, 6)}-${digits.slice(6)}T00:00:00Z`);
      return Number.isNaN(dateMs) ? undefined : BigInt(dateMs) * 1_000_000n;
    }
    case 13:
      return BigInt(digits) * 1_000_000n;
    case 16:
      return BigInt(digits) * 1000n;
    case 19:
      return BigInt(digits);
    default:
      return BigInt(digits) * 1_000_000_000n;
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
