import type { Registry } from "../base/metrics.ts";
import type { PlainRoutes } from "./plain-app.ts";
import type { Readiness } from "./readiness.ts";

export type ProbeDeps = { readonly readiness: Readiness; readonly registry: Registry };

/**
 * `/ready`: whether this process should get work now, and if not, which part is missing and why. `/healthz` (also `/-/healthy`): whether it lives; it asks
 * no neighbour, since a restart mends none of them. `/metrics` for Prometheus.
 */
export function probeRoutes({ readiness, registry }: ProbeDeps): PlainRoutes {
  return ({ fastify, gate }) => {
    fastify.get("/ready", async (_request, reply) => {
      const faulty = (await readiness.look()).filter(({ fault }) => fault !== undefined);
      if (faulty.length === 0) return reply.type("text/plain").send("ready\n");
      const lines = faulty.map(({ name, fault }) => `${name}: ${fault}\n`);
      return reply
        .code(503)
        .type("text/plain")
        .send(`not ready\n${lines.join("")}`);
    });
    for (const path of ["/healthz", "/-/healthy"]) fastify.get(path, (_request, reply) => reply.type("text/plain").send("ok\n"));
    fastify.get("/metrics", async (request, reply) => {
      gate.operator(request.headers);
      return reply.type(registry.contentType).send(await registry.metrics());
    });
  };
}
