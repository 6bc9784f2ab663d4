import { readFileSync, writeFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ROOT } from "../tidy/repository.ts";
import { agentBench } from "./agent.ts";
import { cacheBench } from "./cache.ts";
import { clusterBench } from "./cluster.ts";
import { operatorBench } from "./operator.ts";
import { ownBench } from "./own-bench.ts";
import { type Row, table } from "./table.ts";
import { type YardstickFleet, yardstick, yardstickIsThere } from "./yardstick.ts";

const HELP = `npm run bench                                 a small fleet of the corpus, some two minutes
npm run bench -- --profiles 5000 --clients 128
npm run bench -- yardstick --fleet 2k,20k --clients 8,128
npm run bench -- agent                        what the agent costs on this machine; root, five minutes
npm run bench -- cluster                      roles in processes of their own, NATS and S3; four minutes
npm run bench -- cache                        questions over an S3 that is far away: cold, from memory, from disk; two minutes
npm run bench -- operator                     what the operator costs, with one stack and with 50; eight minutes
… --write                                     puts the figures into docs/benchmarks.md as well
… --seed N                                    another fleet`;

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    profiles: { type: "string", default: "2000" },
    clients: { type: "string", default: "8" },
    seed: { type: "string", default: "42" },
    fleet: { type: "string", default: "2k" },
    write: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

if (values.help) {
  console.log(HELP);
  process.exit(0);
}
const clients = values.clients.split(",").map(Number);
const kind = positionals[0] ?? "own";
if (kind === "own") {
  const report = await ownBench({ profiles: Number(values.profiles), clients: clients[0]!, seed: Number(values.seed) });
  publish("own", report);
} else if (kind === "yardstick") {
  if (!yardstickIsThere()) throw new Error("the yardstick needs ../shared/bench beside the clone; npm run bench works without it");
  publish("yardstick", await yardstick({ fleets: values.fleet.split(",") as YardstickFleet[], clients }));
} else if (kind === "agent") {
  publish("agent", await agentBench());
} else if (kind === "cluster") {
  publish("cluster", await clusterBench({ profiles: Number(values.profiles), seed: Number(values.seed) }));
} else if (kind === "cache") {
  publish("cache", await cacheBench({ profiles: Number(values.profiles), seed: Number(values.seed) }));
} else if (kind === "operator") {
  publish("operator", await operatorBench());
} else {
  throw new Error(`unknown measurement "${kind}"; there are: (none), yardstick, agent, cluster, cache, operator`);
}

function publish(
  section: "own" | "yardstick" | "agent" | "cluster" | "cache" | "operator",
  { rows, notes }: { readonly rows: readonly Row[]; readonly notes: readonly string[] },
): void {
  const cpu = cpus()[0]?.model.trim() ?? "unknown CPU";
  const machine = `${cpus().length} × ${cpu}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Node ${process.version}`;
  const command = `npm run bench${
    process.argv.length > 2
      ? ` -- ${process.argv
          .slice(2)
          .filter((arg) => arg !== "--write")
          .join(" ")}`
      : ""
  }`;
  const text = [`\`${command}\` on ${machine}`, "", ...notes.map((note) => `- ${note}`), "", table(rows)].join("\n");
  console.log(`\n${text}`);
  if (values.write) writeSection(section, text);
}

/** The document keeps its prose; only what stands between the marks of a section is replaced. */
function writeSection(section: string, text: string): void {
  const path = join(ROOT, "docs/benchmarks.md");
  const document = readFileSync(path, "utf8");
  const [begin, end] = [`<!-- ${section}: begin -->`, `<!-- ${section}: end -->`];
  const from = document.indexOf(begin);
  const to = document.indexOf(end);
  if (from < 0 || to < from) throw new Error(`docs/benchmarks.md lacks the marks ${begin} … ${end}`);
  writeFileSync(path, `${document.slice(0, from + begin.length)}\n${text}\n${document.slice(to)}`);
}
