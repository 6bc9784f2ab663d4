import { hostname } from "node:os";
import type { Clock } from "../base/clock.ts";
import { isCoded } from "../base/errors.ts";
import type { Running } from "../base/lifecycle.ts";
import type { Log } from "../base/log.ts";
import { type DurationMs, SECOND_MS, unixNsFromMs } from "../base/units.ts";
import { ANONYMOUS_TENANT } from "../http/tenant-header.ts";
import type { Label } from "../profile/labels.ts";
import type { Ingest } from "../roles/ingest/ingest-door.ts";
import { cpuPprof, heapPprof, type Period, ROOT_URL } from "./convert.ts";
import { CPU_SAMPLING_MS, ProcessInspector, type ThreadProfile } from "./inspect.ts";

export type SelfProfileDeps = { readonly ingest: Ingest; readonly clock: Clock; readonly log: Log; readonly intervalMs: number };

/** Reading the heap costs a full garbage collection of every thread: once a minute is plenty for what changes slowly. */
const HEAP_EVERY_MS = 60 * SECOND_MS;
/** Soon, so that somebody who has just started the server has something to look at. */
const FIRST_AFTER_MS = 5 * SECOND_MS;

/**
 * Profiles this process and sends the profiles through the ordinary door, as service `brazier` of the tenant `anonymous`: CPU of
 * every thread, and what is alive on their heaps. A failure is logged and costs one profile.
 */
export function startSelfProfile(deps: SelfProfileDeps): Running {
  const stopping = new AbortController();
  const running = run(deps, stopping.signal).catch((error: unknown) => deps.log.warn({ err: error }, "self-profiling ended"));
  return {
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}

async function run({ ingest, clock, log, intervalMs }: SelfProfileDeps, signal: AbortSignal): Promise<void> {
  const inspector = new ProcessInspector(clock);
  await inspector.start();
  try {
    let startedMs = clock.nowMs();
    await clock.sleep(Math.min(FIRST_AFTER_MS, intervalMs) as DurationMs, signal);
    let heapTakenMs = Number.NEGATIVE_INFINITY;
    while (!signal.aborted) {
      const withHeap = clock.monotonicMs() - heapTakenMs >= HEAP_EVERY_MS;
      if (withHeap) heapTakenMs = clock.monotonicMs();
      const taken = await inspector.take(withHeap);
      const nowMs = clock.nowMs();
      const period: Period = { timeNs: unixNsFromMs(startedMs), durationNs: BigInt(nowMs - startedMs) * 1_000_000n, rootUrl: ROOT_URL };
      startedMs = nowMs;
      await send(ingest, taken, period).catch((error: unknown) => {
        // A full queue or disk is told by those whose business it is.
        if (!isCoded(error)) throw error;
        log.debug({ err: error }, "a profile of this process was not stored");
      });
      await clock.sleep(intervalMs as DurationMs, signal);
    }
  } finally {
    inspector.stop();
  }
}

async function send(ingest: Ingest, taken: readonly ThreadProfile[], period: Period): Promise<void> {
  const cpu = cpuPprof(
    taken.flatMap(({ thread, cpu }) => (cpu === undefined ? [] : [{ thread, profile: cpu }])),
    CPU_SAMPLING_MS,
    period,
  );
  const heap = heapPprof(
    taken.flatMap(({ thread, heap }) => (heap === undefined ? [] : [{ thread, profile: heap }])),
    period,
  );
  const series = [
    { labels: labelsOf("process_cpu"), pprof: cpu },
    { labels: labelsOf("memory"), pprof: heap },
  ].flatMap(({ labels, pprof }) => (pprof.sampleCount === 0 ? [] : [{ labels, samples: [{ raw: pprof.bytes, id: "" }] }]));
  if (series.length > 0) await ingest.push(ANONYMOUS_TENANT, series);
}

function labelsOf(name: string): readonly Label[] {
  const host = hostname();
  return [
    { name: "__name__", value: name },
    { name: "service_name", value: "brazier" },
    { name: "hostname", value: host },
    // In Kubernetes the host name of a container is the name of its pod.
    { name: "pod", value: host },
    { name: "pyroscope_spy", value: "brazier" },
  ];
}
