import type { IncomingMessage, ServerResponse } from "node:http";
import { type ConnectRouter, createContextKey, createContextValues, type Interceptor } from "@connectrpc/connect";
import type { Log } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import type { Tracer } from "../base/trace.ts";
import { MIB } from "../base/units.ts";
import type { Authenticate } from "./authenticate.ts";
import type { Bodies } from "./bodies.ts";
import { CALLER, type Caller } from "./caller.ts";
import { COMPRESS_MIN_BYTES, WIRE_COMPRESSIONS } from "./compression.ts";
import { faultInterceptor } from "./fault-answers.ts";
import type { Gate } from "./gate.ts";
import type { HttpMetrics } from "./metrics.ts";
import type { Request, RequestListener, Response } from "./one-port.ts";
import { createPlainApp, type PlainRoutes } from "./plain-app.ts";
import { createRequests } from "./requests.ts";
import { createRpcAdapter } from "./rpc-adapter.ts";

/** Registers the RPCs of one part. Who asks is in the context: `callerOf(context.values)`. */
export type ConnectRoutes = (router: ConnectRouter) => void;

/**
 * A request answered without the Connect adapter, for the one path where its cost per request counts. It answers
 * everything it claims, faults included.
 */
export type DirectRoute = {
  readonly path: string;
  claims(request: Request): boolean;
  answer(request: Request, response: Response): Promise<void>;
};

export type AppParts = {
  readonly authenticate: Authenticate;
  readonly gate: Gate;
  readonly bodies: Bodies;
  readonly connect: readonly ConnectRoutes[];
  readonly plain: readonly PlainRoutes[];
  readonly direct: readonly DirectRoute[];
  readonly log: Log;
  readonly metrics: HttpMetrics;
  readonly random: Random;
  readonly tracer?: Tracer;
};

/** Profiles in and questions; probes and files of the page tell nobody anything. */
const TRACED_PLAIN = /^\/(ingest|pyroscope|v1development|api\/v1\/delete)/;

/** Of one message, decompressed, where a service does not say otherwise: no question comes near it. */
const QUESTION_BYTES_MAX = 4 * MIB;

/** How a path is answered: past the adapter, by it, or by fastify (whose paths may have patterns). */
export type ServedRoute = { readonly kind: "direct" | "rpc" | "plain"; readonly method: string; readonly path: string };

export type App = {
  readonly listener: RequestListener;
  /** Everything that is served. */
  readonly routes: readonly ServedRoute[];
  close(): Promise<void>;
};

/** Brings Connect, gRPC, gRPC-Web and plain HTTP under one listener. */
export async function createApp(parts: AppParts): Promise<App> {
  const { app: plain, routes: plainRoutes } = createPlainApp({ ...parts, routes: parts.plain });
  await plain.ready();

  const rpcs = createRpcAdapter({
    routes: parts.connect,
    log: parts.log,
    interceptors: [faultInterceptor(parts.log), callerInterceptor],
    contextValues: (request) => createContextValues().set(AUTHENTICATED, authenticated(parts.authenticate, request)),
    refusal: (values) => {
      const outcome = values.get(AUTHENTICATED);
      return outcome !== undefined && "fault" in outcome ? outcome.fault : undefined;
    },
    metered: (body, response) => parts.bodies.metered(body, response),
    acceptCompression: [...WIRE_COMPRESSIONS],
    compressMinBytes: COMPRESS_MIN_BYTES,
    readMaxBytes: QUESTION_BYTES_MAX,
  });
  const direct = new Map(parts.direct.map((route) => [route.path, route]));

  const requests = createRequests(parts);
  const tracedPlain = new Set(plainRoutes.map(({ path }) => path).filter((path) => TRACED_PLAIN.test(path)));

  const listener: RequestListener = (request, response) => {
    const path = pathOf(request);
    response.setHeader("x-content-type-options", "nosniff");
    const route = direct.get(path);
    if (route?.claims(request) === true) {
      parts.metrics.observe(request, response, path);
      requests.run(request, response, path, () => void route.answer(request, response));
    } else if (rpcs.paths.has(path)) {
      parts.metrics.observe(request, response, path);
      requests.run(request, response, path, () => rpcs.answer(path, request, response));
    } else {
      // fastify speaks to both kinds of requests; its types know the first only.
      const answer = (): void => plain.routing(request as IncomingMessage, response as ServerResponse);
      requests.run(request, response, tracedPlain.has(path) ? path : undefined, answer);
    }
  };
  const routes: readonly ServedRoute[] = [
    ...parts.direct.map(({ path }) => ({ kind: "direct", method: "POST", path }) as const),
    ...[...rpcs.paths].map((path) => ({ kind: "rpc", method: "POST", path }) as const),
    ...plainRoutes.map((route) => ({ kind: "plain", ...route }) as const),
  ];
  return { listener, routes, close: () => plain.close() };
}

type Authenticated = { readonly caller: Caller } | { readonly fault: unknown };

/** The outcome travels to where the protocol of the request is known, and fails there. */
const AUTHENTICATED = createContextKey<Authenticated | undefined>(undefined, { description: "outcome of authentication" });

function authenticated(authenticate: Authenticate, request: Request): Authenticated {
  try {
    return { caller: authenticate(request.headers) };
  } catch (fault) {
    return { fault };
  }
}

const callerInterceptor: Interceptor = (next) => async (request) => {
  const outcome = request.contextValues.get(AUTHENTICATED);
  if (outcome !== undefined && "fault" in outcome) throw outcome.fault;
  if (outcome !== undefined) request.contextValues.set(CALLER, outcome.caller);
  return next(request);
};

function pathOf(request: Request): string {
  const url = request.url ?? "/";
  const end = url.indexOf("?");
  return end < 0 ? url : url.slice(0, end);
}
