import type { Random } from "./random.ts";
import { spanRecorder } from "./span-recorder.ts";
import { passOn, recordSpan, type SpanContext, type SpanRecord } from "./trace.ts";

/** What another thread or process gives back: its result, and the spans of its work for whoever exports them. */
export type Traced<Result> = { readonly result: Result; readonly spans: readonly SpanRecord[] };

/** Runs a task in the trace of who sent it, and collects its spans. Without a trace, or in one that is not sampled, there are none. */
export async function tracedTask<Result>(
  name: string,
  trace: SpanContext | undefined,
  random: Random,
  work: () => Promise<Result>,
): Promise<Traced<Result>> {
  if (trace === undefined) return { result: await work(), spans: [] };
  if (!trace.sampled) return { result: await passOn(trace, work), spans: [] };
  const spans: SpanRecord[] = [];
  const recorder = spanRecorder(random, (span) => spans.push(span));
  const result = await recordSpan(recorder, name, { parent: trace }, work);
  return { result, spans };
}
