import type { Command } from "commander";
import { isCoded } from "../base/errors.ts";

/** Runs what the arguments ask for. An expected fault says what to do; anything else is a defect and shows where. Exit code 1 for both. */
export async function runProgram(program: Command): Promise<void> {
  try {
    await program.parseAsync();
  } catch (thrown) {
    // The RPC library wraps what its interceptors throw.
    const error = thrown instanceof Error && isCoded(thrown.cause) && !isCoded(thrown) ? thrown.cause : thrown;
    const said = isCoded(error) ? error.rawMessage : error instanceof Error ? error.stack : String(error);
    process.stderr.write(`${program.name()}: ${said}\n`);
    process.exitCode = 1;
  }
}
