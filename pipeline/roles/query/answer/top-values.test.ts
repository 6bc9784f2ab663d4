import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { kthLargest } from "./top-values.ts";

describe("kthLargest", () => {
  it("equals the k-th of the sorted values, ties and all, and changes nothing", () => {
    const values = fc.array(fc.oneof(fc.nat(5), fc.maxSafeNat()), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(values, fc.nat(), (list, seed) => {
        const k = 1 + (seed % list.length);
        const given = Float64Array.from(list);
        expect(kthLargest(given, list.length, k)).toBe([...list].sort((a, b) => b - a)[k - 1]);
        expect([...given]).toEqual(list);
      }),
      { numRuns: 300 },
    );
  });

  it("takes only as many values as it is told", () => {
    expect(kthLargest(Float64Array.of(1, 2, 99), 2, 1)).toBe(2);
  });
});
