import { spawn } from "node:child_process";
import { delimiter, join } from "node:path";
import { ROOT } from "../tidy/repository.ts";

/** A command of the repository, run from its root with the programs of node_modules first. */
export type Step = {
  readonly name: string;
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** A step that takes longer is ended, and has failed. */
  readonly withinMs?: number;
};

/** From being asked to end until being made to. */
const END_WITHIN_MS = 10_000;

/** Runs a step with its output passed through; gives the exit code (1 when it could not start). */
export function runStep(step: Step): Promise<number> {
  const [program, ...args] = step.command as [string, ...string[]];
  const path = [join(ROOT, "node_modules/.bin"), process.env["PATH"] ?? ""].join(delimiter);
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: ROOT, stdio: "inherit", env: { ...process.env, ...step.env, PATH: path } });
    let isLate = false;
    const timers: NodeJS.Timeout[] = [];
    const done = (code: number): void => {
      for (const timer of timers) clearTimeout(timer);
      resolve(isLate ? 1 : code);
    };
    const { withinMs } = step;
    if (withinMs !== undefined) {
      const end = (): void => {
        isLate = true;
        console.error(`${step.name}: ended, because it took longer than ${withinMs / 60_000} minutes`);
        child.kill("SIGTERM");
        timers.push(setTimeout(() => child.kill("SIGKILL"), END_WITHIN_MS));
      };
      timers.push(setTimeout(end, withinMs));
    }
    child.once("error", (error) => {
      console.error(`${step.name}: ${error.message}`);
      done(1);
    });
    child.once("exit", (code) => done(code ?? 1));
  });
}
