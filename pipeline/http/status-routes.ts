import type { FastifyRequest } from "fastify";
import { stringify } from "yaml";
import { CodedError, FaultKind } from "../base/errors.ts";
import type { LoadedConfig } from "../config/load.ts";
import type { TenantSettings } from "../config/overrides.ts";
import type { Reloader } from "../config/reloader.ts";
import { showConfig } from "../config/show.ts";
import { readTenant } from "./caller.ts";
import type { PlainRoutes } from "./plain-app.ts";
import type { Readiness } from "./readiness.ts";

export type BuildInfo = { readonly version: string; readonly revision: string; readonly branch: string; readonly buildDate: string };

export type StatusDeps = {
  readonly loaded: LoadedConfig;
  readonly build: BuildInfo;
  readonly roles: readonly string[];
  readonly readiness: Readiness;
  readonly reloader: Reloader;
  readonly tenants: TenantSettings;
};

/** `/api/v1/status` and below, the settings in force: what operators and Grafana ask about the process itself. */
export function statusRoutes({ loaded, build, roles, readiness, reloader, tenants }: StatusDeps): PlainRoutes {
  return ({ fastify, caller, gate }) => {
    const operator = async (request: FastifyRequest): Promise<void> => gate.operator(request.headers);
    fastify.get("/api/v1/status", { onRequest: operator }, async (_request, reply) => {
      const parts = (await readiness.look()).map(({ name, fault }) => ({ name, ready: fault === undefined, fault }));
      const reloads = reloader.states().map(({ name, files, loadedMs, fault }) => ({
        setting: name,
        files,
        loaded: new Date(loadedMs).toISOString(),
        in_force: fault === undefined,
        fault,
      }));
      return reply.send({ version: build.version, roles, ready: parts.every(({ ready }) => ready), parts, reloads });
    });
    fastify.get("/api/v1/status/buildinfo", { onRequest: async (request) => gate.known(request.headers) }, (_request, reply) =>
      reply.send({ status: "success", data: { ...build, buildUser: "", goVersion: process.version } }),
    );
    const yaml = (view: "all" | "diff" | "default") => (): string => showConfig(loaded, view, false);
    for (const [path, text] of [
      ["/api/v1/status/config", yaml("all")],
      ["/api/v1/status/config/diff", yaml("diff")],
      ["/api/v1/status/config/default", yaml("default")],
    ] as const) {
      fastify.get(path, { onRequest: operator }, (_request, reply) => reply.type("text/yaml; charset=utf-8").send(text()));
    }
    fastify.get("/runtime_config", { onRequest: operator }, (_request, reply) => {
      const [own, overriding] = [loaded.config.limits_per_tenant, tenants.overrides()];
      const named = [...new Set([...Object.keys(own), ...Object.keys(overriding)])].sort();
      const overrides = Object.fromEntries(named.map((tenant) => [tenant, { ...own[tenant], ...overriding[tenant] }]));
      return reply.type("text/yaml; charset=utf-8").send(stringify({ overrides }));
    });
    fastify.get("/api/v1/tenant_limits", (request, reply) =>
      reply.type("text/yaml; charset=utf-8").send(stringify(tenants.limitsOf(readTenant(caller(request))))),
    );
    // What a Debuginfo client would send after a "yes" that it never gets.
    fastify.post("/debuginfo.v1alpha1.DebuginfoService/Upload/:id", async (request) => {
      gate.known(request.headers);
      throw new CodedError("debuginfo_unbuilt", FaultKind.Unimplemented, "this server takes no debug information yet");
    });
  };
}
