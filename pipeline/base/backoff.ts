import type { Random } from "./random.ts";
import type { DurationMs } from "./units.ts";

export type Backoff = { readonly firstMs: number; readonly maxMs: number };

/**
 * How long to wait after the n-th failure in a row (from 1): doubling, bounded, and half of it random, so that those who failed
 * together do not come back together.
 */
export function backoffMs({ firstMs, maxMs }: Backoff, failures: number, random: Random): DurationMs {
  const full = Math.min(maxMs, firstMs * 2 ** Math.min(30, failures - 1));
  return Math.round(full / 2 + (full / 2) * random.next()) as DurationMs;
}
