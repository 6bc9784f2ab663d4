import { type Command, Option } from "commander";

/** Who asks, and over which connection. */
export function withClientFlags(command: Command, caFile: Option): Command {
  return command
    .option("--tenant <id>", "sent as X-Scope-OrgID")
    .addOption(tokenFlag())
    .addOption(caFile)
    .option("--cert <file>", "show this certificate to a server that asks for one")
    .option("--key <file>", "the private key of --cert");
}

/** Its variable is named in the help and its value is not: a token is a secret. */
function tokenFlag(): Option {
  return new Option("--token <token>", "sent as bearer token").env("BRAZIER_TOKEN");
}

export function caFileFlag(): Option {
  return new Option("--ca-file <file>", "trust the authorities of this PEM file").env("BRAZIER_CA_FILE");
}
