import type { Clock } from "../../base/clock.ts";
import { CodedError, FaultKind, type FaultRecord, faultFromRecord } from "../../base/errors.ts";
import type { Random } from "../../base/random.ts";
import { inSpan, traceHeaders } from "../../base/trace.ts";
import { MIB, type TenantId } from "../../base/units.ts";
import type { Queue } from "../../queue/queue.ts";
import type { DecodeInput, DecodeResult } from "./decode-job.ts";
import type { DecodePool } from "./decode-pool.ts";
import { discardFault, isDiscardReason } from "./discard.ts";
import { otlpOutcome } from "./formats/otlp-response.ts";
import type { Ingest, PushSeries } from "./ingest-door.ts";
import type { IngestLimits } from "./limits.ts";
import type { IngestMetrics, IngestWay } from "./metrics.ts";
import { partitionOf } from "./partition.ts";
import { RateLimiter } from "./rate-limit.ts";
import { statedBytes } from "./uncompressed.ts";

export type IngestDeps = {
  readonly queue: Queue;
  readonly partitions: number;
  readonly pool: DecodePool;
  readonly clock: Clock;
  readonly random: Random;
  readonly limitsOf: (tenant: TenantId) => IngestLimits;
  readonly metrics: IngestMetrics;
  /** Bodies being worked on at once, in bytes, beyond which senders are told to come again. */
  readonly bytesInFlightMax?: number;
};

/** A few hundred large heap profiles, and well within what a process of 1 GiB can hold beside their messages. */
const BYTES_IN_FLIGHT_MAX = 256 * MIB;

/** The ingest role: admits, has decoded, publishes. See {@link Ingest} for what it promises. */
export function createIngest(deps: IngestDeps): Ingest {
  const rates = new RateLimiter();
  const bytesInFlightMax = deps.bytesInFlightMax ?? BYTES_IN_FLIGHT_MAX;
  let bytesInFlight = 0;

  /** From bodies to acknowledged messages. Gives the faults of refused profiles; throws what concerns the request as a whole. */
  function take(tenant: TenantId, way: IngestWay, request: TakeRequest, signal?: AbortSignal): Promise<DecodeResult> {
    const facts = { tenant, way, profiles: request.profiles, received_bytes: request.receivedBytes };
    return inSpan("push", facts, () => admit(tenant, way, request, signal));
  }

  async function admit(tenant: TenantId, way: IngestWay, request: TakeRequest, signal?: AbortSignal): Promise<DecodeResult> {
    const { inputs, receivedBytes, estimatedBytes, profiles } = request;
    const limits = deps.limitsOf(tenant);
    deps.metrics.received(tenant, way, receivedBytes);
    try {
      if (limits.bodyBytesMax !== 0 && receivedBytes > limits.bodyBytesMax) {
        throw discardFault("body_size_limit_exceeded", `request is larger than ${limits.bodyBytesMax} bytes: send less at once`, {
          size_bytes: receivedBytes,
          size_bytes_max: limits.bodyBytesMax,
        });
      }
      // Each profile may be small enough, and all of them together too much: this will not pass by sending it again.
      if (limits.bodyBytesMax !== 0 && estimatedBytes > limits.bodyBytesMax) {
        throw new CodedError(
          "body_size_limit_exceeded",
          FaultKind.Invalid,
          `profiles of the request are larger than ${limits.bodyBytesMax} bytes uncompressed: send fewer at once`,
          {
            facts: { size_bytes: estimatedBytes, size_bytes_max: limits.bodyBytesMax },
          },
        );
      }
      rates.take(tenant, estimatedBytes, deps.clock.nowMs(), limits);
    } catch (error) {
      if (error instanceof CodedError && isDiscardReason(error.code)) {
        deps.metrics.discarded(tenant, { reason: error.code, profiles, bytes: estimatedBytes });
      }
      throw error;
    }
    if (bytesInFlight > 0 && bytesInFlight + receivedBytes > bytesInFlightMax) {
      throw new CodedError("ingest_busy", FaultKind.Limited, "more bytes are being ingested than fit into memory: send again in 1 s", {
        facts: { in_flight_bytes: bytesInFlight, in_flight_bytes_max: bytesInFlightMax, retryAfterSeconds: 1 },
      });
    }

    bytesInFlight += receivedBytes;
    try {
      const startedMs = deps.clock.monotonicMs();
      const idSeed = deps.random.fill(new Uint8Array(16));
      const result = await inSpan("decode", { inputs: inputs.length }, () =>
        deps.pool.run({ tenant, nowMs: deps.clock.nowMs(), limits, idSeed, inputs }),
      );
      const decodedMs = deps.clock.monotonicMs();
      rates.charge(tenant, result.uncompressedBytes - estimatedBytes);
      deps.metrics.decoded(tenant, result.profiles, result.uncompressedBytes, (decodedMs - startedMs) / 1000);
      for (const discard of result.discards) deps.metrics.discarded(tenant, discard);
      if (result.missingSamples > 0) deps.metrics.samplesMissing(tenant, result.missingSamples);
      await inSpan("publish", { messages: result.messages.length }, () => publish(tenant, result, signal));
      return result;
    } finally {
      bytesInFlight -= receivedBytes;
    }
  }

  async function publish(tenant: TenantId, { messages }: DecodeResult, signal?: AbortSignal): Promise<void> {
    if (messages.length === 0) return;
    const startedMs = deps.clock.monotonicMs();
    const headers = traceHeaders();
    // All are waited for even if one fails: the good ones of a call are kept, and the caller may only hear of the others after that.
    const outcomes = await Promise.allSettled(
      messages.map(({ id, service, bytes }) =>
        deps.queue.publish(partitionOf(tenant, service, deps.partitions), { id, bytes, headers }, signal),
      ),
    );
    const sizeBytes = messages.reduce((sum, { bytes }) => sum + bytes.length, 0);
    deps.metrics.published(tenant, messages.length, sizeBytes, (deps.clock.monotonicMs() - startedMs) / 1000);
    for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
  }

  return {
    bodyRefused(tenant, bytesMax) {
      deps.metrics.discarded(tenant, { reason: "body_size_limit_exceeded", profiles: 1, bytes: bytesMax });
    },
    async push(tenant, series, signal) {
      const request = pushRequest(series, deps.limitsOf(tenant));
      if (request.profiles === 0)
        throw new CodedError("no_profiles", FaultKind.Invalid, "no profiles received: send at least one series with one sample");
      throwFirst((await take(tenant, "push", request, signal)).faults);
    },
    async ingest(tenant, { query, contentType, body }, signal) {
      const inputs: DecodeInput[] = [{ kind: "ingest", query, contentType, body: new Uint8Array(body) }];
      const request = { inputs, receivedBytes: body.length, estimatedBytes: body.length, profiles: 1 };
      throwFirst((await take(tenant, "ingest", request, signal)).faults);
    },
    async otlp(tenant, body, encoding, signal) {
      const inputs: DecodeInput[] = [{ kind: "otlp", body: new Uint8Array(body), encoding }];
      const request = { inputs, receivedBytes: body.length, estimatedBytes: body.length, profiles: 1 };
      const { profiles, faults } = await take(tenant, "otlp", request, signal);
      return otlpOutcome(profiles, faults.map(faultFromRecord));
    },
  };
}

/** estimatedBytes: uncompressed, as far as can be told without decompressing. */
type TakeRequest = {
  readonly inputs: readonly DecodeInput[];
  readonly receivedBytes: number;
  readonly estimatedBytes: number;
  readonly profiles: number;
};

/** Copies the profiles of a push into one buffer of their own, which then can be given to another thread. */
function pushRequest(series: readonly PushSeries[], limits: IngestLimits): TakeRequest {
  let receivedBytes = 0;
  let estimatedBytes = 0;
  for (const { labels, samples } of series) {
    for (const { name, value } of labels) estimatedBytes += name.length + value.length;
    for (const { raw } of samples) {
      receivedBytes += raw.length;
      // What a trailer states beyond the limit of a profile is never made.
      estimatedBytes += limits.profileBytesMax === 0 ? statedBytes(raw) : Math.min(statedBytes(raw), limits.profileBytesMax);
    }
  }
  const bytes = new Uint8Array(receivedBytes);
  const inputs: DecodeInput[] = [];
  let end = 0;
  for (const { labels, samples } of series) {
    for (const { raw, id } of samples) {
      bytes.set(raw, end);
      inputs.push({ kind: "pprof", labels, raw: bytes.subarray(end, end + raw.length), clientId: id });
      end += raw.length;
    }
  }
  return { inputs, receivedBytes, estimatedBytes, profiles: inputs.length };
}

function throwFirst([first]: readonly FaultRecord[]): void {
  if (first !== undefined) throw faultFromRecord(first);
}
