import { assert } from "./assert.ts";

/*
 * Units are types: brand at the border (decode, config, clock), carry inside, unwrap at the other border.
 * Inner loops over typed arrays use plain numbers with the unit in the name.
 */
declare const unit: unique symbol;
type Unit<Base, Name extends string> = Base & { readonly [unit]: Name };

export type Bytes = Unit<number, "bytes">;
export type DurationMs = Unit<number, "ms">;
export type UnixMs = Unit<number, "ms since 1970 UTC">;
/** bigint: nanoseconds since 1970 do not fit a double exactly. */
export type UnixNs = Unit<bigint, "ns since 1970 UTC">;
export type TenantId = Unit<string, "tenant">;

export const KIB = 1024;
export const MIB = 1024 * KIB;
export const SECOND_MS = 1000;
export const MINUTE_MS = 60 * SECOND_MS;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

export function elapsedMs(earlier: UnixMs, later: UnixMs): DurationMs {
  assert(later >= earlier, "time does not run backwards");
  return (later - earlier) as DurationMs;
}

/** Floors: keeps a sample inside its window. */
export function unixMsFromNs(time: UnixNs): UnixMs {
  return Number(time / 1_000_000n) as UnixMs;
}

export function unixNsFromMs(time: UnixMs): UnixNs {
  return (BigInt(time) * 1_000_000n) as UnixNs;
}
