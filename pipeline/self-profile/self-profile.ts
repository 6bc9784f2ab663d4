import { hostname } from "node:os";
import type { Clock } from "../base/clock.ts";
import { isCoded } from "../base/errors.ts";
import type { Running } from "../base/lifecycle.ts";
import type { Log } from "../base/log.ts";
import { counter, type Registry } from "../base/metrics.ts";
import { type DurationMs, SECOND_MS, unixNsFromMs } from "../base/units.ts";
import type { Label } from "../profile/labels.ts";
import { cpuPprof, heapPprof, type Period, ROOT_URL } from "./convert.ts";
import { CPU_SAMPLING_MS, ProcessInspector, type ThreadProfile } from "./inspect.ts";
import type { ProfileTarget } from "./target.ts";

export type SelfProfileDeps = {
  readonly target: ProfileTarget;
  readonly clock: Clock;
  readonly log: Log;
  readonly registry: Registry;
  readonly intervalMs: number;
  readonly roles: readonly string[];
  readonly version: string;
};

/** Reading the heap costs a full garbage collection of every thread: once a minute is plenty for what changes slowly. */
const HEAP_EVERY_MS = 60 * SECOND_MS;
/** Soon, so that somebody who has just started the server has something to look at. */
const FIRST_AFTER_MS = 5 * SECOND_MS;

/**
 * Profiles this process and sends the profiles to the target, as service `brazier`: CPU of every thread, and what is alive on their
 * heaps. A failure is counted and costs one profile.
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

async function run(deps: SelfProfileDeps, signal: AbortSignal): Promise<void> {
  const { clock, log, intervalMs } = deps;
  const pushes = counter(deps.registry, {
    name: "brazier_self_profile_pushes_total",
    help: "Profiles of this process that were sent, by outcome (stored, failed).",
    labelNames: ["outcome"],
  });
  let failing = false;
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
      try {
        await send(deps, taken, period);
        pushes.inc({ outcome: "stored" });
        failing = false;
      } catch (error) {
        if (!isCoded(error)) throw error;
        pushes.inc({ outcome: "failed" });
        // Once, until it works again: a full queue or disk is told by those whose business it is, too.
        if (failing) log.debug({ err: error }, "a profile of this process was not stored");
        else log.warn({ err: error }, "a profile of this process was not stored");
        failing = true;
      }
      await clock.sleep(intervalMs as DurationMs, signal);
    }
  } finally {
    inspector.stop();
  }
}

async function send(deps: SelfProfileDeps, taken: readonly ThreadProfile[], period: Period): Promise<void> {
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
    { labels: labelsOf("process_cpu", deps), pprof: cpu },
    { labels: labelsOf("memory", deps), pprof: heap },
  ].flatMap(({ labels, pprof }) => (pprof.sampleCount === 0 ? [] : [{ labels, samples: [{ raw: pprof.bytes, id: "" }] }]));
  if (series.length > 0) await deps.target(series);
}

/** A process with every role. */
const ROLES_OF_ALL = 4;

function labelsOf(name: string, { roles, version }: SelfProfileDeps): readonly Label[] {
  const host = hostname();
  return [
    { name: "__name__", value: name },
    { name: "service_name", value: "brazier" },
    { name: "hostname", value: host },
    { name: "instance", value: host },
    { name: "role", value: roles.length === ROLES_OF_ALL ? "all" : roles.join("_") },
    { name: "version", value: version },
    // In Kubernetes the host name of a container is the name of its pod.
    { name: "pod", value: host },
    { name: "pyroscope_spy", value: "brazier" },
  ];
}
