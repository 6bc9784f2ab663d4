import { describe, expect, it } from "vitest";
import { checkLayers } from "./layers.ts";

describe("the direction of imports", () => {
  const cases: readonly [from: string, to: string, allowed: boolean][] = [
    ["pipeline/main.ts", "pipeline/roles.ts", true],
    ["pipeline/roles.ts", "pipeline/roles/query/query.ts", true],
    ["pipeline/roles/query/plan.ts", "pipeline/catalog/catalog.ts", true],
    ["pipeline/catalog/log.ts", "pipeline/objects/paths.ts", true],
    ["pipeline/block/reader.ts", "pipeline/symbols/table.ts", true],
    ["pipeline/block/reader.ts", "pipeline/roles/query/plan.ts", false],
    ["pipeline/base/clock.ts", "pipeline/config/load.ts", false],
    ["pipeline/roles/query/plan.ts", "pipeline/roles/query/answer/tree.ts", true],
    ["pipeline/roles/query/plan.ts", "pipeline/roles/segment/build.ts", false],
    ["pipeline/nowhere/plan.ts", "pipeline/base/units.ts", false],
    ["ui/app.tsx", "pipeline/api/gen/types.ts", false],
    ["operator/reconcile.ts", "pipeline/base/errors.ts", true],
    ["operator/reconcile.ts", "pipeline/config/schema.ts", false],
    ["pipeline/cli/operator.ts", "operator/main.ts", true],
    ["pipeline/main.ts", "operator/main.ts", false],
    ["hack/bench/bench.ts", "pipeline/profile/pprof-writer.ts", true],
    ["pipeline/block/reader.test.ts", "pipeline/roles/segment/build.ts", true],
  ];
  for (const [from, to, allowed] of cases) {
    it(`${allowed ? "allows" : "refuses"} ${from} → ${to}`, () => {
      const faults = checkLayers([{ from, to, line: 1, typeOnly: false }]);
      expect(faults).toHaveLength(allowed ? 0 : 1);
    });
  }
});
