import { Command } from "commander";
import build from "../../package.json" with { type: "json" };
import { withServerFlags, withTopFlags } from "./client-flags.ts";
import { addKubeCommands } from "./kube/commands.ts";
import { runProgram } from "./run-program.ts";

/*
 * `brazier …`. Each command loads its own code when it runs: `--help` answers at once, and `push` does not pay for a server.
 */

const program = new Command("brazier")
  .description("Continuous profiling: profiles in, flame graphs out.")
  .version(build.version, "--version", "tell the version")
  .showHelpAfterError("(see --help)")
  .enablePositionalOptions();

program
  .command("serve")
  .description("Run the server: every role in one process, or some of them.")
  .option("--role <roles>", "all, or some of ingest, segment, compact, query with commas between (role; default all)")
  .option("--data <dir>", "the directory that is the bucket (data_dir; default ./data)")
  .option("--port <n>", "where to listen, 0 for any free port (http.port; default 4040)")
  .option("--config <file>", "a YAML file of settings; docs/configuration.md lists them")
  .option("--set <key=value...>", "any other setting, such as log.level=debug")
  .option("--no-self-profile", "do not profile this process")
  .option("--build-page", "build the web page when it is missing or older than its sources")
  .addHelpText(
    "after",
    "\nEvery setting also exists as a variable: http.port is BRAZIER_HTTP_PORT. `brazier config` shows what is in force.",
  )
  .action(async (options) => (await import("./serve.ts")).serve(options));

withServerFlags(program.command("push"))
  .description("Send profiles in pprof format (gzipped or not) to a server.")
  .argument("<file...>", "pprof files; - for standard input")
  .option("--service <name>", "the service they belong to; by default the name of the file")
  .option("--label <name=value...>", "more labels of the series")
  .option("--name <name>", "the kind of profile, such as process_cpu or memory; by default it follows from its sample types")
  .option("--keep-time", "keep the profiles' own times; otherwise they are stored as of now")
  .action(async (files, options) => (await import("./push.ts")).push(files, options));

withServerFlags(withTopFlags(program.command("top")))
  .option("--json", "print JSON instead of a table")
  .action(async (service, options) => (await import("./top.ts")).top(service, options));

withServerFlags(program.command("delete"))
  .description("Delete stored profiles of a service, of a time range, or of both.")
  .argument("[service]", "the service; every service when none is named")
  .option("--from <time>", "the first moment: now-2h, or seconds or milliseconds since 1970; by default the oldest profile")
  .option("--until <time>", "the last moment; by default the newest profile")
  .option("--all", "delete everything of the tenant")
  .addHelpText("after", "\nQueries no longer see the profiles at once; compaction removes their bytes. What is sent afterwards is kept.")
  .action(async (service, options) => (await import("./delete.ts")).deleteStored(service, options));

program
  .command("config")
  .description("Print the settings in force, and where each value came from.")
  .option("--config <file>", "a YAML file of settings")
  .option("--set <key=value...>", "a setting, such as log.level=debug")
  .option("--diff", "only what differs from the defaults")
  .option("--default", "the defaults")
  .action(async (options) => (await import("./config.ts")).config(options));

program
  .command("operator")
  .description("Run the Kubernetes operator: make and keep what each ProfilingStack asks for.")
  .option("--namespace <name>", "where the lease of the leader lies; by default the pod's own namespace")
  .option("--watch-namespace <name>", "look after stacks of this namespace only")
  .option("--kubeconfig <file>", "how to reach the cluster; by default KUBECONFIG, or the pod's service account")
  .option(
    "--metrics-url <address>",
    "where a part of a stack has its metrics, with {service} and {namespace} to be filled in; by default the Service in the cluster",
  )
  .option("--port <n>", "where /metrics, /healthz and /readyz are, 0 for any free port", "8080")
  .option("--log-level <level>", "debug, info, warn or error", "info")
  .action(async (options) => (await import("./operator.ts")).operator(options));

program
  .command("manifests")
  .description("Print the Kubernetes objects that the operator would make of a ProfilingStack, without a cluster.")
  .argument("<file>", "YAML with one ProfilingStack, and ProfilingPolicies beside it; - for standard input")
  .action(async (file) => (await import("./manifests.ts")).manifests(file));

const catalog = program.command("catalog").description("The list of objects that count, in the bucket: check it, or make it anew.");

catalog
  .command("check")
  .description(
    "Compare the catalog with the objects of the bucket. Only reads; servers may be running. Exit code 1 when something is wrong.",
  )
  .option("--data <dir>", "the directory that is the bucket (data_dir; default ./data)")
  .option("--config <file>", "a YAML file of settings: storage says where the bucket is")
  .option("--set <key=value...>", "a setting")
  .option("--deep", "also read every byte and compare checksums")
  .option("--json", "print JSON")
  .action(async (options) => (await import("./catalog.ts")).checkBucket(options));

catalog
  .command("rebuild")
  .description("Make a new catalog from the objects of a bucket, when the server finds the old one damaged. No server may be using it.")
  .option("--data <dir>", "the directory that is the bucket (data_dir; default ./data)")
  .option("--config <file>", "a YAML file of settings: storage says where the bucket is")
  .option("--set <key=value...>", "a setting")
  .action(async (options) => (await import("./catalog.ts")).rebuildBucket(options));

const dead = program.command("dead").description("Messages that could not be read and were put aside: list, show or replay them.");

dead
  .command("list")
  .description("List them with their reasons.")
  .option("--data <dir>", "the directory that is the bucket (data_dir)")
  .option("--config <file>", "a YAML file of settings")
  .option("--set <key=value...>", "a setting")
  .option("--json", "one line of JSON for each")
  .action(async (options) => (await import("./dead.ts")).listDead(options));

dead
  .command("show")
  .description("Show why one was put aside and where it came from.")
  .argument("<id>", "as `brazier dead list` shows it")
  .option("--data <dir>", "the directory that is the bucket (data_dir)")
  .option("--config <file>", "a YAML file of settings")
  .option("--set <key=value...>", "a setting")
  .option("--raw", "write the message itself, as it was in the queue")
  .action(async (id, options) => (await import("./dead.ts")).showDead(id, options));

dead
  .command("replay")
  .description("Try them once more, and store what can be read now. A directory must not be in use by a server.")
  .argument("[id...]", "as `brazier dead list` shows them")
  .option("--all", "every one")
  .option("--data <dir>", "the directory that is the bucket (data_dir)")
  .option("--config <file>", "a YAML file of settings")
  .option("--set <key=value...>", "a setting")
  .action(async (ids, options) => (await import("./dead.ts")).replayDead(ids, options));

addKubeCommands(
  program
    .command("kube")
    .description(
      "Look after Brazier in a cluster: how a stack is, what its services do, its agents, a pause, a report. Also as `kubectl brazier`.",
    ),
);

await runProgram(program);
