import type { IncomingHttpHeaders } from "node:http";
import type { FastifyRequest } from "fastify";
import type { Clock } from "../../../base/clock.ts";
import { CodedError, FaultKind } from "../../../base/errors.ts";
import type { Random } from "../../../base/random.ts";
import { parseTimeNs } from "../../../base/time-text.ts";
import type { UnixMs } from "../../../base/units.ts";
import type { Catalog, Tombstone } from "../../../catalog/catalog.ts";
import { readTenant, writeTenant } from "../../../http/caller.ts";
import type { PlainRoutes } from "../../../http/plain-app.ts";
import { deleteProfiles } from "../tombstones.ts";

export type DeletionDeps = { readonly catalog: Catalog; readonly clock: Clock; readonly random: Random };

/**
 * `POST /api/v1/delete` deletes profiles that are stored now, `GET` lists the deletions whose bytes are not all gone yet.
 *
 * Shape: query parameters `service`, `from`, `until` (both inclusive; the grammar of `base/time-text.ts`). Without a service every service of the tenant, without
 * times all of them; `all=true` must be said when none of them is given.
 */
export function deletionRoutes(deps: DeletionDeps): PlainRoutes {
  return ({ fastify, caller }) => {
    fastify.post("/api/v1/delete", async (request, reply) => {
      refuseOtherSites(request.headers);
      const tenant = writeTenant(caller(request));
      const tombstone = await deleteProfiles({ tenant, ...askedDeletion(request, deps.clock.nowMs()) }, deps);
      return reply.send(asJson(tombstone));
    });

    fastify.get("/api/v1/delete", async (request, reply) => {
      const tenant = readTenant(caller(request));
      return reply.send({ deletions: deps.catalog.state.tombstones.filter((tombstone) => tombstone.tenant === tenant).map(asJson) });
    });
  };
}

/** A browser that was sent here by a page of somebody else: without tokens it would be let in. Errors: `other_site` (denied). */
function refuseOtherSites(headers: IncomingHttpHeaders): void {
  if (headers["sec-fetch-site"] !== "cross-site") return;
  throw new CodedError("other_site", FaultKind.Denied, "a page of another site may not delete profiles: use the command, or curl");
}

const OLDEST_NS = -(2n ** 63n);
const NEWEST_NS = 2n ** 63n - 1n;

function askedDeletion(request: FastifyRequest, nowMs: UnixMs): Omit<Parameters<typeof deleteProfiles>[0], "tenant"> {
  const query = request.query as Readonly<Record<string, unknown>>;
  for (const name of Object.keys(query)) {
    if (!["service", "from", "until", "all"].includes(name))
      throw invalid(`there is no parameter ${name}: use service, from, until or all`);
  }
  const text = (name: string): string | undefined => {
    const value = query[name];
    if (value !== undefined && (typeof value !== "string" || value === "")) throw invalid(`give ${name} one value`);
    return value as string | undefined;
  };
  const time = (name: string): bigint | undefined => {
    const given = text(name);
    const timeNs = given === undefined ? undefined : parseTimeNs(given, nowMs);
    if (given !== undefined && timeNs === undefined)
      throw invalid(`${name} is no time: use now, now-1h, or a number of seconds or milliseconds since 1970`);
    return timeNs;
  };
  const deletion = { service: text("service"), minTimeNs: time("from") ?? OLDEST_NS, maxTimeNs: time("until") ?? NEWEST_NS };
  const isEverything = deletion.service === undefined && deletion.minTimeNs === OLDEST_NS && deletion.maxTimeNs === NEWEST_NS;
  if (isEverything && text("all") !== "true")
    throw invalid("name a service, from or until; to delete everything of the tenant say all=true");
  if (deletion.minTimeNs > deletion.maxTimeNs) throw invalid("from is after until: nothing lies between them");
  return deletion;
}

function asJson({ id, service, minTimeNs, maxTimeNs, createdMs }: Tombstone) {
  const ms = (timeNs: bigint): number | null => (timeNs === OLDEST_NS || timeNs === NEWEST_NS ? null : Number(timeNs / 1_000_000n));
  return { id, service: service ?? null, from_ms: ms(minTimeNs), until_ms: ms(maxTimeNs), created_ms: createdMs };
}

function invalid(message: string): CodedError {
  return new CodedError("deletion_invalid", FaultKind.Invalid, message);
}
