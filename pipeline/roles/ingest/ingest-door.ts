import { type CodedError, isCoded } from "../../base/errors.ts";
import type { TenantId } from "../../base/units.ts";
import type { Label } from "../../profile/labels.ts";

/**
 * Takes profiles in every form and answers when they are safe: in the queue or, with the in-process queue, committed to the
 * bucket. Each profile is judged by itself: the good ones of a call are stored even when the call fails because of others.
 *
 * Errors: the codes of `DISCARD_FAULTS` (the fault of the first refused profile), `no_profiles` (invalid, an empty push),
 * `ingest_params` (invalid, see {@link isParameterFault}), `unimplemented_format` (unimplemented), and those of the queue.
 * `rate_limited` carries the fact `retryAfterSeconds`.
 */
export interface Ingest {
  /** `push.v1.PusherService/Push`. */
  push(tenant: TenantId, series: readonly PushSeries[], signal?: AbortSignal): Promise<void>;
  /** `POST /ingest`. */
  ingest(tenant: TenantId, request: IngestRequest, signal?: AbortSignal): Promise<void>;
  /** The body of an ExportProfilesServiceRequest, already decompressed. Refuses single profiles in its answer, not by an error. */
  otlp(tenant: TenantId, body: Uint8Array, encoding: OtlpEncoding, signal?: AbortSignal): Promise<OtlpOutcome>;
  /** Counts a body that was not read to its end because it is larger than the tenant may send. */
  bodyRefused(tenant: TenantId, bytesMax: number): void;
}

/** raw: pprof, gzip or plain. id: the client's UUID, empty when it gave none. The bytes are copied before the call returns its promise. */
export type PushSeries = {
  readonly labels: readonly Label[];
  readonly samples: readonly { readonly raw: Uint8Array; readonly id: string }[];
};

/** The query string without `?`; the content type as sent, "" when absent; the body as sent (`Content-Encoding` does not count here). */
export type IngestRequest = { readonly query: string; readonly contentType: string; readonly body: Uint8Array };

export type OtlpEncoding = "proto" | "json";

/** For `partial_success`: how many profiles were refused, and why the first of them. */
export type OtlpOutcome = { readonly rejectedProfiles: number; readonly message: string };

/** `/ingest` answers 400 when its parameters are wrong, and 422 to every other invalid input. */
export function isParameterFault(error: unknown): error is CodedError {
  return isCoded(error, "ingest_params");
}
