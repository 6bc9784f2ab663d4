import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { link, mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, delimiter, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

export type GoProgram = {
  /** The folder of the cache is `<name>-<version>`. */
  readonly name: string;
  readonly version: string;
  /** What `go install` takes, without the version. */
  readonly module: string;
};

/** A build of a large server from nothing, on a busy machine. */
const BUILD_WITHIN_MS = 20 * 60_000;

/** Where programs that tests need are kept: `BRAZIER_CACHE`, else a folder of the user's cache. */
export function cacheFolder(): string {
  return process.env["BRAZIER_CACHE"] ?? join(homedir(), ".cache", "brazier");
}

/**
 * The path of a program, built at the first call and kept by version. Static, so that it also runs in an image made from nothing.
 * Throws when there is no Go or the build fails, with what Go says.
 */
export async function goProgram({ name, version, module }: GoProgram): Promise<string> {
  const folder = join(cacheFolder(), `${name}-${version}`);
  const program = join(folder, basename(module.replace(/\/v\d+$/, "")));
  if (existsSync(program)) return program;
  await mkdir(folder, { recursive: true });
  // Built aside and moved into its place: another test may be building it, too, or this one be killed in the middle.
  const draft = await mkdtemp(join(folder, "build-"));
  try {
    const env = { ...process.env, GOBIN: draft, CGO_ENABLED: "0", PATH: `${process.env["PATH"]}${delimiter}/usr/local/go/bin` };
    if (!(await copyInstalled(module, version, join(draft, basename(program)), env))) {
      await run("go", ["install", `${module}@v${version}`], { env, timeout: BUILD_WITHIN_MS });
    }
    await rename(join(draft, basename(program)), program);
  } catch (cause) {
    throw new Error(`cannot build ${name} ${version}: ${(cause as { stderr?: string }).stderr || String(cause)}`, { cause });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return program;
}

/** Whoever has installed the very version by hand need not build it a second time. */
async function copyInstalled(module: string, version: string, to: string, env: NodeJS.ProcessEnv): Promise<boolean> {
  try {
    const { stdout: gopath } = await run("go", ["env", "GOPATH"], { env });
    const installed = join(gopath.trim(), "bin", basename(to));
    const { stdout: about } = await run("go", ["version", "-m", installed], { env });
    const isIt = about.includes(`\tmod\t${module.split("/cmd/")[0]}\tv${version}\t`) && about.includes("CGO_ENABLED=0");
    if (isIt) await link(installed, to).catch(async () => run("cp", [installed, to]));
    return isIt;
  } catch {
    return false;
  }
}
