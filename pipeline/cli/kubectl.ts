import { Command } from "commander";
import { addKubeCommands } from "./kube/commands.ts";
import { runProgram } from "./run-program.ts";

/* `kubectl brazier …`: kubectl runs a program named kubectl-brazier when it is on the PATH. */

const program = new Command("kubectl brazier")
  .description("Look after Brazier in a cluster: how a stack is, what its services do, its agents, a pause, a report.")
  .showHelpAfterError("(see --help)");
addKubeCommands(program);
await runProgram(program);
