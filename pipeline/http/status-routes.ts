import { stringify } from "yaml";
import type { Clock } from "../base/clock.ts";
import { CodedError, FaultKind, isCoded } from "../base/errors.ts";
import type { Registry } from "../base/metrics.ts";
import type { LoadedConfig } from "../config/load.ts";
import { limitsOf } from "../config/schema.ts";
import { showConfig } from "../config/show.ts";
import { readTenant } from "./caller.ts";
import type { PlainRoutes } from "./plain-app.ts";

export type BuildInfo = { readonly version: string; readonly revision: string; readonly branch: string; readonly buildDate: string };

export type StatusDeps = {
  readonly loaded: LoadedConfig;
  readonly build: BuildInfo;
  readonly registry: Registry;
  readonly clock: Clock;
  /** Resolves when a write can succeed now, rejects with the fault that keeps it from succeeding. */
  readonly probeWrite: () => Promise<void>;
};

/** Probes come from several sides every few seconds; one look at the disk answers them all. */
const READY_FOR_MS = 1000;

/** `/ready`, `/metrics` and `/api/v1/status/*`: what operators, load balancers and Grafana ask about the process itself. */
export function statusRoutes({ loaded, build, registry, clock, probeWrite }: StatusDeps): PlainRoutes {
  const ready = remembered(probeWrite, clock);
  return ({ fastify, caller }) => {
    fastify.get("/ready", async (_request, reply) => {
      try {
        await ready();
        return reply.type("text/plain").send("ready\n");
      } catch (error) {
        const message = isCoded(error) ? error.message : String(error);
        return reply.code(503).type("text/plain").send(`not ready: a write would fail: ${message}\n`);
      }
    });
    fastify.get("/metrics", async (_request, reply) => reply.type(registry.contentType).send(await registry.metrics()));
    fastify.get("/api/v1/status/buildinfo", (_request, reply) =>
      reply.send({ status: "success", data: { ...build, buildUser: "", goVersion: process.version } }),
    );
    const yaml = (view: "all" | "diff" | "default") => (): string => showConfig(loaded, view, false);
    for (const [path, text] of [
      ["/api/v1/status/config", yaml("all")],
      ["/api/v1/status/config/diff", yaml("diff")],
      ["/api/v1/status/config/default", yaml("default")],
    ] as const) {
      fastify.get(path, (_request, reply) => reply.type("text/yaml; charset=utf-8").send(text()));
    }
    fastify.get("/runtime_config", (_request, reply) =>
      reply.type("text/yaml; charset=utf-8").send(stringify({ overrides: loaded.config.limits_per_tenant })),
    );
    fastify.get("/api/v1/tenant_limits", (request, reply) =>
      reply.type("text/yaml; charset=utf-8").send(stringify(limitsOf(loaded.config, readTenant(caller(request))))),
    );
    // What a Debuginfo client would send after a "yes" that it never gets.
    fastify.post("/debuginfo.v1alpha1.DebuginfoService/Upload/:id", async () => {
      throw new CodedError("debuginfo_unbuilt", FaultKind.Unimplemented, "this server takes no debug information yet");
    });
  };
}

/** The same outcome for a while, and one look at a time. */
function remembered(look: () => Promise<void>, clock: Clock): () => Promise<void> {
  let last: Promise<void> | undefined;
  let lastMs = 0;
  return () => {
    if (last === undefined || clock.monotonicMs() - lastMs > READY_FOR_MS) {
      last = look();
      lastMs = clock.monotonicMs();
      last.catch(() => {});
    }
    return last;
  };
}
