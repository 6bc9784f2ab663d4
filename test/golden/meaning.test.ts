import { describe, expect, it } from "vitest";
import { meaningOf } from "./meaning.ts";

/* The comparison itself must be able to fail. */

const graph = (values: string[][], names: string[]) => ({
  status: 200,
  body: { flamegraph: { names, levels: values.map((level) => ({ values: level })), total: "5" } },
});

describe("meaningOf", () => {
  const names = ["total", "a", "b"];
  const levels = [
    ["0", "5", "0", "0"],
    ["0", "2", "2", "1", "0", "3", "3", "2"],
  ];

  it("takes siblings in another order and names under other numbers for the same", () => {
    const swapped = [levels[0] as string[], ["0", "3", "3", "1", "0", "2", "2", "2"]];
    expect(meaningOf(graph(swapped, ["total", "b", "a"]), false)).toEqual(meaningOf(graph(levels, names), false));
  });

  it("tells a different value, parent or name apart", () => {
    const same = meaningOf(graph(levels, names), false);
    expect(meaningOf(graph([levels[0] as string[], ["0", "2", "2", "1", "0", "3", "2", "2"]], names), false)).not.toEqual(same);
    expect(meaningOf(graph([levels[0] as string[], ["0", "3", "2", "1"], ["2", "3", "3", "2"]], names), false)).not.toEqual(same);
    expect(meaningOf(graph(levels, ["total", "a", "c"]), false)).not.toEqual(same);
  });

  it("takes labels in any order, but not other values, for the same", () => {
    const series = (labels: string[], value: number) => ({ status: 200, body: { series: labels.map((label) => ({ label, value })) } });
    expect(meaningOf(series(["a", "b"], 1), false)).toEqual(meaningOf(series(["b", "a"], 1), false));
    expect(meaningOf(series(["a", "b"], 1), false)).not.toEqual(meaningOf(series(["a", "b"], 2), false));
  });

  it("compares faults by status and code", () => {
    const fault = (status: number, code: string, message: string) => ({ status, body: { code, message } });
    expect(meaningOf(fault(400, "invalid_argument", "x"), false)).toEqual(meaningOf(fault(400, "invalid_argument", "y"), false));
    expect(meaningOf(fault(400, "invalid_argument", "x"), false)).not.toEqual(meaningOf(fault(400, "not_found", "x"), false));
  });
});
