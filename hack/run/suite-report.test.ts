import { describe, expect, it } from "vitest";
import { countReport } from "./suite-report.ts";

function report(status: string, ...tests: readonly string[]): string {
  return JSON.stringify({
    testResults: [{ name: "a.test.ts", status, assertionResults: tests.map((it) => ({ fullName: it, status: it })) }],
  });
}

describe("countReport", () => {
  it("counts passed, failed and everything else as skipped", () => {
    const count = countReport(report("failed", "passed", "passed", "failed", "pending", "todo"));
    expect(count).toMatchObject({ passed: 2, failed: 1 });
    expect(count.skipped.map((test) => test.name)).toEqual(["pending", "todo"]);
  });

  it("counts a file that failed before its first test as one failed test", () => {
    expect(countReport(report("failed"))).toMatchObject({ passed: 0, failed: 1 });
    expect(countReport(report("failed", "pending"))).toMatchObject({ passed: 0, failed: 1 });
  });

  it("counts a missing report as one failed test", () => {
    expect(countReport(undefined)).toMatchObject({ passed: 0, failed: 1 });
  });
});
