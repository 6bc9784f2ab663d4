import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { reasonNoAgent } from "./able.ts";
import { buildAgent } from "./build.ts";

/*
 * `npm run agent`: profiles everything that runs on this machine and sends it to the server that `npm start` has started.
 * What follows `--` goes to the agent: `npm run agent -- --rate 97 --url http://other:4040`.
 */

const args = process.argv.slice(2);
const reason = reasonNoAgent();
if (reason !== undefined) {
  console.error(reason);
  process.exit(1);
}
const url = urlOf(args) ?? process.env["BRAZIER_AGENT_URL"] ?? "http://localhost:4040";
const binary = buildAgent();
const agent = spawn(binary, args, { stdio: ["ignore", "inherit", "pipe"] });
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => agent.kill("SIGTERM"));
createInterface({ input: agent.stderr }).on("line", (line) => console.error(readable(line)));
agent.once("error", (error) => {
  console.error(`the agent does not start: ${error.message}`);
  process.exitCode = 1;
});
agent.once("exit", (code) => {
  process.exitCode = code ?? 1;
});

function urlOf(given: readonly string[]): string | undefined {
  const at = given.findIndex((arg) => /^--?url(=|$)/.test(arg));
  if (at < 0) return undefined;
  return given[at]?.includes("=") === true ? given[at]?.replace(/^[^=]*=/, "") : given[at + 1];
}

/** A line of the agent's log for a person. */
function readable(line: string): string {
  try {
    const { time: _time, level, msg, ...facts } = JSON.parse(line) as Record<string, unknown>;
    if (msg === "taking stacks") {
      return `Profiling every process of this machine (${String(facts["collector"])}, ${String(facts["rate_hz"])} Hz): ${url}\nThe first flame graphs are there in 15 seconds; Ctrl-C ends it.`;
    }
    const more = Object.entries(facts).map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`);
    return `${level === "INFO" ? "" : `${String(level).toLowerCase()}: `}${String(msg)}${more.length === 0 ? "" : `  ${more.join(" ")}`}`;
  } catch {
    return line;
  }
}
