import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { runOperator } from "../../operator/main.ts";
import { createLog } from "../base/log.ts";
import { readBuildInfo } from "../version.ts";

export type OperatorCommand = {
  readonly namespace?: string;
  readonly watchNamespace?: string;
  readonly kubeconfig?: string;
  readonly metricsUrl?: string;
  readonly port: string;
  readonly logLevel: "debug" | "info" | "warn" | "error";
};

/** Runs until SIGTERM or SIGINT (exit 0); exit 1 when another one has taken the lead, so that it is started anew. */
export async function operator(options: OperatorCommand): Promise<void> {
  const log = createLog({ level: options.logLevel, format: process.stderr.isTTY ? "text" : "json" });
  const ending = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      if (ending.signal.aborted) process.exit(signal === "SIGINT" ? 130 : 143);
      log.info({ signal }, "stopping: work in progress finishes, a second signal ends at once");
      ending.abort();
    });
  }
  const { version } = await readBuildInfo();
  const end = await runOperator(
    {
      settings: { version },
      watchNamespace: options.watchNamespace,
      namespace: options.namespace ?? (await ownNamespace()) ?? "default",
      identity: `${hostname()}-${process.pid}`,
      port: Number(options.port),
      kubeconfig: options.kubeconfig,
      metricsUrl: options.metricsUrl,
    },
    log,
    ending.signal,
  );
  log.info({ end }, "operator ended");
  process.exit(end === "stopped" ? 0 : 1);
}

/** Where a pod learns its namespace. */
async function ownNamespace(): Promise<string | undefined> {
  const text = await readFile("/var/run/secrets/kubernetes.io/serviceaccount/namespace", "utf8").catch(() => undefined);
  return text?.trim();
}
