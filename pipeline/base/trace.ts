import { AsyncLocalStorage } from "node:async_hooks";

/*
 * Traces, as far as the work itself sees them: `inSpan("build", facts, work)`. What is not traced (nearly everything, and everything while
 * tracing is off) runs as if the call were not there. Where a trace begins, and where its spans go, is in pipeline/tracing.
 */

/** Of W3C Trace Context: ids in lower-case hex. */
export type SpanContext = { readonly traceId: string; readonly spanId: string; readonly sampled: boolean };

export type SpanKind = "internal" | "server" | "producer" | "consumer";
export type SpanFacts = Readonly<Record<string, string | number | boolean>>;

/** A span that has ended: plain data, to cross threads. */
export type SpanRecord = {
  readonly name: string;
  readonly kind: SpanKind;
  readonly context: SpanContext;
  readonly parent: SpanContext | undefined;
  readonly links: readonly SpanContext[];
  /** Unix time with fractions. */
  readonly startMs: number;
  readonly endMs: number;
  readonly facts: SpanFacts;
  /** Why it failed. */
  readonly fault: string | undefined;
};

/** Where spans of a trace go. */
export interface SpanRecorder {
  /** Unix time in milliseconds, with fractions. */
  nowMs(): number;
  newSpanId(): string;
  record(span: SpanRecord): void;
}

/** A span that runs. */
export interface Span {
  /** Undefined when it is not traced. */
  readonly context: SpanContext | undefined;
  /** Adds what is known only now. */
  set(name: string, value: string | number | boolean): void;
}

export const NO_SPAN: Span = { context: undefined, set: () => {} };

type Scope = {
  readonly requestId?: string | undefined;
  readonly context?: SpanContext | undefined;
  /** Undefined when the trace is not recorded, and is only passed on. */
  readonly recorder?: SpanRecorder | undefined;
};

const SCOPE = new AsyncLocalStorage<Scope>();

export type SpanOptions = {
  readonly kind?: SpanKind;
  readonly facts?: SpanFacts;
  readonly parent: SpanContext | undefined;
  readonly links?: readonly SpanContext[];
};

/** Runs work as a span of the trace it is in; without a trace it just runs. */
export function inSpan<Result>(name: string, facts: SpanFacts, work: (span: Span) => Promise<Result>): Promise<Result> {
  const scope = SCOPE.getStore();
  if (scope?.recorder === undefined) return work(NO_SPAN);
  return recordSpan(scope.recorder, name, { facts, parent: scope.context }, work);
}

/** Runs work as a span of a trace that is recorded: a new one without a parent. */
export async function recordSpan<Result>(
  recorder: SpanRecorder,
  name: string,
  { kind = "internal", facts = {}, parent, links = [] }: SpanOptions,
  work: (span: Span) => Promise<Result>,
): Promise<Result> {
  const traceId = parent?.traceId ?? recorder.newSpanId() + recorder.newSpanId();
  const context: SpanContext = { traceId, spanId: recorder.newSpanId(), sampled: true };
  const all: Record<string, string | number | boolean> = { ...facts };
  const set: Span["set"] = (key, value) => {
    all[key] = value;
  };
  const startMs = recorder.nowMs();
  let fault: string | undefined;
  try {
    return await SCOPE.run({ ...SCOPE.getStore(), context, recorder }, () => work({ context, set }));
  } catch (error) {
    fault = error instanceof Error ? error.message : String(error);
    throw error;
  } finally {
    recorder.record({ name, kind, context, parent, links, startMs, endMs: recorder.nowMs(), facts: all, fault });
  }
}

/** Runs work in a trace that is passed on and not recorded. */
export function passOn<Result>(context: SpanContext, work: () => Result): Result {
  return SCOPE.run({ ...SCOPE.getStore(), context, recorder: undefined }, work);
}

/** Runs work for one request: log lines in it carry the id. */
export function forRequest<Result>(requestId: string, work: () => Result): Result {
  return SCOPE.run({ ...SCOPE.getStore(), requestId }, work);
}

/** The context to hand to whoever goes on with the work elsewhere: a queue's reader, another thread, another process. */
export function currentContext(): SpanContext | undefined {
  return SCOPE.getStore()?.context;
}

/** Takes a span that ended elsewhere into the trace of here. */
export function recordHere(span: SpanRecord): void {
  SCOPE.getStore()?.recorder?.record(span);
}

/** For log lines. An object of its own each time: the log adds the facts of its line to what it gets. */
export function scopeFacts(): Readonly<Record<string, string>> {
  const scope = SCOPE.getStore();
  if (scope === undefined) return {};
  const { requestId, context } = scope;
  return {
    ...(requestId === undefined ? {} : { request_id: requestId }),
    ...(context === undefined ? {} : { trace_id: context.traceId, span_id: context.spanId }),
  };
}

/** `00-<trace>-<span>-<flags>`, see W3C Trace Context. */
export function traceparentOf({ traceId, spanId, sampled }: SpanContext): string {
  return `00-${traceId}-${spanId}-${sampled ? "01" : "00"}`;
}

const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-|$)/;

/** Undefined for what is none: a broken header begins a trace of its own. */
export function parseTraceparent(text: string | undefined): SpanContext | undefined {
  const [, traceId, spanId, flags] = (text === undefined ? null : TRACEPARENT.exec(text)) ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

/** Name of the field in envelopes of the queue and headers of requests. */
export const TRACEPARENT_HEADER = "traceparent";

/** As fields of an envelope: empty outside of a trace. */
export function traceHeaders(): Readonly<Record<string, string>> | undefined {
  const context = currentContext();
  return context === undefined ? undefined : { [TRACEPARENT_HEADER]: traceparentOf(context) };
}

/** Begins traces. */
export interface Tracer {
  /**
   * Runs work that comes from outside of any span: a request, a batch of messages, a compaction. It follows the first of `from` that
   * has a trace, and links to the others; without any, chance decides whether it is traced.
   */
  begin<Result>(
    name: string,
    options: { readonly kind?: SpanKind; readonly facts?: SpanFacts; readonly from?: readonly (string | undefined)[] },
    work: (span: Span) => Promise<Result>,
  ): Promise<Result>;
}

export const NO_TRACER: Tracer = { begin: (_name, _options, work) => work(NO_SPAN) };
