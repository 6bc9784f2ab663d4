import { describe, expect, it } from "vitest";
import { checkAmbient } from "./ambient.ts";

describe("banned ambient calls", () => {
  const cases: readonly [path: string, text: string, faults: number][] = [
    ["pipeline/block/writer.ts", "const t = Date.now();", 1],
    ["pipeline/block/writer.ts", "// Date.now() would be wrong here", 0],
    ["pipeline/block/writer.ts", "const d = new Date(ms);", 0],
    ["pipeline/block/writer.ts", "const d = new Date();", 1],
    ["pipeline/block/writer.ts", "await store.fetch(key);", 0],
    ["pipeline/block/writer.ts", "await fetch(url);\nsetTimeout(f, 1);", 2],
    ["pipeline/block/writer.test.ts", "const t = Date.now();", 0],
    ["pipeline/base/clock.ts", "nowMs: () => Date.now()", 0],
    ["pipeline/config/load.ts", "const env = process.env;", 0],
    ["pipeline/roles/query/plan.ts", "const env = process.env;", 1],
    ["hack/bench/bench.ts", "const t = Date.now();", 0],
  ];
  for (const [path, text, faults] of cases) {
    it(`finds ${faults} in ${path}: ${text.split("\n")[0]}`, () => {
      expect(checkAmbient([{ path, text }])).toHaveLength(faults);
    });
  }
});
