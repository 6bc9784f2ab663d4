import type { Config } from "../config/schema.ts";
import type { Server } from "../main.ts";
import { canRunAgent } from "./agent-offer.ts";

/** Where the commands look by themselves. */
const DEFAULT_PORT = 4040;

/** What a person sees when the server is up: where to look, how to connect what they have, what to run next. */
export function greeting(config: Config, { port, otlpPorts }: Server): string {
  const url = `http://localhost:${port}`;
  const header =
    config.auth.mode === "header"
      ? " -H 'X-Scope-OrgID: TENANT'"
      : config.auth.mode === "tokens"
        ? " -H 'Authorization: Bearer TOKEN'"
        : "";
  const tenant = config.auth.mode === "header" ? " --tenant TENANT" : config.auth.mode === "tokens" ? " --token TOKEN" : "";
  const where = `${port === DEFAULT_PORT ? "" : ` --url ${url}`}${tenant}`;
  const agentUrl = port === DEFAULT_PORT ? "" : ` -- --url ${url}`;
  const next: readonly (readonly [string, string])[] = [
    [`npx brazier top${where}`, "the services that send profiles"],
    [`npx brazier top brazier${where}`, "the hottest functions of one"],
    [`npx brazier push FILE${where}`, "send a pprof file"],
    ["npx brazier config", `the settings; data is in ${config.data_dir}`],
    ...(canRunAgent() ? [[`npm run agent${agentUrl}`, "flame graphs of every process of this machine"] as const] : []),
  ];
  const width = Math.max(...next.map(([command]) => command.length));
  const otlp = otlpPorts.grpc === undefined ? `localhost:${port}` : `localhost:${otlpPorts.grpc}`;
  const self = config.self_profile.enabled
    ? ["It profiles itself as service brazier: the first profile is there in a few seconds.", ""]
    : [];
  return `${[
    "",
    `  Brazier is ready: ${url}`,
    "",
    ...self.map((line) => (line === "" ? line : `  ${line}`)),
    `  Grafana        add a Pyroscope data source with the URL ${url}`,
    `  Pyroscope SDK  server address ${url} (Alloy: pyroscope.write, the same URL)`,
    `  OpenTelemetry  OTLP profiles over gRPC to ${otlp}, or over HTTP to ${url}/v1development/profiles`,
    `  curl           curl${header} --data-binary @cpu.pprof '${url}/ingest?name=my-service&format=pprof'`,
    "",
    ...next.map(([command, purpose], i) => `  ${(i === 0 ? "Next" : "").padEnd(14)} ${command.padEnd(width)}  ${purpose}`),
    "",
  ].join("\n")}\n`;
}
