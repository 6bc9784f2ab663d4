import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { reasonToSkip } from "./run/allowed-skips.ts";
import { checks } from "./run/checks.ts";
import { runStep } from "./run/step.ts";
import { countReport, type SkippedTest } from "./run/suite-report.ts";
import { ROOT } from "./tidy/repository.ts";

/*
 * `npm test`: everything a fresh machine can run, and what CI calls. Suites run one after the other, because those with
 * real processes measure time; each check counts as one test. The last line sums everything up.
 *
 *   npm test                          all
 *   npm test -- --only unit,golden    some suites
 */

const SUITES = [
  "unit",
  "simulation",
  "golden",
  "oracle",
  "properties",
  "clients",
  "integration",
  "faults",
  "agent",
  "operator",
  "e2e",
  "ui",
] as const;

/** Suites whose tests wait for much at once have a limit besides the ones of each test: what hangs must not cost a whole run its report. */
const SUITE_WITHIN_MS: { readonly [Suite in (typeof SUITES)[number]]?: number } = { e2e: 20 * 60_000 };

const { values } = parseArgs({ options: { only: { type: "string" } } });
const wanted = values.only?.split(",") ?? ["check", "page", ...SUITES];
const unknown = wanted.filter((name) => !["check", "page", ...SUITES].includes(name));
if (unknown.length > 0) throw new Error(`no such suite: ${unknown.join(", ")}; there are check, page, ${SUITES.join(", ")}`);

const reports = mkdtempSync(join(tmpdir(), "brazier-reports-"));
let passed = 0;
let failed = 0;
const skipped: SkippedTest[] = [];
const lines: string[] = [];

async function count(name: string, run: () => Promise<{ passed: number; failed: number; skipped: readonly SkippedTest[] }>): Promise<void> {
  console.log(`\n━━ ${name}`);
  const startMs = performance.now();
  const result = await run();
  passed += result.passed;
  failed += result.failed;
  skipped.push(...result.skipped);
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  lines.push(
    `${result.failed === 0 ? "ok  " : "FAIL"} ${name}: ${result.passed} passed, ${result.failed} failed, ${result.skipped.length} skipped (${seconds} s)`,
  );
}

async function countStep(step: Parameters<typeof runStep>[0]): Promise<void> {
  await count(step.name, async () =>
    (await runStep(step)) === 0 ? { passed: 1, failed: 0, skipped: [] } : { passed: 0, failed: 1, skipped: [] },
  );
}

if (wanted.includes("check")) for (const step of checks()) await countStep(step);
// Once, before the servers of the suites would each find the page missing and build it.
if (wanted.includes("page") && existsSync(join(ROOT, "ui/vite.config.ts")))
  await countStep({ name: "build of the page", command: ["npm", "run", "--silent", "ui:build"] });
for (const suite of SUITES) {
  if (!wanted.includes(suite)) continue;
  const report = join(reports, `${suite}.json`);
  await count(suite, async () => {
    const command = [
      "vitest",
      "run",
      "--project",
      suite,
      "--passWithNoTests",
      "--reporter=default",
      "--reporter=json",
      `--outputFile.json=${report}`,
    ];
    const withinMs = SUITE_WITHIN_MS[suite];
    const code = await runStep({ name: suite, command, ...(withinMs === undefined ? {} : { withinMs }) });
    const result = countReport(existsSync(report) ? readFileSync(report, "utf8") : undefined);
    // An error outside every test (an unhandled rejection) is only in the exit code.
    return code !== 0 && result.failed === 0 ? { ...result, failed: 1 } : result;
  });
}
rmSync(reports, { recursive: true, force: true });

console.log(`\n━━ summary\n${lines.join("\n")}`);
const inCi = process.env["CI"] === "true";
for (const test of skipped) {
  const reason = reasonToSkip(test);
  console.log(`skipped: ${test.name}${reason === undefined ? "" : ` (${reason})`}`);
  if (inCi && reason === undefined) {
    failed++;
    console.log("  a skip without a reason counts as a failure in CI");
  }
}
console.log(`${passed} passed, ${failed} failed, ${skipped.length} skipped`);
process.exitCode = failed === 0 ? 0 : 1;
