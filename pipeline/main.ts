import type { Running } from "./base/lifecycle.ts";
import type { Log } from "./base/log.ts";
import { systemRandom } from "./base/random.ts";
import type { LoadedConfig } from "./config/load.ts";
import { type App, createApp, type ServedRoute } from "./http/app.ts";
import { OPEN_GATE } from "./http/gate.ts";
import { createHttpMetrics, type HttpMetrics } from "./http/metrics.ts";
import type { RequestListener } from "./http/one-port.ts";
import { pageRoutes } from "./http/page-files.ts";
import { createPlainApp } from "./http/plain-app.ts";
import { probeRoutes } from "./http/probe-routes.ts";
import { observeReadiness, Readiness } from "./http/readiness.ts";
import { type BuildInfo, statusRoutes } from "./http/status-routes.ts";
import { statusRpcs } from "./http/status-rpcs.ts";
import { type Listening, openListeners } from "./listeners.ts";
import { openParts, type Parts } from "./parts.ts";
import { observeProcess } from "./process-metrics.ts";
import { profileSelf } from "./profile-self.ts";
import { readyChecks } from "./ready-checks.ts";
import { partsOf, ROLES, rolesOf, type StartedRole } from "./roles.ts";
import { debugRoutes } from "./self-profile/debug-routes.ts";
import { startTracing } from "./tracing/tracing.ts";
import { FEATURE_FLAGS, readBuildInfo } from "./version.ts";

export type Server = Listening & {
  /** Everything that is served. */
  readonly routes: readonly ServedRoute[];
};

export type ServerOptions = {
  /** The folder of the built page, and what to say while there is none. */
  readonly page: { readonly folder: string; readonly absent: () => string };
};

/**
 * Config → open parts → start roles → listen. Everything that was opened is closed again if a later step fails.
 * Errors: those of {@link openParts} and {@link openListeners}.
 */
export async function startServer(loaded: LoadedConfig, log: Log, options: ServerOptions): Promise<Server> {
  const { config } = loaded;
  const started: Running[] = [];
  const stop = async (): Promise<void> => {
    for (let part = started.pop(); part !== undefined; part = started.pop()) await part.stop();
  };
  try {
    const names = rolesOf(config);
    const build = await readBuildInfo();
    const tracing = await startTracing(config, { random: systemRandom, version: build.version, roles: names });
    started.push(tracing);
    const parts = await openParts(config, log, { tracer: tracing.tracer, needed: partsOf(names) });
    started.push({ stop: () => parts.close() });
    observeProcess(parts.registry, build);

    const roles: StartedRole[] = [];
    for (const name of names.toReversed()) {
      const role = ROLES[name](parts);
      roles.push(role);
      started.push(role);
    }

    const readiness = new Readiness(readyChecks(parts, names), parts.clock);
    observeReadiness(parts.registry, readiness);
    const metrics = createHttpMetrics(parts.registry, parts.clock);
    const app = await openApp(parts, { loaded, build, roles, readiness, metrics, page: options.page });
    started.push({ stop: () => app.close() });
    const status = createPlainApp({
      authenticate: parts.authenticate,
      log,
      gate: OPEN_GATE,
      routes: [probeRoutes({ registry: parts.registry, readiness })],
      metrics,
    }).app;
    await status.ready();
    started.push({ stop: () => status.close() });
    const listening = await openListeners(parts, { everything: app.listener, status: status.routing as RequestListener });
    started.push(listening, parts.reloader.start());

    const ingest = roles.find((role) => role.ingest !== undefined)?.ingest;
    const selfProfile = await profileSelf(parts, { ingest, roles: names, version: build.version });
    if (selfProfile !== undefined) started.push(selfProfile);
    return { ...listening, routes: app.routes, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

type AppOptions = ServerOptions & {
  readonly loaded: LoadedConfig;
  readonly build: BuildInfo;
  readonly roles: readonly StartedRole[];
  readonly readiness: Readiness;
  readonly metrics: HttpMetrics;
};

function openApp(parts: Parts, { loaded, build, roles, readiness, metrics, page }: AppOptions): Promise<App> {
  const status = statusRoutes({
    loaded,
    build,
    roles: rolesOf(loaded.config),
    readiness,
    reloader: parts.reloader,
    tenants: parts.tenants,
  });
  const { authenticate, gate, bodies, log, random, tracer } = parts;
  return createApp({
    authenticate,
    gate,
    bodies,
    log,
    random,
    tracer,
    connect: [...roles.flatMap((role) => role.routes.connect), statusRpcs(FEATURE_FLAGS)],
    plain: [
      ...roles.flatMap((role) => role.routes.plain),
      probeRoutes({ registry: parts.registry, readiness }),
      status,
      debugRoutes(parts.clock),
      pageRoutes(page),
    ],
    direct: roles.flatMap((role) => role.routes.direct),
    metrics,
  });
}
