import type { Random } from "../base/random.ts";
import { NO_SPAN, parseTraceparent, passOn, recordSpan, type SpanContext, type SpanRecorder, type Tracer } from "../base/trace.ts";

export type TracerDeps = { readonly recorder: SpanRecorder; readonly random: Random; readonly sampleRatio: number };

/** A batch may hold thousands of messages; collectors take so many links at most. */
const LINKS_MAX = 128;

/** Samples at the beginning of a trace; what arrives with one follows it. */
export function createTracer({ recorder, random, sampleRatio }: TracerDeps): Tracer {
  return {
    begin: (name, { kind, facts, from = [] }, work) => {
      const contexts = from.map(parseTraceparent).filter((context) => context !== undefined);
      const sampled = distinct(contexts.filter((context) => context.sampled));
      const [parent, ...links] = sampled.slice(0, LINKS_MAX + 1);
      const [unsampled] = contexts;
      if (parent === undefined && unsampled !== undefined) return passOn(unsampled, () => work(NO_SPAN));
      if (parent === undefined && random.next() >= sampleRatio) return work(NO_SPAN);
      return recordSpan(
        recorder,
        name,
        { parent, links, ...(kind === undefined ? {} : { kind }), ...(facts === undefined ? {} : { facts }) },
        work,
      );
    },
  };
}

function distinct(contexts: readonly SpanContext[]): readonly SpanContext[] {
  return [...new Map(contexts.map((context) => [context.traceId + context.spanId, context])).values()];
}
