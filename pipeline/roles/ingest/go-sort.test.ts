import { describe, expect, it } from "vitest";
import { sortLikeGo } from "./go-sort.ts";

describe("sortLikeGo", () => {
  // Keys, and the order in which slices.SortFunc of Go 1.26 leaves their indexes. A key of -1 stands for "less than whatever it is compared with".
  it.each([
    ["3 -1 3 1 5 2 2 1 2 2 1 0 5 2", "1 11 7 3 10 6 5 8 9 13 0 2 4 12"],
    [
      "-1 -1 -1 0 2 5 3 4 -1 3 4 0 2 3 0 -1 -1 2 0 2 -1 2 3 5 0 -1 0 -1 3 4 1 3 5 5 3 -1 4 4 -1 0",
      "27 15 0 35 38 16 20 2 1 25 8 11 26 24 14 18 39 3 30 12 17 21 4 19 34 31 22 9 28 6 13 7 29 36 37 10 32 33 23 5",
    ],
    [
      "4 3 -1 -1 0 1 2 -1 -1 4 3 1 5 5 4 -1 0 2 -1 0 2 1 5 3 2 3 3 2 0 2 0 1 4 1 1 4 3 5 4 2 0 -1 5 4 1 4 4 -1 4 5 4 5 -1 -1 2 -1 5 -1 -1 3 0 1 5 1",
      "52 41 55 8 7 57 58 15 3 2 18 47 53 28 40 4 16 30 60 19 33 31 63 11 5 44 21 61 34 29 27 54 6 24 20 17 39 1 25 36 10 26 23 59 46 45 38 43 48 0 50 32 35 14 9 13 56 51 49 12 42 37 62 22",
    ],
  ])("leaves equal keys in the order of Go: %s", (keyText, expected) => {
    const keys = keyText.split(" ").map(Number);
    const order = Int32Array.from(keys.keys());
    sortLikeGo(order, (a, b) => keys[a] === -1 || (keys[b] !== -1 && keys[a]! < keys[b]!));
    expect(order.join(" ")).toBe(expected);
  });

  it("sorts sorted, reversed and large inputs", () => {
    for (const length of [0, 1, 12, 13, 49, 50, 3000]) {
      for (const key of [
        (index: number) => index,
        (index: number) => 5000 - index,
        (index: number) => (Math.imul(index, 0x9e3779b1) >>> 0) % 97,
      ]) {
        const items = Int32Array.from({ length }, (_, index) => index);
        sortLikeGo(items, (a, b) => key(a) < key(b));
        expect(Array.from(items, key)).toEqual(Array.from({ length }, (_, index) => key(index)).sort((a, b) => a - b));
      }
    }
  });
});
