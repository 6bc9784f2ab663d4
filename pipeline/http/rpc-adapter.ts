import { type ConnectRouterOptions, type ContextValues, createConnectRouter } from "@connectrpc/connect";
import {
  createAsyncIterable,
  type UniversalHandler,
  type UniversalServerRequest,
  type UniversalServerResponse,
} from "@connectrpc/connect/protocol";
import { universalRequestFromNodeRequest, universalResponseToNodeResponse } from "@connectrpc/connect-node";
import { isCoded } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { ConnectRoutes } from "./app.ts";
import { connectError } from "./fault-answers.ts";
import type { Request, Response } from "./one-port.ts";

/*
 * connect-node's adapter with two differences. It answers a protobuf message that cannot be parsed with `internal` (500), as if the
 * fault were ours, and parses before any interceptor of ours could say otherwise; garbage is the sender's: `invalid_argument` (400). And it
 * would read a whole body before it looks at who sends it; here nothing is read of a caller who is refused.
 */

export type RpcAdapterOptions = ConnectRouterOptions & {
  readonly routes: readonly ConnectRoutes[];
  readonly contextValues: (request: Request) => ContextValues;
  /** Why this caller is refused, if so. */
  readonly refusal: (values: ContextValues) => unknown;
  /** Counts a body as it is read. */
  readonly metered: (body: AsyncIterable<Uint8Array>, response: Response) => AsyncIterable<Uint8Array>;
  readonly log: Log;
};

export type RpcAdapter = { readonly paths: ReadonlySet<string>; answer(path: string, request: Request, response: Response): void };

export function createRpcAdapter({ routes, contextValues, refusal, metered, log, ...options }: RpcAdapterOptions): RpcAdapter {
  const router = createConnectRouter(options);
  for (const register of routes) register(router);
  const handlers = new Map<string, UniversalHandler>(router.handlers.map((handler) => [handler.requestPath, handler]));
  return {
    paths: new Set(handlers.keys()),
    answer(path, request, response) {
      const handler = handlers.get(path)!;
      const values = contextValues(request);
      const incoming: UniversalServerRequest = universalRequestFromNodeRequest(request, response, undefined, values);
      const refused = refusal(values);
      const body = incoming.body as AsyncIterable<Uint8Array>;
      handler({ ...incoming, body: faulty(refused === undefined ? metered(body, response) : refusing(refused)) })
        .then(blameTheSender)
        .then((answer) => universalResponseToNodeResponse(answer, response))
        // The caller is gone, or the response has broken off: there is nobody to answer.
        .catch((error: unknown) => log.debug({ err: error, path }, "an answer could not be sent"));
    },
  };
}

/** Faults of a body, in the words of the protocol. */
async function* faulty(body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    throw isCoded(error) ? connectError(error) : error;
  }
}

function refusing(fault: unknown): AsyncIterable<Uint8Array> {
  return { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(fault) }) };
}

/** Errors of unary Connect are a JSON body. In gRPC, INTERNAL is what every implementation answers, and stays. */
async function blameTheSender(answer: UniversalServerResponse): Promise<UniversalServerResponse> {
  if (answer.status !== 500 || answer.body === undefined || answer.body === null) return answer;
  const chunks: Uint8Array[] = [];
  for await (const chunk of answer.body) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString("utf8");
  if (!text.startsWith(PARSE_FAULT)) return { ...answer, body: createAsyncIterable(chunks) };
  const body = Buffer.from(text.replace('"internal"', '"invalid_argument"'));
  answer.header?.set("content-length", String(body.length));
  return { ...answer, status: 400, body: createAsyncIterable([body]) };
}

const PARSE_FAULT = '{"code":"internal","message":"parse binary: ';
