import { type HrTime, type SpanContext as OtelContext, SpanKind as OtelKind, SpanStatusCode, TraceFlags } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, type ReadableSpan } from "@opentelemetry/sdk-trace";
import { CodedError, FaultKind } from "../base/errors.ts";
import type { SpanContext, SpanKind, SpanRecord } from "../base/trace.ts";

export type ExporterOptions = {
  readonly endpoint: string;
  /** `name=value,name=value`. */
  readonly headers: string;
  readonly version: string;
  readonly instance: string;
  readonly roles: readonly string[];
};

export type SpanExport = { readonly record: (span: SpanRecord) => void /** Sends what waits. */; readonly stop: () => Promise<void> };

/** A collector that is away costs memory up to so many spans, the newer ones are lost. */
const WAITING_MAX = 4096;
const SEND_EVERY_MS = 2000;
const SEND_WITHIN_MS = 5000;

/** Sends spans as OTLP in protobuf over HTTP, in batches and in the background. Errors: `tracing_headers_invalid` (invalid). */
export function exportSpans(options: ExporterOptions): SpanExport {
  const exporter = new OTLPTraceExporter({
    url: tracesUrl(options.endpoint),
    headers: parseHeaders(options.headers),
    timeoutMillis: SEND_WITHIN_MS,
  });
  const batches = new BatchSpanProcessor({
    exporter,
    maxQueueSize: WAITING_MAX,
    scheduledDelayMillis: SEND_EVERY_MS,
    exportTimeoutMillis: SEND_WITHIN_MS,
  });
  const resource = resourceFromAttributes({
    "service.name": "brazier",
    "service.version": options.version,
    "service.instance.id": options.instance,
    "brazier.roles": options.roles.join(","),
  });
  const base = { resource, instrumentationScope: { name: "brazier", version: options.version }, ...NOTHING };
  return {
    record: (span) => batches.onEnd({ ...base, ...asReadable(span) } as ReadableSpan),
    stop: () => batches.shutdown(),
  };
}

const NOTHING = { events: [], ended: true, droppedAttributesCount: 0, droppedEventsCount: 0, droppedLinksCount: 0 };

/** An address without a path is that of a collector, whose place for traces is known. */
export function tracesUrl(endpoint: string): string {
  const url = new URL(endpoint);
  if (url.pathname === "/") url.pathname = "/v1/traces";
  return url.href;
}

export function parseHeaders(text: string): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const pair of text.split(",").filter((one) => one.trim() !== "")) {
    const equals = pair.indexOf("=");
    if (equals <= 0) throw new CodedError("tracing_headers_invalid", FaultKind.Invalid, "tracing.headers takes name=value,name=value");
    headers[pair.slice(0, equals).trim()] = pair.slice(equals + 1).trim();
  }
  return headers;
}

const KINDS: Readonly<Record<SpanKind, OtelKind>> = {
  internal: OtelKind.INTERNAL,
  server: OtelKind.SERVER,
  producer: OtelKind.PRODUCER,
  consumer: OtelKind.CONSUMER,
};

function asReadable({ name, kind, context, parent, links, startMs, endMs, facts, fault }: SpanRecord) {
  return {
    name,
    kind: KINDS[kind],
    spanContext: () => otelContext(context),
    ...(parent === undefined ? {} : { parentSpanContext: otelContext(parent) }),
    links: links.map((link) => ({ context: otelContext(link) })),
    startTime: hrTime(startMs),
    endTime: hrTime(endMs),
    duration: hrTime(endMs - startMs),
    attributes: { ...facts },
    status: fault === undefined ? { code: SpanStatusCode.UNSET } : { code: SpanStatusCode.ERROR, message: fault },
  };
}

function otelContext({ traceId, spanId }: SpanContext): OtelContext {
  return { traceId, spanId, traceFlags: TraceFlags.SAMPLED };
}

function hrTime(ms: number): HrTime {
  const seconds = Math.floor(ms / 1000);
  return [seconds, Math.round((ms - seconds * 1000) * 1e6)];
}
