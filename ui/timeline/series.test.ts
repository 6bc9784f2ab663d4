import { describe, expect, it } from "vitest";
import { alignSeries, shiftSeries } from "./series.ts";

describe("alignSeries", () => {
  const grid = { startMs: 1_000_000, endMs: 1_060_000 };
  it("puts points on the server's buckets and scales them", () => {
    const series = [{ label: "a", points: [0, 1, 2, 3, 4].map((i) => ({ atMs: 1_000_000 + i * 15_000, value: 30 * i })) }];
    const { xSeconds, lines } = alignSeries(series, grid, 15, (sum) => sum / 15);
    expect(xSeconds).toEqual([1000, 1015, 1030, 1045, 1060]);
    expect(lines).toEqual([[0, 2, 4, 6, 8]]);
  });
  it("bridges one missing bucket and leaves longer gaps open", () => {
    const at = (...indices: number[]): { label: string; points: { atMs: number; value: number }[] } => ({
      label: "",
      points: indices.map((i) => ({ atMs: 1_000_000 + i * 15_000, value: 1 })),
    });
    expect(alignSeries([at(0, 2, 3, 4)], grid, 15, (sum) => sum).lines).toEqual([[1, undefined, 1, 1, 1]]);
    expect(alignSeries([at(0, 3, 4)], grid, 15, (sum) => sum).lines).toEqual([[1, null, null, 1, 1]]);
  });
  it("ignores points outside the window", () => {
    expect(alignSeries([{ label: "", points: [{ atMs: 900_000, value: 1 }] }], grid, 15, (sum) => sum).lines).toEqual([
      [null, null, null, null, null],
    ]);
  });
});

describe("shiftSeries", () => {
  it("moves the points and nothing else", () => {
    expect(shiftSeries([{ label: "a", points: [{ atMs: 5, value: 2 }] }], 10)).toEqual([{ label: "a", points: [{ atMs: 15, value: 2 }] }]);
  });
});
