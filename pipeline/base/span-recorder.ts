import { performance } from "node:perf_hooks";
import type { Random } from "./random.ts";
import type { SpanRecord, SpanRecorder } from "./trace.ts";

/** Gives each span that ends to `record`. */
export function spanRecorder(random: Random, record: (span: SpanRecord) => void): SpanRecorder {
  return {
    // Steady within a process, and the same for its threads.
    nowMs: () => performance.timeOrigin + performance.now(),
    newSpanId: () => {
      const id = Buffer.from(random.fill(new Uint8Array(8))).toString("hex");
      // All zeros mean "none".
      return id === "0000000000000000" ? "0000000000000001" : id;
    },
    record,
  };
}
