import type { Clock } from "../base/clock.ts";
import type { Random } from "../base/random.ts";
import type { UnixMs } from "../base/units.ts";

const TIME_DIGITS = 12;
const RANDOM_BYTES = 8;

/**
 * A fresh name: 12 hexadecimal digits of the time in ms since 1970, then 16 of randomness, so that names sort by time and
 * two makers never meet.
 */
export function newObjectId(clock: Clock, random: Random): string {
  const time = clock.nowMs().toString(16).padStart(TIME_DIGITS, "0");
  return time + Buffer.from(random.fill(new Uint8Array(RANDOM_BYTES))).toString("hex");
}

/** When the object with this id was named. */
export function objectIdTimeMs(objectId: string): UnixMs {
  return Number.parseInt(objectId.slice(0, TIME_DIGITS), 16) as UnixMs;
}
