import { join } from "node:path";
import { createLog } from "../base/log.ts";
import { startServer } from "../main.ts";
import { ROOT } from "../version.ts";
import { buildPage } from "./build-page.ts";
import { greeting } from "./greeting.ts";
import { type SettingsOptions, settings } from "./settings.ts";

export type ServeOptions = SettingsOptions & { readonly buildPage?: boolean };

/** Runs until SIGTERM or SIGINT; a second signal ends the process at once. Exit 0 after an orderly stop. */
export async function serve(options: ServeOptions): Promise<void> {
  const startedMs = performance.now();
  const { loaded, warnings } = settings(options);
  const { log: logConfig } = loaded.config;
  const format = logConfig.format === "auto" ? (process.stderr.isTTY ? "text" : "json") : logConfig.format;
  const log = createLog({ level: logConfig.level, format });
  for (const { name, message } of warnings) log.warn({ name, explanation: message }, "a setting to look at");

  const ending = firstSignal();
  process.on("uncaughtException", (error) => die("uncaught exception", error));
  process.on("unhandledRejection", (error) => die("unhandled rejection", error));
  const die = (what: string, error: unknown): void => {
    log.error({ err: error }, what);
    process.exit(70);
  };

  const page = buildPage({ wanted: options.buildPage === true, root: ROOT, log });
  const server = await startServer(loaded, log, { page: { folder: join(ROOT, "ui/dist"), absent: () => page.state() } });
  log.info({ port: server.port, data_dir: loaded.config.data_dir, start_ms: Math.round(performance.now() - startedMs) }, "ready");
  process.stdout.write(greeting(loaded.config, server));

  const signal = await ending;
  log.info({ signal }, "stopping: requests in progress finish, a second signal ends at once");
  page.stop();
  await server.stop();
  log.info({}, "stopped");
  process.exit(0);
}

function firstSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let seen = false;
    const onSignal = (signal: NodeJS.Signals): void => {
      // 128 + number of the signal, as shells count.
      if (seen) process.exit(signal === "SIGINT" ? 130 : 143);
      seen = true;
      resolve(signal);
    };
    process.on("SIGTERM", onSignal);
    process.on("SIGINT", onSignal);
  });
}
