import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

export const ROOT = resolve(import.meta.dirname, "../..");

/** A file git knows: its path from the root of the repository, and its text (undefined: not text). */
export type RepositoryFile = { readonly path: string; readonly text: string | undefined };

/** Something that is not as this repository wants it. `remedy` says what to do, so that nobody has to look for the rule. */
export type TidyFault = { readonly path: string; readonly line?: number; readonly problem: string; readonly remedy: string };

export function readRepository(): readonly RepositoryFile[] {
  const listed = execFileSync("git", ["ls-files", "-z"], { cwd: ROOT, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
  return listed
    .split("\0")
    .filter((path) => path !== "" && existsSync(join(ROOT, path)))
    .map((path) => ({ path, text: textOf(readFileSync(join(ROOT, path))) }));
}

/** A zero byte in the first 8 KiB is what git takes for "binary" too. */
function textOf(bytes: Buffer): string | undefined {
  return bytes.subarray(0, 8192).includes(0) ? undefined : bytes.toString("utf8");
}

export function isGenerated(path: string): boolean {
  return path.startsWith("pipeline/api/gen/") || path.startsWith("operator/types/");
}

export function isTest(path: string): boolean {
  return /\.(test|fixture)\.tsx?$/.test(path) || path.startsWith("test/") || /\/(testing|conformance)(\.ts$|\/)/.test(path);
}

export function isTypeScript(path: string): boolean {
  return /\.tsx?$/.test(path);
}
