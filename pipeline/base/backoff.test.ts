import { describe, expect, it } from "vitest";
import { backoffMs } from "./backoff.ts";
import { seededRandom } from "./random.ts";

const chance = (value: number) => ({ ...seededRandom(1), next: () => value });

describe("backoff", () => {
  it.each([
    [1, 0, 50],
    [1, 0.999_999, 100],
    [2, 0, 100],
    [4, 0.5, 600],
    [5, 0, 500],
    [1000, 0.999_999, 1000],
  ])("after failure %i with chance %f waits %i ms", (failures, value, expected) => {
    expect(backoffMs({ firstMs: 100, maxMs: 1000 }, failures, chance(value))).toBe(expected);
  });
});
