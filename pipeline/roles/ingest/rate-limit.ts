import type { UnixMs } from "../../base/units.ts";
import { discardFault } from "./discard.ts";
import type { IngestLimits } from "./limits.ts";

/** Tokens are bytes. A bucket may be in debt: what was admitted on an estimate is paid in full afterwards. */
export type TokenBucket = { readonly tokens: number; readonly atMs: UnixMs };

export type RateDecision = { readonly bucket: TokenBucket; readonly admitted: boolean; readonly retryAfterSeconds: number };

/**
 * Decides whether `bytes` more may come in now. One request larger than the burst is admitted when the bucket is full, and puts
 * it into debt: otherwise it could never come in.
 */
export function takeTokens(bucket: TokenBucket | undefined, bytes: number, nowMs: UnixMs, limits: IngestLimits): RateDecision {
  const rate = limits.ingestionRateBytesPerSecond;
  const burst = limits.ingestionBurstBytes;
  const elapsedMs = bucket === undefined ? 0 : Math.max(0, nowMs - bucket.atMs);
  const tokens = bucket === undefined ? burst : Math.min(burst, bucket.tokens + (elapsedMs * rate) / 1000);
  if (rate === 0) return { bucket: { tokens, atMs: nowMs }, admitted: true, retryAfterSeconds: 0 };
  const needed = Math.min(bytes, burst);
  if (tokens >= needed) return { bucket: { tokens: tokens - bytes, atMs: nowMs }, admitted: true, retryAfterSeconds: 0 };
  return { bucket: { tokens, atMs: nowMs }, admitted: false, retryAfterSeconds: Math.ceil((needed - tokens) / rate) };
}

/** The buckets of all tenants. */
export class RateLimiter {
  readonly #buckets = new Map<string, TokenBucket>();

  /** Errors: `rate_limited` with the fact `retryAfterSeconds`. */
  take(tenant: string, bytes: number, nowMs: UnixMs, limits: IngestLimits): void {
    const decision = takeTokens(this.#buckets.get(tenant), bytes, nowMs, limits);
    this.#buckets.set(tenant, decision.bucket);
    if (decision.admitted) return;
    throw discardFault(
      "rate_limited",
      `tenant sends more than ${limits.ingestionRateBytesPerSecond} bytes a second: send again in ${decision.retryAfterSeconds} s`,
      {
        retryAfterSeconds: decision.retryAfterSeconds,
        rate_bytes_per_second: limits.ingestionRateBytesPerSecond,
      },
    );
  }

  /** Charges what turned out to be larger than it said; never refuses. */
  charge(tenant: string, bytes: number): void {
    const bucket = this.#buckets.get(tenant);
    if (bucket !== undefined && bytes > 0) this.#buckets.set(tenant, { ...bucket, tokens: bucket.tokens - bytes });
  }
}
