import { statSync } from "node:fs";
import { join } from "node:path";
import { checkAmbient } from "./tidy/ambient.ts";
import { checkChanges } from "./tidy/changes.ts";
import { checkDeadFiles } from "./tidy/dead-files.ts";
import { checkDocuments } from "./tidy/documents.ts";
import { importsOf } from "./tidy/imports.ts";
import { checkLayers } from "./tidy/layers.ts";
import { checkLock } from "./tidy/lock.ts";
import { isGenerated, isTypeScript, ROOT, readRepository, type TidyFault } from "./tidy/repository.ts";
import { checkLeaks, checkLengths, checkSizes } from "./tidy/text-rules.ts";

/*
 * Tests of the repository itself. Each rule names its replacement, because a ban without one is only in the way.
 * Generated files are checked by `node hack/generate.ts --check`.
 */

const files = readRepository();
const imports = files.filter((file) => isTypeScript(file.path) && !isGenerated(file.path)).flatMap(importsOf);

const RULES: readonly (readonly [name: string, check: () => readonly TidyFault[]])[] = [
  ["imports point down", () => checkLayers(imports)],
  ["time, chance and I/O are arguments", () => checkAmbient(files)],
  ["every file is reached", () => checkDeadFiles(files, imports)],
  ["documents lead somewhere", () => checkDocuments(files)],
  ["change notes have their form", () => checkChanges(files)],
  ["files fit a few screens", () => checkLengths(files)],
  ["nothing names one machine or registry", () => checkLeaks(files)],
  ["the lock names every platform", () => checkLock(files)],
  ["the clone stays light", () => checkSizes(files.map((file) => ({ path: file.path, bytes: statSync(join(ROOT, file.path)).size })))],
];

let faults = 0;
for (const [name, check] of RULES) {
  const found = check();
  faults += found.length;
  console.log(`${found.length === 0 ? "ok  " : "FAIL"} ${name}`);
  for (const fault of found) {
    const place = fault.line === undefined ? fault.path : `${fault.path}:${fault.line}`;
    console.log(`     ${place}: ${fault.problem}; ${fault.remedy}`);
  }
}
process.exitCode = faults === 0 ? 0 : 1;
