import { describe, expect, it } from "vitest";
import { atOnce } from "../../../base/steps.ts";
import type { UnixMs } from "../../../base/units.ts";
import type { SeriesOptions } from "../question.ts";
import { renderDiffJson, renderJson } from "./flamebearer.ts";
import { rowsOf } from "./testing/rows.ts";
import { treeOf } from "./testing/trees.ts";

const OPTIONS: SeriesOptions = {
  buckets: { startMs: 60_000 as UnixMs, endMs: 105_000 as UnixMs, stepMs: 15_000 },
  groupBy: [],
  aggregation: "sum",
  exemplars: "none",
  limit: 0,
};
const TREE = treeOf([{ names: ["main"], value: 7 }]);
const ROWS = rowsOf([
  { labels: { pod: "a" }, timeMs: 61_000, value: 3 },
  { labels: { pod: "b" }, timeMs: 76_000, value: 4 },
]);
const json = (bytes: Uint8Array) => JSON.parse(Buffer.from(bytes).toString()) as Record<string, unknown>;
const render = (type: string, options = OPTIONS) => json(atOnce(renderJson(type, { tree: TREE, rows: ROWS }, { nodesMax: 0, options })));

describe("renderJson", () => {
  it("gives numbers, not strings, and a timeline without gaps", () => {
    expect(render("process_cpu:cpu:nanoseconds:cpu:nanoseconds")).toEqual({
      version: 1,
      flamebearer: {
        names: ["total", "main"],
        levels: [
          [0, 7, 0, 0],
          [0, 7, 7, 1],
        ],
        numTicks: 7,
        maxSelf: 7,
      },
      metadata: { format: "single", spyName: "", sampleRate: 1_000_000_000, units: "samples", name: "cpu" },
      timeline: { startTime: 60, samples: [0, 3, 4], durationDelta: 15, watermarks: null },
      groups: null,
      heatmap: null,
    });
  });

  it("gives a timeline per value of the first group, and none of the whole when there are several", () => {
    const grouped = render("memory:inuse_space:bytes:space:bytes", { ...OPTIONS, groupBy: ["pod"] });
    expect(grouped["groups"]).toMatchObject({ a: { samples: [0, 3, 0] }, b: { samples: [0, 0, 4] } });
    expect(grouped["timeline"]).toMatchObject({ samples: [0, 0, 0] });
    expect(grouped["metadata"]).toMatchObject({ units: "bytes", sampleRate: 100 });
  });

  it("calls counted things objects", () => {
    expect(render("memory:inuse_objects:count:space:bytes")["metadata"]).toMatchObject({ units: "objects" });
  });
});

describe("renderDiffJson", () => {
  it("has both sides in levels of seven numbers", () => {
    const diff = json(atOnce(renderDiffJson("process_cpu:cpu:nanoseconds:cpu:nanoseconds", TREE, treeOf([]), 0)));
    expect(diff).toMatchObject({
      flamebearer: {
        levels: [
          [0, 7, 0, 0, 0, 0, 0],
          [0, 7, 7, 0, 0, 0, 1],
        ],
        numTicks: 7,
      },
      metadata: { format: "double" },
      leftTicks: 7,
    });
    expect(diff).not.toHaveProperty("rightTicks");
  });
});
