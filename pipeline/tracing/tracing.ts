import { hostname } from "node:os";
import type { Running } from "../base/lifecycle.ts";
import type { Random } from "../base/random.ts";
import { spanRecorder } from "../base/span-recorder.ts";
import { NO_TRACER, type Tracer } from "../base/trace.ts";
import type { Config } from "../config/schema.ts";
import { createTracer } from "./tracer.ts";

export type Tracing = Running & { readonly tracer: Tracer };

const OFF: Tracing = { tracer: NO_TRACER, stop: async () => {} };

/** As `tracing` of the configuration says; the libraries are loaded only when it is on. Errors: `tracing_headers_invalid` (invalid). */
export async function startTracing(
  { tracing: { endpoint, sample_ratio, headers } }: Config,
  { random, version, roles }: { readonly random: Random; readonly version: string; readonly roles: readonly string[] },
): Promise<Tracing> {
  if (endpoint === "") return OFF;
  const { exportSpans } = await import("./exporter.ts");
  const { record, stop } = exportSpans({ endpoint, headers, version, instance: hostname(), roles });
  return { tracer: createTracer({ recorder: spanRecorder(random, record), random, sampleRatio: sample_ratio }), stop };
}
