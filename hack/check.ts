import { checks } from "./run/checks.ts";
import { runStep } from "./run/step.ts";

/* `npm run check`: everything that needs no server. All of it runs, so that one look shows every fault. */

const failed: string[] = [];
for (const step of checks()) {
  if ((await runStep(step)) !== 0) failed.push(step.name);
}
console.log(failed.length === 0 ? "check: all good" : `check: failed: ${failed.join(", ")}`);
process.exitCode = failed.length === 0 ? 0 : 1;
