import { describe, expect, it } from "vitest";
import { createTracer } from "../tracing/tracer.ts";
import { type Random, seededRandom } from "./random.ts";
import { spanRecorder } from "./span-recorder.ts";
import {
  currentContext,
  forRequest,
  inSpan,
  NO_SPAN,
  NO_TRACER,
  parseTraceparent,
  type SpanRecord,
  scopeFacts,
  traceHeaders,
  traceparentOf,
} from "./trace.ts";
import { tracedTask } from "./traced-task.ts";

const SAMPLED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const UNSAMPLED = "00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

function world(sampleRatio = 1, random: Random = seededRandom(1)) {
  const spans: SpanRecord[] = [];
  return { spans, tracer: createTracer({ recorder: spanRecorder(random, (span) => spans.push(span)), random, sampleRatio }) };
}

describe("traceparent", () => {
  it("is read as it is written", () => {
    expect(traceparentOf(parseTraceparent(SAMPLED)!)).toBe(SAMPLED);
    expect(traceparentOf(parseTraceparent(UNSAMPLED)!)).toBe(UNSAMPLED);
    // A later version may have more fields.
    expect(parseTraceparent(`01${SAMPLED.slice(2)}-more`)?.sampled).toBe(true);
  });

  it.each([
    undefined,
    "",
    "00-0-0-01",
    SAMPLED.toUpperCase(),
    `ff${SAMPLED.slice(2)}`,
    `00-${"0".repeat(32)}-b7ad6b7169203331-01`,
    `${SAMPLED}0`,
  ])("is nothing when it is %s", (text) => {
    expect(parseTraceparent(text)).toBeUndefined();
  });
});

describe("a span", () => {
  it("is inside of the one that runs, follows a trace from outside, and links to the others", async () => {
    const { tracer, spans } = world();
    const other = SAMPLED.replace("0af", "2af");
    const result = await tracer.begin("outer", { from: [undefined, UNSAMPLED, SAMPLED, other, SAMPLED] }, (span) => {
      span.set("size", 3);
      return inSpan("inner", { a: 1 }, async () => 42);
    });
    const [inner, outer] = spans as [SpanRecord, SpanRecord];
    expect([result, inner.name, inner.facts, outer.facts]).toEqual([42, "inner", { a: 1 }, { size: 3 }]);
    expect(inner.parent).toEqual(outer.context);
    expect(outer.parent).toEqual(parseTraceparent(SAMPLED));
    expect(outer.links).toEqual([parseTraceparent(other)]);
    expect(outer.endMs).toBeGreaterThanOrEqual(inner.endMs);
  });

  it("keeps the fault that ended it", async () => {
    const { tracer, spans } = world();
    await expect(tracer.begin("outer", {}, () => Promise.reject(new Error("away")))).rejects.toThrow("away");
    expect(spans).toEqual([expect.objectContaining({ fault: "away" })]);
  });

  it("is sampled by chance when it begins a trace, and never against its parent", async () => {
    const half = world(0.5);
    for (let i = 0; i < 1000; i++) await half.tracer.begin("root", {}, async () => {});
    expect(half.spans.length).toBeGreaterThan(400);
    expect(half.spans.length).toBeLessThan(600);
    expect(new Set(half.spans.map(({ context }) => context.traceId)).size).toBe(half.spans.length);

    const all = world(1);
    await all.tracer.begin("root", { from: [UNSAMPLED] }, async () => {
      await inSpan("inner", {}, async () => {});
      expect(traceHeaders()).toEqual({ traceparent: UNSAMPLED });
    });
    expect(all.spans).toEqual([]);
    const none = world(0);
    await none.tracer.begin("root", { from: [SAMPLED] }, async () => {});
    expect(none.spans).toHaveLength(1);
  });

  it("is nothing without a trace", async () => {
    const seen = await NO_TRACER.begin("root", {}, (outer) =>
      inSpan("inner", {}, async (inner) => [outer, inner, traceHeaders(), currentContext()]),
    );
    expect(seen).toEqual([NO_SPAN, NO_SPAN, undefined, undefined]);
  });

  it("goes on in another thread, whose spans come back with the result", async () => {
    const random = seededRandom(7);
    const { result, spans } = await tracedTask("task", parseTraceparent(SAMPLED), random, () => inSpan("step", {}, async () => 1));
    expect([result, spans.map(({ name }) => name)]).toEqual([1, ["step", "task"]]);
    expect(structuredClone(spans)).toEqual(spans);
    expect(spans[1]?.parent).toEqual(parseTraceparent(SAMPLED));
    for (const trace of [undefined, parseTraceparent(UNSAMPLED)]) {
      expect(await tracedTask("task", trace, random, () => inSpan("step", {}, async () => 1))).toEqual({ result: 1, spans: [] });
    }
  });
});

describe("a log line", () => {
  it("tells its request and its trace", async () => {
    const { tracer } = world();
    const facts = await forRequest("r-1", () => tracer.begin("root", { from: [SAMPLED] }, async () => scopeFacts()));
    expect(facts).toEqual({ request_id: "r-1", trace_id: SAMPLED.slice(3, 35), span_id: expect.stringMatching(/^[0-9a-f]{16}$/) });
    expect(scopeFacts()).toEqual({});
  });
});
