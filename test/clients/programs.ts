import { execFile, execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { REPOSITORY } from "../harness/server.ts";

const run = promisify(execFile);
const GO_MODULE = join(REPOSITORY, "test/clients/go");
const GO_BINARIES = join(GO_MODULE, "bin");

/** As go.mod says. */
const GO_MINOR_MIN = 26;

export type GoProgram = "conformance" | "sdk" | "otlpsend" | "oracle";

/** Is there a Go that builds our module, of itself or by fetching the toolchain? Without one the suites that need it say so and are skipped. */
export const hasGo = ((): boolean => {
  const [major = 0, minor = 0] = goVersion();
  if (major > 1 || (major === 1 && minor >= GO_MINOR_MIN)) return true;
  console.warn(`skipped: the Go clients need Go 1.${GO_MINOR_MIN} or newer on the PATH`);
  return false;
})();

/** Asked in the module's folder, where an older Go answers with the version it would fetch. */
function goVersion(): readonly number[] {
  try {
    const version = execFileSync("go", ["env", "GOVERSION"], { cwd: GO_MODULE, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    return /^go(\d+)\.(\d+)/.exec(version)?.slice(1).map(Number) ?? [];
  } catch {
    return [];
  }
}

/** Builds the Go programs; the compiler's cache makes every time after the first a matter of a second. */
export async function buildGoPrograms(): Promise<void> {
  mkdirSync(GO_BINARIES, { recursive: true });
  await run("go", ["build", "-o", `${GO_BINARIES}/`, "./cmd/..."], { cwd: GO_MODULE });
}

export type ProgramOutput = { readonly lines: readonly unknown[]; readonly stderr: string };

/** Runs a Go program to its end and gives its output, one JSON value per line. */
export async function runGoProgram(program: GoProgram, args: readonly string[]): Promise<ProgramOutput> {
  return jsonLines(await run(join(GO_BINARIES, program), args, { maxBuffer: 64 * 1024 * 1024 }));
}

/** Runs a TypeScript program, by its path from here, with the Node that runs the tests. */
export async function runNodeProgram(file: string, args: readonly string[]): Promise<ProgramOutput> {
  return jsonLines(await run(process.execPath, [join(REPOSITORY, "test/clients", file), ...args], { cwd: REPOSITORY }));
}

function jsonLines({ stdout, stderr }: { stdout: string; stderr: string }): ProgramOutput {
  const lines = stdout
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line): unknown => JSON.parse(line));
  return { lines, stderr };
}
