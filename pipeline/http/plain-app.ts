import fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { CodedError, FaultKind, isCoded } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Authenticate } from "./authenticate.ts";
import type { Caller } from "./caller.ts";
import { COMPRESS_MIN_BYTES, gzipBody } from "./compression.ts";
import { DEFECT_ANSWER, type FaultAnswer, httpAnswer } from "./fault-answers.ts";
import type { Gate } from "./gate.ts";
import type { HttpMetrics } from "./metrics.ts";

/** Registers the plain HTTP routes of one part. Bodies are left unread: take them with `Bodies`. */
export type PlainRoutes = (app: PlainApp) => void;

export type PlainApp = {
  readonly fastify: FastifyInstance;
  /** Who sends a request. Errors as {@link Authenticate}. */
  caller(request: FastifyRequest): Caller;
  /** For what belongs to no tenant. */
  readonly gate: Gate;
};

export type PlainParts = {
  readonly routes: readonly PlainRoutes[];
  readonly authenticate: Authenticate;
  readonly gate: Gate;
  readonly log: Log;
  readonly metrics: HttpMetrics;
};

/** For browsers: answers are data of their asker, to be neither run, framed, kept, nor read from another site. The page has its own. */
const SAFE_HEADERS: readonly (readonly [string, string])[] = [
  ["cache-control", "no-store"],
  ["content-security-policy", "default-src 'none'; frame-ancestors 'none'"],
  ["cross-origin-resource-policy", "same-origin"],
  ["referrer-policy", "no-referrer"],
  ["x-frame-options", "SAMEORIGIN"],
];

/** A URL longer than this is no question of a person or of Grafana. */
const URL_BYTES_MAX = 64 * 1024;

/** As registered: its path may have a pattern. */
export type PlainRoute = { readonly method: string; readonly path: string };

/** Everything that is not an RPC: faults become the JSON that Connect gives, long answers are gzipped for who accepts it. */
export function createPlainApp(parts: PlainParts): { readonly app: FastifyInstance; readonly routes: readonly PlainRoute[] } {
  const app = fastify({
    // Every listener of the process shares this instance, and none of them is fastify's own.
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: URL_BYTES_MAX, caseSensitive: true },
    logger: false,
    exposeHeadRoutes: true,
    frameworkErrors: (error, _request, reply) => void sendFault(reply as FastifyReply, answerOf(error, parts.log, "")),
  });
  app.removeAllContentTypeParsers();
  // A route reads its own body, with the bounds of its tenant.
  app.addContentTypeParser("*", (_request, _payload, done) => done(null));

  app.addHook("onSend", async (request, reply, payload) => {
    for (const [name, value] of SAFE_HEADERS) if (!reply.hasHeader(name)) reply.header(name, value);
    return compressed(request, reply, payload);
  });
  app.addHook("onResponse", async (request, reply) =>
    parts.metrics.observed(request.method, request.routeOptions.url ?? "unknown", reply.statusCode, reply.elapsedTime / 1000),
  );
  app.setErrorHandler((error, request, reply) => sendFault(reply, answerOf(error, parts.log, request.url)));
  app.setNotFoundHandler((request, reply) =>
    sendFault(
      reply,
      httpAnswer(
        new CodedError("route_unknown", FaultKind.NotFound, `nothing is served at ${request.method} ${request.url.slice(0, 200)}`),
      ),
    ),
  );

  const plain: PlainApp = { fastify: app, caller: (request) => parts.authenticate(request.headers), gate: parts.gate };
  const served: PlainRoute[] = [];
  app.addHook("onRoute", ({ method, url }) => {
    for (const one of Array.isArray(method) ? method : [method]) served.push({ method: one, path: url });
  });
  for (const routes of parts.routes) routes(plain);
  return { app, routes: served };
}

function answerOf(error: unknown, log: Log, url: string): FaultAnswer {
  if (isCoded(error)) return httpAnswer(error);
  const { statusCode, message } = error as FastifyError;
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return { status: statusCode, headers: {}, body: { code: "invalid_argument", message } };
  }
  log.error({ err: error, url }, "request failed by a defect");
  return DEFECT_ANSWER;
}

function sendFault(reply: FastifyReply, answer: FaultAnswer): FastifyReply {
  return reply.code(answer.status).headers(answer.headers).type("application/json").send(JSON.stringify(answer.body));
}

async function compressed(request: FastifyRequest, reply: FastifyReply, payload: unknown): Promise<unknown> {
  if (typeof payload !== "string" && !(payload instanceof Uint8Array)) return payload;
  if (payload.length < COMPRESS_MIN_BYTES || reply.hasHeader("content-encoding")) return payload;
  reply.header("vary", "accept-encoding");
  if (!/\bgzip\b/.test(String(request.headers["accept-encoding"] ?? ""))) return payload;
  const body = await gzipBody(payload);
  reply.header("content-encoding", "gzip").removeHeader("content-length");
  return body;
}
