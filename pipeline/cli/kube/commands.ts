import { type Command, Option } from "commander";
import { withClientFlags, withTopFlags } from "../client-flags.ts";

/** `brazier kube …` and `kubectl brazier …`: a look at stacks in a cluster, and a hand on them, for people. */
export function addKubeCommands(parent: Command): void {
  onCluster(parent.command("status"))
    .description("Show how a stack is: conditions with what to do, components, planned changes, storage, queue, events.")
    .argument("[stack]", "its name; not needed where the namespace has only one")
    .addOption(output())
    .addHelpText("after", "\nExit code 0 when the stack is ready, 2 when it is not, 1 when that could not be found out.")
    .action(async (stack, options) => (await import("./status.ts")).status(stack, options));

  withClientFlags(withTopFlags(onCluster(parent.command("top"))), stackAuthority())
    .option("--stack <name>", "the stack to ask; not needed where the namespace has only one")
    .addOption(output())
    .addHelpText("after", "\nA querier of the stack is asked, through a tunnel.")
    .action(async (service, options) => (await import("./top.ts")).topOfStack(service, options));

  onCluster(parent.command("agents"))
    .description("Show the agent of every node: whether it runs, its version, rate, samples, losses and cost; and why a node has none.")
    .argument("[stack]", "its name; not needed where the namespace has only one")
    .addOption(output())
    .addHelpText("after", "\nExit code 0 when every node has a running agent, 2 when one has not, 1 when that could not be found out.")
    .action(async (stack, options) => (await import("./agents.ts")).agents(stack, options));

  onCluster(parent.command("pause"))
    .description("Keep the operator from changing a stack, or let it go on.")
    .argument("[stack]", "its name; not needed where the namespace has only one")
    .option("--resume", "let it go on")
    .action(async (stack, options) => (await import("./pause.ts")).pause(stack, options));

  onCluster(parent.command("report"))
    .description("Write one archive for a bug report: the stack, its objects, events, logs, metrics and settings. No Secret is read.")
    .argument("[stack]", "its name; not needed where the namespace has only one")
    .option("--file <file>", "where to; by default a name with the stack and the time, here")
    .action(async (stack, options) => (await import("./report.ts")).report(stack, options));
}

function onCluster(command: Command): Command {
  return command
    .option("-n, --namespace <name>", "the stack's namespace; by default that of the context")
    .option("--context <name>", "a context of the kubeconfig; by default the current one")
    .option("--kubeconfig <file>", "how to reach the cluster (KUBECONFIG; by default ~/.kube/config)");
}

function output(): Option {
  return new Option("-o, --output <form>", "text for people or json for programs").choices(["text", "json"]).default("text");
}

/** Not from the environment: there it would be the authority of the server that `brazier top` asks. */
function stackAuthority(): Option {
  return new Option("--ca-file <file>", "hold a certificate of the stack against the authorities of this PEM file");
}
