import { spawn } from "node:child_process";
import { delimiter, join } from "node:path";
import { ROOT } from "../tidy/repository.ts";

/** A command of the repository, run from its root with the programs of node_modules first. */
export type Step = { readonly name: string; readonly command: readonly string[]; readonly env?: Readonly<Record<string, string>> };

/** Runs a step with its output passed through; gives the exit code (1 when it could not start). */
export function runStep(step: Step): Promise<number> {
  const [program, ...args] = step.command as [string, ...string[]];
  const path = [join(ROOT, "node_modules/.bin"), process.env["PATH"] ?? ""].join(delimiter);
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: ROOT, stdio: "inherit", env: { ...process.env, ...step.env, PATH: path } });
    child.once("error", (error) => {
      console.error(`${step.name}: ${error.message}`);
      resolve(1);
    });
    child.once("exit", (code) => resolve(code ?? 1));
  });
}
