import { authMode } from "./auth-mode.ts";
import { isCoded } from "./base/errors.ts";
import type { Running } from "./base/lifecycle.ts";
import type { Log } from "./base/log.ts";
import type { DurationMs } from "./base/units.ts";
import type { LoadedConfig } from "./config/load.ts";
import { type App, createApp } from "./http/app.ts";
import { createAuthenticate } from "./http/authenticate.ts";
import { createHttpMetrics } from "./http/metrics.ts";
import { OnePortServer } from "./http/one-port.ts";
import { pageRoutes } from "./http/page-files.ts";
import { type BuildInfo, statusRoutes } from "./http/status-routes.ts";
import { statusRpcs } from "./http/status-rpcs.ts";
import { probeWrite } from "./objects/probe.ts";
import { openParts, type Parts } from "./parts.ts";
import { observeProcess } from "./process-metrics.ts";
import { partsOf, ROLES, rolesOf, type StartedRole } from "./roles.ts";
import { debugRoutes } from "./self-profile/debug-routes.ts";
import { FEATURE_FLAGS, readBuildInfo } from "./version.ts";

export type Server = Running & {
  /** Where the server really listens: configured ports may be 0. */
  readonly port: number;
  readonly otlpPorts: { readonly grpc: number | undefined; readonly http: number | undefined };
};

export type ServerOptions = {
  /** The folder of the built page, and what to say while there is none. */
  readonly page: { readonly folder: string; readonly absent: () => string };
};

/**
 * Config → open parts → start roles → listen. Everything that was opened is closed again if a later step fails.
 * Errors: those of {@link openParts}, `port_taken`, `port_denied`, `tokens_…`.
 */
export async function startServer(loaded: LoadedConfig, log: Log, options: ServerOptions): Promise<Server> {
  const { config } = loaded;
  const started: Running[] = [];
  const stop = async (): Promise<void> => {
    for (let part = started.pop(); part !== undefined; part = started.pop()) await part.stop();
  };
  try {
    const names = rolesOf(config);
    const parts = await openParts(config, log, createAuthenticate(authMode(config)), partsOf(names));
    started.push({ stop: () => parts.close() });
    const build = await readBuildInfo();
    observeProcess(parts.registry, build);

    const roles: StartedRole[] = [];
    for (const name of names.toReversed()) {
      const role = ROLES[name](parts);
      roles.push(role);
      started.push(role);
    }

    const app = await openApp(parts, { loaded, build, roles, page: options.page });
    started.push({ stop: () => app.close() });
    const { servers, ...listening } = await listen(parts, app);
    started.push({ stop: () => closeAll(servers, config.http.shutdown_grace) });

    const ingest = roles.find((role) => role.ingest !== undefined)?.ingest;
    if (config.self_profile.enabled && ingest !== undefined) {
      const { startSelfProfile } = await import("./self-profile/self-profile.ts");
      started.push(
        startSelfProfile({
          ingest,
          clock: parts.clock,
          log: log.child({ part: "self-profile" }),
          intervalMs: config.self_profile.interval,
        }),
      );
    }
    return { ...listening, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

type AppOptions = ServerOptions & { readonly loaded: LoadedConfig; readonly build: BuildInfo; readonly roles: readonly StartedRole[] };

async function openApp(parts: Parts, { loaded, build, roles, page }: AppOptions): Promise<App> {
  const status = statusRoutes({
    loaded,
    build,
    registry: parts.registry,
    clock: parts.clock,
    probeWrite: () => checkParts(parts),
  });
  return createApp({
    authenticate: parts.authenticate,
    connect: [...roles.flatMap((role) => role.routes.connect), statusRpcs(FEATURE_FLAGS)],
    plain: [...roles.flatMap((role) => role.routes.plain), status, debugRoutes(parts.clock), pageRoutes(page)],
    direct: roles.flatMap((role) => role.routes.direct),
    log: parts.log,
    metrics: createHttpMetrics(parts.registry, parts.clock),
  });
}

/**
 * Whether this process can do its work. A push into a durable queue needs no bucket, so an ingest process stays ready without one; everybody else
 * does not.
 */
async function checkParts(parts: Parts): Promise<void> {
  const { config } = parts;
  const onlyIngests = config.queue.kind === "nats" && rolesOf(config).every((name) => name === "ingest");
  await Promise.all([onlyIngests ? undefined : probeWrite(parts), parts.checkQueue()]);
}

type Listening = { readonly servers: readonly OnePortServer[]; readonly port: number; readonly otlpPorts: Server["otlpPorts"] };

/** The main port must be had; those of OTLP are a convenience that another collector on this machine may have taken. */
async function listen({ config, log }: Parts, app: App): Promise<Listening> {
  const servers: OnePortServer[] = [];
  const { host } = config.http;
  const open = async (wanted: number): Promise<number> => {
    const server = new OnePortServer(app.listener);
    const port = await server.listen(wanted, host);
    servers.push(server);
    return port;
  };
  const tryOpen = async (wanted: number): Promise<number | undefined> => {
    if (!config.otlp.enabled) return undefined;
    try {
      return await open(wanted);
    } catch (error) {
      if (!isCoded(error)) throw error;
      log.warn({ port: wanted, code: error.code }, "an OTLP port cannot be had, OTLP is served on the main port only");
      return undefined;
    }
  };
  const port = await open(config.http.port);
  const grpc = await tryOpen(config.otlp.grpc_port);
  const http = await tryOpen(config.otlp.http_port);
  return { servers, port, otlpPorts: { grpc, http } };
}

async function closeAll(servers: readonly OnePortServer[], graceMs: number): Promise<void> {
  await Promise.all(servers.map((server) => server.close(graceMs as DurationMs)));
}
