import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { seededRandom } from "../base/random.ts";
import { atOnce } from "../base/steps.ts";
import type { QueuedProfile } from "../profile/queued-profile.ts";
import { CPU_KIND, MEMORY_KIND, testQueuedProfile } from "../profile/testing/test-queued-profile.ts";
import { buildSegment } from "../roles/segment/build.ts";
import { DatasetBuilder } from "./dataset-builder.ts";
import { datasetRange, decodeDataset } from "./dataset-reader.ts";
import { readDirectory } from "./reader.ts";
import { describeObject } from "./testing.ts";
import { ObjectWriter } from "./writer.ts";

/*
 * Goal: what goes into an object comes out of it, whatever the order and however often it was merged.
 * Method: random profiles over few names, so that stacks, series and times collide; every sample as a line of text.
 */

function randomProfiles(seed: number, count: number): QueuedProfile[] {
  const random = seededRandom(seed);
  const pick = (n: number): number => Math.floor(random.next() * n);
  return Array.from({ length: count }, (_, index) => {
    const kind = pick(2) === 0 ? CPU_KIND : MEMORY_KIND;
    const stacks = new Set<string>();
    for (let i = pick(20) + 1; i > 0; i--) stacks.add(Array.from({ length: pick(6) + 1 }, () => `f${pick(8)}`).join(";"));
    const values = (): string => (kind === CPU_KIND ? `${1 + pick(5)}` : `${1 + pick(9)} ${pick(2) * 48 * (1 + pick(9))}`);
    return testQueuedProfile({
      kind,
      tenant: `t${pick(2)}`,
      service: `s${pick(2)}`,
      idSeed: index + 1,
      timeMs: 1_700_000_000_000 + pick(1000) * 15,
      labels: { pod: `p${pick(3)}` },
      stacks: [...stacks].map((stack) => `${stack} ${values()}`),
    });
  });
}

function mergeAll(objects: readonly Uint8Array[]): Uint8Array {
  const builders = new Map<string, DatasetBuilder>();
  for (const object of objects) {
    for (const entry of readDirectory(object).datasets) {
      const key = `${entry.tenant}/${entry.service}`;
      const builder = builders.get(key) ?? new DatasetBuilder(entry.tenant, entry.service);
      builders.set(key, builder);
      const { offset, sizeBytes } = datasetRange(entry);
      atOnce(builder.addingDataset(decodeDataset(object.subarray(offset, offset + sizeBytes), entry)));
    }
  }
  const writer = new ObjectWriter({ level: 1, compressionLevel: 3 });
  for (const key of [...builders.keys()].sort()) writer.add(builders.get(key)!.finish()!);
  return writer.finish().bytes;
}

describe("an object", () => {
  it("gives back every sample, however its profiles are split over segments and merged", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1e9 }),
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 1, max: 4 }),
        (seed, count, parts) => {
          const profiles = randomProfiles(seed, count);
          const whole = describeObject(buildSegment(profiles).bytes);
          const split = Array.from({ length: parts }, (_, part) => profiles.filter((_, i) => i % parts === part)).filter(
            (part) => part.length > 0,
          );
          const merged = mergeAll(split.map((part) => buildSegment(part).bytes));
          expect(describeObject(merged)).toEqual(whole);
          expect(whole.length).toBeGreaterThan(0);
        },
      ),
      { numRuns: 60, seed: 7 },
    );
  });

  it("keeps what the profiles say, to the unit", () => {
    const profile = testQueuedProfile({
      timeNs: 1_700_000_000_123_456_789n,
      idSeed: 1,
      stacks: ["main;work 9007199254740991", "main;0x1f@0x1f 3"],
    });
    const lines = describeObject(buildSegment([profile]).bytes);
    expect(lines).toHaveLength(2);
    expect(lines.some((line) => line.includes("@1700000000123.456789") && line.includes("= 9007199254740991"))).toBe(true);
  });

  it("counts a profile of the same series and nanosecond once: the lowest id stays", () => {
    const twice = [3, 1, 2].map((idSeed) => testQueuedProfile({ idSeed, timeMs: 5000, stacks: [`main;v${idSeed} 1`] }));
    const forward = describeObject(buildSegment(twice).bytes);
    expect(forward).toHaveLength(1);
    expect(describeObject(mergeAll(twice.map((profile) => buildSegment([profile]).bytes)))).toEqual(forward);
  });

  it("leaves out rows at refused times, and the symbols only they used", () => {
    const object = buildSegment([
      testQueuedProfile({ idSeed: 1, timeMs: 1000, stacks: ["main;old 1"] }),
      testQueuedProfile({ idSeed: 2, timeMs: 2000, stacks: ["main;new 1"] }),
    ]).bytes;
    const entry = readDirectory(object).datasets[0]!;
    const { offset, sizeBytes } = datasetRange(entry);
    const builder = new DatasetBuilder(entry.tenant, entry.service);
    atOnce(builder.addingDataset(decodeDataset(object.subarray(offset, offset + sizeBytes), entry), (timeNs) => timeNs >= 2_000_000_000n));
    const columns = builder.finish()!;
    expect(columns.kinds[0]!.columns.profiles.count).toBe(1);
    expect(Buffer.from(columns.symbols.strings.bytes).toString()).not.toContain("old");
  });
});
