import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { ROOT } from "./tidy/repository.ts";

/*
 * `npm run generate` writes the code that comes from our .proto files; `--check` writes it elsewhere and compares, so that
 * a change of the source without its product fails.
 */

const GENERATED = "pipeline/api/gen";

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
  const stale = staleFiles();
  for (const name of stale) console.log(`${GENERATED}/${name}: is not what the sources generate; run npm run generate`);
  process.exitCode = stale.length === 0 ? 0 : 1;
} else {
  buf(".");
}
