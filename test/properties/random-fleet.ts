import { type Random, seededRandom } from "../../pipeline/base/random.ts";
import type { PushedProfile } from "../harness/client.ts";
import { makePprof } from "../harness/make-pprof.ts";

/** Profiles of a few services whose answers are small enough to compare whole, and odd enough to show a difference. */
export type RandomFleet = {
  readonly profiles: readonly PushedProfile[];
  readonly startMs: number;
  readonly endMs: number;
  readonly spanIds: readonly string[];
};

const MEMORY = {
  types: [
    ["alloc_objects", "count"],
    ["alloc_space", "bytes"],
    ["inuse_objects", "count"],
    ["inuse_space", "bytes"],
  ],
  period: ["space", "bytes", 524_288],
} as const;

/** Deterministic from the seed, except for the moment it ends at. */
export function randomFleet(seed: number, endMs: number, count: number): RandomFleet {
  const random = seededRandom(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random.next() * list.length)]!;
  const startMs = endMs - 300_000;
  const spanIds = Array.from({ length: 4 }, () => Buffer.from(random.fill(new Uint8Array(8))).toString("hex"));
  const profiles: PushedProfile[] = [];
  for (let index = 0; index < count; index++) {
    const service = `service-${Math.floor(random.next() * 3)}`;
    const isMemory = random.next() < 0.3;
    // Whole and broken milliseconds, several at the same one.
    const time =
      BigInt(startMs + Math.floor(random.next() * 250) * 1000) * 1_000_000n +
      (random.next() < 0.5 ? 0n : BigInt(Math.floor(random.next() * 999_999)));
    const stacks = randomStacks(random, isMemory ? 4 : 2);
    const sampleLabels = Object.fromEntries(
      Object.keys(stacks).flatMap((stack) => (random.next() < 0.2 ? [[stack, { span_id: pick(spanIds) }]] : [])),
    );
    const profile = makePprof({ stacks, time, ...(isMemory ? MEMORY : { sampleLabels }) });
    const labels = {
      service_name: service,
      __name__: isMemory ? "memory" : "process_cpu",
      pod: `pod-${Math.floor(random.next() * 3)}`,
      "k8s.zone": pick(["a", "b"]),
    };
    profiles.push({ labels, profile });
    // A client that did not hear the answer sends the same again.
    if (random.next() < 0.1) profiles.push({ labels, profile });
  }
  return { profiles, startMs: startMs - 1000, endMs, spanIds };
}

function randomStacks(random: Random, valuesPerSample: number): Record<string, number[]> {
  const stacks: Record<string, number[]> = {};
  const count = 1 + Math.floor(random.next() * 12);
  for (let index = 0; index < count; index++) {
    const depth = 1 + Math.floor(random.next() * 6);
    const stack = ["main", ...Array.from({ length: depth }, () => `f${Math.floor(random.next() ** 2 * 20)}`)].join(";");
    stacks[stack] = Array.from({ length: valuesPerSample }, () => (random.next() < 0.15 ? 0 : 1 + Math.floor(random.next() * 1000)));
  }
  return stacks;
}
