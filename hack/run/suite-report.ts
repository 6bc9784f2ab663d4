/** How one suite went, counted in tests. */
export type SuiteCount = { readonly passed: number; readonly failed: number; readonly skipped: readonly SkippedTest[] };

export type SkippedTest = { readonly name: string; readonly file: string };

/** The part of vitest's JSON report that counts. */
type Report = {
  readonly testResults?: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
};

/**
 * Counts a vitest JSON report. A file that failed before its first test (a syntax error, a broken hook) counts as one
 * failed test; a report that is missing altogether too: silence is never success.
 */
export function countReport(json: string | undefined): SuiteCount {
  if (json === undefined) return { passed: 0, failed: 1, skipped: [] };
  const report = JSON.parse(json) as Report;
  let passed = 0;
  let failed = 0;
  const skipped: SkippedTest[] = [];
  for (const file of report.testResults ?? []) {
    let failedHere = 0;
    for (const test of file.assertionResults) {
      if (test.status === "passed") passed++;
      else if (test.status === "failed") failedHere++;
      else skipped.push({ name: test.fullName, file: file.name });
    }
    if (file.status === "failed" && failedHere === 0) failedHere = 1;
    failed += failedHere;
  }
  return { passed, failed, skipped };
}
