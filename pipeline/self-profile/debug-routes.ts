import { gzipSync } from "node:zlib";
import type { Clock } from "../base/clock.ts";
import { CodedError, FaultKind } from "../base/errors.ts";
import { type DurationMs, SECOND_MS, unixNsFromMs } from "../base/units.ts";
import type { PlainRoutes } from "../http/plain-app.ts";
import { cpuPprof, heapPprof, type Period, ROOT_URL } from "./convert.ts";
import { CPU_SAMPLING_MS, ProcessInspector, type ThreadProfile } from "./inspect.ts";

const SECONDS_DEFAULT = 10;
const SECONDS_MAX = 60;

/**
 * `/debug/pprof/profile?seconds=N` and `/debug/pprof/heap`, as Go programs have them: this process in pprof format, for
 * `go tool pprof` and for Alloy's scraper. The heap is what was allocated while it was watched and is still alive.
 */
export function debugRoutes(clock: Clock): PlainRoutes {
  let watching = false;
  const watch = async (
    seconds: number,
    withHeap: boolean,
  ): Promise<{ readonly taken: readonly ThreadProfile[]; readonly period: Period }> => {
    if (watching)
      throw new CodedError("profile_running", FaultKind.Limited, "a profile is being taken already: try again when it is done", {
        facts: { retryAfterSeconds: seconds },
      });
    watching = true;
    const inspector = new ProcessInspector(clock);
    try {
      const startedMs = clock.nowMs();
      await inspector.start();
      await clock.sleep((seconds * SECOND_MS) as DurationMs);
      const taken = await inspector.take(withHeap);
      const durationNs = BigInt(clock.nowMs() - startedMs) * 1_000_000n;
      return { taken, period: { timeNs: unixNsFromMs(startedMs), durationNs, rootUrl: ROOT_URL } };
    } finally {
      inspector.stop();
      watching = false;
    }
  };

  return ({ fastify, gate }) => {
    fastify.get("/debug/pprof/profile", async (request, reply) => {
      gate.operator(request.headers);
      const { taken, period } = await watch(secondsOf(request.query), false);
      const profiles = taken.flatMap(({ thread, cpu }) => (cpu === undefined ? [] : [{ thread, profile: cpu }]));
      return reply.type("application/octet-stream").send(gzipSync(cpuPprof(profiles, CPU_SAMPLING_MS, period).bytes));
    });
    fastify.get("/debug/pprof/heap", async (request, reply) => {
      gate.operator(request.headers);
      const { taken, period } = await watch(secondsOf(request.query), true);
      const profiles = taken.flatMap(({ thread, heap }) => (heap === undefined ? [] : [{ thread, profile: heap }]));
      return reply.type("application/octet-stream").send(gzipSync(heapPprof(profiles, period).bytes));
    });
  };
}

/** Errors: `seconds_invalid` (invalid). */
function secondsOf(query: unknown): number {
  const text = (query as { readonly seconds?: unknown }).seconds ?? String(SECONDS_DEFAULT);
  const seconds = Number(text);
  if (Number.isFinite(seconds) && seconds > 0 && seconds <= SECONDS_MAX) return seconds;
  throw new CodedError("seconds_invalid", FaultKind.Invalid, `seconds must be above 0 and at most ${SECONDS_MAX}, not '${String(text)}'`);
}
