import { fromBinary, toJson } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { SelectHeatmapResponseSchema } from "../../../api/gen/querier/v1/querier_pb.ts";
import type { UnixMs } from "../../../base/units.ts";
import { encodeHeatmap, HEATMAP_VALUE_BUCKETS, type HeatmapOptions } from "./heatmap.ts";
import { rowsOf, type TestRow } from "./testing/rows.ts";

const OPTIONS: HeatmapOptions = {
  buckets: { startMs: 1000 as UnixMs, endMs: 1040 as UnixMs, stepMs: 10 },
  groupBy: [],
  withExemplars: false,
  limit: 0,
};

type Slot = { timestamp: string; yMin: number[]; counts: number[]; exemplars?: { value: string }[] };
function heatmap(rows: readonly TestRow[], options: Partial<HeatmapOptions> = {}) {
  const bytes = encodeHeatmap(rowsOf(rows), { ...OPTIONS, ...options });
  const json = toJson(SelectHeatmapResponseSchema, fromBinary(SelectHeatmapResponseSchema, bytes)) as unknown as {
    series?: { labels?: { value: string }[]; slots: Slot[] }[];
  };
  return json.series ?? [];
}
const countsAt = (at: Record<number, number>): number[] => Array.from({ length: HEATMAP_VALUE_BUCKETS }, (_, i) => at[i] ?? 0);
const row = (timeMs: number, value: number, labels: Record<string, string> = {}): TestRow => ({ labels, timeMs, value });

describe("encodeHeatmap", () => {
  it("counts rows in 20 equal buckets between the smallest and the largest value", () => {
    const [series] = heatmap([row(1001, 100), row(1005, 109.9), row(1010, 110), row(1011, 300)]);
    expect(series?.slots.map((slot) => [slot.timestamp, slot.counts])).toEqual([
      ["1010", countsAt({ 0: 2, 1: 1 })],
      ["1020", countsAt({ 19: 1 })],
    ]);
    expect(series?.slots[0]?.yMin).toEqual(Array.from({ length: 20 }, (_, i) => 100 + 10 * i));
  });

  it("gives a single value the width 1", () => {
    const [series] = heatmap([row(1000, 5)]);
    expect(series?.slots[0]).toMatchObject({ timestamp: "1000", counts: countsAt({ 0: 1 }) });
    expect(series?.slots[0]?.yMin[19]).toBeCloseTo(5.95);
  });

  it("spans the values of all groups, largest group first", () => {
    const rows = [row(1001, 0.5, { pod: "a" }), row(1001, 20.5, { pod: "b" }), row(1002, 20.5, { pod: "b" })];
    const series = heatmap(rows, { groupBy: ["pod"] });
    expect(series.map((one) => [one.labels?.[0]?.value, one.slots[0]?.counts])).toEqual([
      ["b", countsAt({ 19: 2 })],
      ["a", countsAt({ 0: 1 })],
    ]);
    expect(heatmap(rows, { groupBy: ["pod"], limit: 1 })).toHaveLength(1);
  });

  it("illustrates each cell with its heaviest row", () => {
    const [series] = heatmap([row(1001, 1), row(1001, 2), row(1001, 100)], { withExemplars: true });
    expect(series?.slots[0]?.exemplars?.map((exemplar) => exemplar.value)).toEqual(["2", "100"]);
  });

  it("counts a profile that was split into several series once per group, with its sum", () => {
    const split = [row(1001, 3, { handler: "a" }), row(1001, 4, { handler: "b" })].map((one) => ({ ...one, id: 9 }));
    const [whole] = heatmap([...split, { ...row(1001, 1), id: 8 }]);
    expect(whole?.slots[0]?.counts).toEqual(countsAt({ 0: 1, 19: 1 }));
    expect(heatmap(split, { groupBy: ["handler"] })).toHaveLength(2);
  });

  it("is empty without rows", () => {
    expect(heatmap([])).toEqual([]);
  });
});
