import { writeFileSync } from "node:fs";
import { systemClock } from "../../pipeline/base/clock.ts";
import { createLog } from "../../pipeline/base/log.ts";
import { createRegistry } from "../../pipeline/base/metrics.ts";
import { systemRandom } from "../../pipeline/base/random.ts";
import { type Bytes, MIB } from "../../pipeline/base/units.ts";
import { openCatalog } from "../../pipeline/catalog/bucket-catalog.ts";
import { createApp } from "../../pipeline/http/app.ts";
import { createAuthenticate } from "../../pipeline/http/authenticate.ts";
import { Bodies } from "../../pipeline/http/bodies.ts";
import { createHttpMetrics } from "../../pipeline/http/metrics.ts";
import { OnePortServer } from "../../pipeline/http/one-port.ts";
import { connectNats } from "../../pipeline/nats/nats.ts";
import { attachDirectoryStore } from "../../pipeline/objects/directory.ts";
import { querierRoutes } from "../../pipeline/roles/query/connect.ts";
import { directQueries } from "../../pipeline/roles/query/direct-queries.ts";
import { querierPlainRoutes } from "../../pipeline/roles/query/http.ts";
import { startQueryRole } from "../../pipeline/roles/query/query.ts";
import { NatsBus } from "../../pipeline/roles/query/share/nats-bus.ts";
import { DEFAULT_QUERY_LIMITS } from "../../pipeline/roles/query/validate-range.ts";

/*
 * A querier alone, over a directory that nobody writes any more: several of them can read it, which the server itself does not allow.
 * Arguments: directory, address of NATS, file for the port, bytes above which to share.
 */

const [dataDir, natsUrl, portFile, shareAbove] = process.argv.slice(2) as [string, string, string, string];
const log = createLog({ level: "info", format: "json" });
const registry = createRegistry();
const store = attachDirectoryStore({ path: dataDir });
const clock = systemClock;
const nats = await connectNats(
  {
    servers: [natsUrl],
    credentialsFile: "",
    nkeyFile: "",
    user: "",
    password: "",
    passwordFile: "",
    tls: { caFile: "", certFile: "", keyFile: "" },
  },
  { clock, random: systemRandom, log, registry },
);
const role = startQueryRole({
  catalog: await openCatalog({ store, clock, random: systemRandom, log }),
  pin: () => () => {},
  threads: { storePath: dataDir, threads: 1, cacheBytes: MIB as Bytes, idleMs: 30_000 },
  diskCache: undefined,
  peers: { bus: new NatsBus(nats.connection), shareAboveBytes: Number(shareAbove), log },
  clock,
  registry,
  limits: { datasetsMax: 0, bytesMax: 0, durationMsMax: 60_000 },
  limitsOf: () => ({ concurrencyMax: 0, readBytesMax: 0 }),
  waitingMax: 100,
});
const authenticate = createAuthenticate({ kind: "none" });
const deps = { ask: role.ask, limitsOf: () => DEFAULT_QUERY_LIMITS, clock };
const app = await createApp({
  authenticate,
  connect: [querierRoutes(deps)],
  plain: [
    querierPlainRoutes(deps),
    ({ fastify }) => fastify.get("/metrics", async (_request, reply) => reply.type("text/plain").send(await registry.metrics())),
  ],
  direct: directQueries({ ...deps, authenticate, bodies: new Bodies(64 * MIB, registry), log }),
  log,
  metrics: createHttpMetrics(registry, clock),
});
const port = await new OnePortServer(app.listener).listen(0, "127.0.0.1");
writeFileSync(portFile, String(port));
