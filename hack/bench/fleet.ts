import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { seededRandom } from "../../pipeline/base/random.ts";
import type { PushedProfile } from "../../test/harness/client.ts";
import { cutPprof, varyPprof } from "../../test/harness/pprof-variation.ts";
import { ROOT } from "../tidy/repository.ts";

/** A service that runs some pods, each of which sends its profile again and again. */
export type FleetOptions = { readonly pods: number; readonly ticks: number; readonly endMs: number; readonly seed: number };

/** Pods are profiled this often, as the clients do by default. */
export const TICK_MS = 15_000;

/** A pod shows about this share of the stacks its service has, as a sampling profiler does. */
const STACKS_SEEN = 0.6;

export type Fleet = { readonly profiles: readonly PushedProfile[]; readonly startMs: number; readonly gzipBytes: number };

/** Deterministic from the seed. The order is the order of time: all pods of a tick, then the next tick. */
export function makeFleet({ pods, ticks, endMs, seed }: FleetOptions): Fleet {
  const random = seededRandom(seed);
  const services = corpus().map((path) => ({ ...nameOf(basename(path)), parts: cutPprof(gunzipSync(readFileSync(path))) }));
  if (services.length === 0) throw new Error("test/corpus/pprof has no profiles to make a fleet of");
  const profiles: PushedProfile[] = [];
  const startMs = endMs - (ticks - 1) * TICK_MS;
  for (let tick = 0; tick < ticks; tick++) {
    for (const { service, type, parts } of services) {
      for (let pod = 0; pod < pods; pod++) {
        // Pods do not tick together.
        const timeNanos = BigInt(Math.round(startMs + tick * TICK_MS - random.next() * 1000)) * 1_000_000n;
        const { raw } = varyPprof(parts, timeNanos, () => (random.next() < STACKS_SEEN ? 1 + Math.floor(random.next() ** 3 * 20) : 0));
        const labels = { service_name: service, __name__: type, pod: `${service}-${pod}`, node: `node-${pod % 4}`, namespace: "bench" };
        profiles.push({ labels, profile: gzipSync(raw, { level: 1 }) });
      }
    }
  }
  return { profiles, startMs, gzipBytes: profiles.reduce((sum, { profile }) => sum + profile.length, 0) };
}

function corpus(): readonly string[] {
  const folder = join(ROOT, "test/corpus/pprof");
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith(".pb.gz"))
    .sort()
    .map((name) => join(folder, name));
}

/** `go-heap.pb.gz` → service `go`, type `memory`: the corpus names its files by producer and kind. */
function nameOf(file: string): { readonly service: string; readonly type: string } {
  const stem = file.replace(/\.pb\.gz$/, "");
  const kinds: readonly (readonly [RegExp, string])[] = [
    [/heap|alloc|mem/, "memory"],
    [/goroutine/, "goroutines"],
    [/mutex|lock/, "mutex"],
    [/block/, "block"],
    [/wall/, "wall"],
  ];
  const type = kinds.find(([pattern]) => pattern.test(stem))?.[1] ?? "process_cpu";
  return { service: stem.replace(/[-_.](cpu|heap|alloc\w*|mem\w*|goroutines?|mutex|block|wall|profile).*$/, ""), type };
}
