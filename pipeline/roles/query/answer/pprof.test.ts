import { fromBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ProfileSchema } from "../../../api/gen/google/v1/profile_pb.ts";
import { SelectMergeStacktracesResponseSchema } from "../../../api/gen/querier/v1/querier_pb.ts";
import { atOnce } from "../../../base/steps.ts";
import { cutStacks, pgoStacks } from "./cut-stacks.ts";
import { encodePprof, encodePprofResponse } from "./pprof.ts";
import { stacksOf, type TestStack, textOf } from "./testing/stacks.ts";

const HEADER = { profileTypeId: "process_cpu:cpu:nanoseconds:cpu:nanoseconds", endMs: 1_795_389_600_123 };
const STACKS: TestStack[] = [
  { locations: ["leaf:7<inlined:3", "main:1"], value: 2 ** 40 },
  { locations: ["0x1f", "main:1"], value: 5 },
];

describe("encodePprof", () => {
  it("writes a profile that decodes to the same stacks, with header and symbols", () => {
    const profile = fromBinary(ProfileSchema, atOnce(encodePprof(stacksOf(STACKS), HEADER)));
    const text = (index: bigint): string | undefined => profile.stringTable[Number(index)];
    expect(profile.stringTable[0]).toBe("");
    expect(profile.sampleType.map((type) => [text(type.type), text(type.unit)])).toEqual([["cpu", "nanoseconds"]]);
    expect([text(profile.periodType?.type ?? 0n), text(profile.periodType?.unit ?? 0n), profile.period]).toEqual([
      "cpu",
      "nanoseconds",
      1_000_000_000n,
    ]);
    expect(text(profile.defaultSampleType)).toBe("cpu");
    expect(profile.timeNanos).toBe(1_795_389_600_123_000_000n);
    expect(profile.mapping).toMatchObject([
      { id: 1n, memoryStart: 0x400000n, memoryLimit: 2n ** 32n, hasFunctions: true, hasFilenames: false },
    ]);
    const functions = profile.function.map((one) => [text(one.name), text(one.systemName), text(one.filename), one.startLine]);
    const stacks = profile.sample.map((sample) => [
      sample.locationId.map((id) => {
        const location = profile.location[Number(id) - 1];
        return location?.line.length === 0
          ? location.address
          : location?.line.map((line) => [functions[Number(line.functionId) - 1], line.line]);
      }),
      sample.value,
    ]);
    const fn = (name: string) => [name, name, `/src/${name}.go`, 3n];
    expect(stacks).toEqual([
      [
        [
          [
            [fn("leaf"), 7n],
            [fn("inlined"), 3n],
          ],
          [[fn("main"), 1n]],
        ],
        [2n ** 40n],
      ],
      [[0x1fn, [[fn("main"), 1n]]], [5n]],
    ]);
  });

  it("is no bytes at all without samples, and an empty profile inside a response", () => {
    expect(atOnce(encodePprof(stacksOf([]), HEADER))).toHaveLength(0);
    expect(
      fromBinary(SelectMergeStacktracesResponseSchema, atOnce(encodePprofResponse(stacksOf([]), HEADER))).pprof?.profile?.sample,
    ).toEqual([]);
  });

  it("leaves an absent period type out of the strings", () => {
    const profile = fromBinary(
      ProfileSchema,
      atOnce(encodePprof(stacksOf(STACKS), { ...HEADER, profileTypeId: "off_cpu:off_cpu:nanoseconds::" })),
    );
    expect(profile.periodType).toMatchObject({ type: 0n, unit: 0n });
    expect(profile.period).toBe(1n);
  });
});

describe("cutStacks", () => {
  it("turns what is behind the last node that stays into one location, and sums what became equal", () => {
    const stacks = stacksOf([
      { locations: ["a:1", "f:1", "main:1"], value: 10 },
      { locations: ["b:1", "f:1", "main:1"], value: 2 },
      { locations: ["c:1", "f:1", "main:1"], value: 1 },
      { locations: ["main:1"], value: 4 },
    ]);
    expect(textOf(atOnce(cutStacks(stacks, 3))).sort()).toEqual(["a:1 f:1 main:1 10", "main:1 4", "other f:1 main:1 3"]);
    expect(atOnce(cutStacks(stacks, 0))).toBe(stacks);
    expect(atOnce(cutStacks(stacks, 5))).toBe(stacks);
  });

  it("counts lines of one function as one node", () => {
    const stacks = stacksOf([
      { locations: ["f:1", "main:1"], value: 3 },
      { locations: ["f:2", "main:2"], value: 3 },
      { locations: ["g:1", "main:3"], value: 1 },
    ]);
    expect(textOf(atOnce(cutStacks(stacks, 2))).sort()).toEqual(["f:1 main:1 3", "f:2 main:2 3", "other main:3 1"]);
  });

  it("loses no value, whatever the limit", () => {
    const arbitrary = fc.array(
      fc.record({
        locations: fc.array(fc.constantFrom("a:1", "a:2", "b:1", "c:1<a:1", "0x1f"), { minLength: 1, maxLength: 5 }),
        value: fc.integer({ min: 1, max: 99 }),
      }),
      { minLength: 1, maxLength: 20 },
    );
    fc.assert(
      fc.property(arbitrary, fc.integer({ min: 1, max: 12 }), (list, nodesMax) => {
        const sum = (values: Float64Array): number => values.reduce((total, value) => total + value, 0);
        const stacks = stacksOf(list);
        expect(sum(atOnce(cutStacks(stacks, nodesMax)).values)).toBe(sum(stacks.values));
      }),
      { numRuns: 100 },
    );
  });
});

describe("pgoStacks", () => {
  const stacks = stacksOf([
    { locations: ["leaf:7", "mid:2", "main:1"], value: 5 },
    { locations: ["leaf:9", "mid:2", "main:1"], value: 6 },
  ]);

  it("keeps the leaf-most locations", () => {
    expect(textOf(atOnce(pgoStacks(stacks, { keepLocations: 2, aggregateCallees: false })))).toEqual(["leaf:7 mid:2 5", "leaf:9 mid:2 6"]);
  });

  it("counts callees of a line as one without the leaf's own lines", () => {
    expect(textOf(atOnce(pgoStacks(stacks, { keepLocations: 2, aggregateCallees: true })))).toEqual(["leaf mid:2 11"]);
    expect(textOf(atOnce(pgoStacks(stacks, { keepLocations: 0, aggregateCallees: true })))).toEqual(["leaf mid:2 main:1 11"]);
  });
});
