import { describe, expect, it } from "vitest";
import { weighFunctions } from "./flame-graph.ts";

describe("weighFunctions", () => {
  it("adds a function's own values over its places and counts recursion once", () => {
    // total(10) → a(7: self 1) → a(4: self 4), b(2: self 2); total → b(3: self 3)
    const graph = {
      names: ["total", "a", "b"],
      levels: [
        { values: ["0", "10", "0", "0"] },
        { values: ["0", "7", "1", "1", "0", "3", "3", "2"] },
        { values: ["1", "4", "4", "1", "0", "2", "2", "2"] },
      ],
    };
    expect(Object.fromEntries(weighFunctions(graph))).toEqual({ a: { flat: 5, cum: 7 }, b: { flat: 5, cum: 5 } });
  });
});
