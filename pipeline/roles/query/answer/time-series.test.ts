import { fromBinary, toJson } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { SelectSeriesResponseSchema } from "../../../api/gen/querier/v1/querier_pb.ts";
import type { UnixMs } from "../../../base/units.ts";
import type { SeriesOptions } from "../question.ts";
import { rowsOf, spanRowsOf, type TestRow } from "./testing/rows.ts";
import { encodeTimeSeries } from "./time-series.ts";

const OPTIONS: SeriesOptions = {
  buckets: { startMs: 1000 as UnixMs, endMs: 1040 as UnixMs, stepMs: 10 },
  groupBy: [],
  aggregation: "sum",
  exemplars: "none",
  limit: 0,
};

function series(rows: readonly TestRow[], options: Partial<SeriesOptions> = {}, spans?: readonly TestRow[]) {
  const bytes = encodeTimeSeries(rowsOf(rows), { ...OPTIONS, ...options }, spans === undefined ? undefined : spanRowsOf(spans));
  return (toJson(SelectSeriesResponseSchema, fromBinary(SelectSeriesResponseSchema, bytes)) as { series?: unknown[] }).series ?? [];
}

const at = (timeMs: number, value: number, labels: Record<string, string> = {}, id?: number): TestRow =>
  id === undefined ? { labels, timeMs, value } : { labels, timeMs, value, id };

describe("encodeTimeSeries", () => {
  it("sums (t - step, t] at t, from start to end, and leaves empty buckets out", () => {
    const rows = [at(990, 1), at(991, 2), at(1000, 4), at(1001, 8), at(1010, 16), at(1031, 32), at(1040, 64), at(1041, 128)];
    expect(series(rows)).toEqual([
      {
        points: [
          { timestamp: "1000", value: 6 },
          { timestamp: "1010", value: 24 },
          { timestamp: "1040", value: 96 },
        ],
      },
    ]);
  });

  it("loses what lies behind the last whole step", () => {
    expect(series([at(1041, 1)], { buckets: { ...OPTIONS.buckets, endMs: 1045 as UnixMs } })).toEqual([]);
  });

  it("groups by labels, largest sum first, equal ones by label, cut to the limit", () => {
    const rows = [
      at(1001, 5, { pod: "b", x: "1" }),
      at(1001, 5, { pod: "a" }),
      at(1002, 9, { pod: "c" }),
      at(1003, 1, { x: "2" }),
      at(1003, 2, { pod: "b", x: "2" }),
    ];
    const pods = series(rows, { groupBy: ["pod"] }).map((one) => (one as { labels?: { value: string }[] }).labels?.[0]?.value);
    expect(pods).toEqual(["c", "b", "a", undefined]);
    expect(series(rows, { groupBy: ["pod"], limit: 2 })).toHaveLength(2);
    const even = [at(1001, 5, { pod: "b" }), at(1001, 5, { pod: "a" })];
    expect(series(even, { groupBy: ["pod"] }).map((one) => (one as { labels: { value: string }[] }).labels[0]?.value)).toEqual(["a", "b"]);
  });

  it("averages over profiles when asked to", () => {
    expect(series([at(1001, 4), at(1002, 8)], { aggregation: "average" })).toEqual([{ points: [{ timestamp: "1010", value: 6 }] }]);
  });

  it("illustrates a point with its heaviest profile and the labels the series does not have", () => {
    const rows = [
      at(1001, 4, { pod: "a", zone: "x" }, 1),
      at(1002, 3, { pod: "a", zone: "y", lane: "1" }, 2),
      at(1002, 3, { pod: "a", zone: "y", lane: "2" }, 2),
    ];
    expect(series(rows, { groupBy: ["pod"], exemplars: "individual" })).toEqual([
      {
        labels: [{ name: "pod", value: "a" }],
        points: [
          {
            timestamp: "1010",
            value: 10,
            exemplars: [
              { timestamp: "1002", profileId: "00000000-0000-0000-0000-000000000002", value: "6", labels: [{ name: "zone", value: "y" }] },
            ],
          },
        ],
      },
    ]);
  });

  it("illustrates a point with its heaviest span", () => {
    const spans: TestRow[] = [
      { labels: {}, timeMs: 1001, value: 4, span: 7 },
      { labels: {}, timeMs: 1001, value: 9, span: 171 },
    ];
    expect(series([at(1001, 20)], { exemplars: "span" }, spans)).toEqual([
      { points: [{ timestamp: "1010", value: 20, exemplars: [{ timestamp: "1001", spanId: "00000000000000ab", value: "9" }] }] },
    ]);
  });
});
