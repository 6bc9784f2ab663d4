import type { WireFlameGraph } from "./flame-graph.ts";

/**
 * The graph that the tests share, drawn (self in brackets):
 *   total 10
 *   ├ a 7 (1)      x 0..7
 *   │ ├ a 4 (4)    x 1..5   recursion
 *   │ └ b 2 (2)    x 5..7
 *   └ b 3 (3)      x 7..10
 */
export const EXAMPLE: WireFlameGraph = {
  names: ["total", "a", "b"],
  levels: [
    { values: ["0", "10", "0", "0"] },
    { values: ["0", "7", "1", "1", "0", "3", "3", "2"] },
    { values: ["1", "4", "4", "1", "0", "2", "2", "2"] },
  ],
};
