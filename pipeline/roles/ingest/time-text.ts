import type { UnixMs } from "../../base/units.ts";

const UNIT_MS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
  M: 30 * 86_400_000,
  mon: 30 * 86_400_000,
  y: 365 * 86_400_000,
};

/**
 * Reads a time as clients of `/ingest` write it: digits, whose number tells the unit (8 a date, 13 ms, 16 µs, 19 ns, any other
 * seconds), or relative to now (`now`, `now-1h`). Gives ns since 1970, undefined when it is neither.
 */
export function parseTimeNs(text: string, nowMs: UnixMs): bigint | undefined {
  if (/^\d+$/.test(text)) return digitsNs(text);
  const relative = /^now(?:-(\d{1,9})(s|m|min|h|d|w|M|mon|y))?$/.exec(text);
  if (relative === null) return undefined;
  const back = relative[1] === undefined ? 0 : Number(relative[1]) * (UNIT_MS[relative[2] as string] as number);
  return BigInt(Math.max(0, nowMs - back)) * 1_000_000n;
}

function digitsNs(text: string): bigint | undefined {
  switch (text.length) {
    case 8: {
      const timeMs = Date.UTC(Number(text.slice(0, 4)), Number(text.slice(4, 6)) - 1, Number(text.slice(6, 8)));
      return BigInt(timeMs) * 1_000_000n;
    }
    case 13:
      return BigInt(text) * 1_000_000n;
    case 16:
      return BigInt(text) * 1000n;
    case 19:
      return BigInt(text);
    default:
      // Seconds of more digits than these are later than what 64 bits of nanoseconds can say.
      return text.length <= 10 ? BigInt(text) * 1_000_000_000n : undefined;
  }
}
