import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { configurationDocument } from "../pipeline/config/document.ts";
import { chartFiles } from "./generate/chart-files.ts";
import { crdTypes } from "./generate/crd-types.ts";
import { ROOT } from "./tidy/repository.ts";

/*
 * `npm run generate` writes what is made of something else: the code of our .proto files, the types of our Kubernetes kinds, the
 * page of all settings, and what the chart takes over. `--check` compares instead, so that a change of the source without its product fails.
 */

const made = (): readonly (readonly [string, string])[] => [...crdTypes(), ...chartFiles()];

const GENERATED = "pipeline/api/gen";
const SETTINGS = "docs/configuration.md";

function buf(outDir: string): void {
  execFileSync(join(ROOT, "node_modules/.bin/buf"), ["generate", "--clean", "--output", outDir], {
    cwd: join(ROOT, "pipeline/api"),
    stdio: "inherit",
  });
}

function filesUnder(dir: string): readonly string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(dir, join(entry.parentPath, entry.name)))
    .sort();
}

function staleFiles(): readonly string[] {
  const fresh = mkdtempSync(join(tmpdir(), "brazier-generate-"));
  try {
    buf(fresh);
    const freshDir = join(fresh, relative("pipeline/api", GENERATED));
    const kept = join(ROOT, GENERATED);
    const names = new Set([...filesUnder(kept), ...filesUnder(freshDir)]);
    return [...names].filter((name) => readOrUndefined(join(kept, name)) !== readOrUndefined(join(freshDir, name)));
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

function readOrUndefined(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, "utf8") : undefined;
}

if (process.argv.includes("--check")) {
  const stale = staleFiles().map((name) => `${GENERATED}/${name}`);
  if (readOrUndefined(join(ROOT, SETTINGS)) !== configurationDocument()) stale.push(SETTINGS);
  for (const [path, text] of made()) if (readOrUndefined(join(ROOT, path)) !== text) stale.push(path);
  for (const name of stale) console.log(`${name}: is not what its source makes; run npm run generate`);
  process.exitCode = stale.length === 0 ? 0 : 1;
} else {
  buf(".");
  writeFileSync(join(ROOT, SETTINGS), configurationDocument());
  for (const [path, text] of made()) writeFileSync(join(ROOT, path), text);
}
