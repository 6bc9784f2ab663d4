import { type Command, Option } from "commander";

/** For a command that talks to a server: which one, who asks, and over which connection. */
export function withServerFlags(command: Command): Command {
  const url = new Option("--url <url>", "the server").env("BRAZIER_URL").default("http://localhost:4040");
  const caFile = new Option("--ca-file <file>", "trust the authorities of this PEM file").env("BRAZIER_CA_FILE");
  return withClientFlags(command.addOption(url), caFile);
}

/** Who asks, and over which connection. A token's variable is named in the help and its value is not: it is a secret. */
export function withClientFlags(command: Command, caFile: Option): Command {
  return command
    .option("--tenant <id>", "sent as X-Scope-OrgID")
    .addOption(new Option("--token <token>", "sent as bearer token").env("BRAZIER_TOKEN"))
    .addOption(caFile)
    .option("--cert <file>", "show this certificate to a server that asks for one")
    .option("--key <file>", "the private key of --cert");
}

/** Which functions `top` shows, whoever it asks. */
export function withTopFlags(command: Command): Command {
  return command
    .description("Show the hottest functions of a service, or the services when none is named.")
    .argument("[service]", "the service")
    .option("--type <id>", "the profile type, such as process_cpu:cpu:nanoseconds:cpu:nanoseconds")
    .option("--since <duration>", "how far to look back", "1h")
    .option("--selector <labels>", 'more labels, such as {pod="web-1"}')
    .option("--limit <n>", "rows to show", "20")
    .option("--cum", "order by cumulative value instead of the function's own");
}
