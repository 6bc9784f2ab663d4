import type { ServerResponse } from "node:http";
import { type DescMessage, fromBinary, fromJsonString, type Message } from "@bufbuild/protobuf";
import { QuerierService } from "../../api/gen/querier/v1/querier_pb.ts";
import { CodedError, FaultKind, isCoded } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { DirectRoute } from "../../http/app.ts";
import type { Authenticate } from "../../http/authenticate.ts";
import type { Bodies } from "../../http/bodies.ts";
import { inClientTime } from "../../http/client-time.ts";
import { COMPRESS_MIN_BYTES, gzipBody } from "../../http/compression.ts";
import { DEFECT_ANSWER, type FaultAnswer, httpAnswer } from "../../http/fault-answers.ts";
import { goneSignal } from "../../http/gone.ts";
import type { Request, Response } from "../../http/one-port.ts";
import { isUnknownFault } from "./connect.ts";
import { askerOf, QUERIER_METHODS, type QuerierDeps, type QuerierMethod } from "./querier-methods.ts";
import type { Question } from "./question.ts";

export type DirectQueriesDeps = QuerierDeps & { readonly authenticate: Authenticate; readonly bodies: Bodies; readonly log: Log };

/**
 * querier.v1.QuerierService over Connect, without the adapter: an answer leaves as the bytes the query thread wrote, JSON too, so that not even a
 * flame graph of a million nodes keeps the listening thread busy. gRPC and gRPC-Web go through the adapter and give the same answers.
 */
export function directQueries(deps: DirectQueriesDeps): readonly DirectRoute[] {
  return QUERIER_METHODS.map((row) => ({
    path: `/${QuerierService.typeName}/${row.method.name}`,
    claims: (request) => request.method === "POST" && codecOf(request) !== undefined,
    answer: (request, response) => answer(row, request, response, deps),
  }));
}

type Codec = "json" | "proto";

function codecOf(request: Request): Codec | undefined {
  const type = (request.headers["content-type"] ?? "").toLowerCase();
  return /^application\/(json|proto)(?:\s*;.*)?$/.exec(type)?.[1] as Codec | undefined;
}

async function answer({ method, check }: QuerierMethod, request: Request, response: Response, deps: DirectQueriesDeps): Promise<void> {
  const gone = goneSignal(response);
  try {
    const asker = askerOf(deps.authenticate(request.headers), deps);
    const codec = codecOf(request) as Codec;
    const bytes = await inClientTime({ headers: request.headers, gone, clock: deps.clock }, async (signal) => {
      const body = await deps.bodies.take(request, response, REQUEST_BYTES_MAX);
      const question = check(readRequest(method.input, body, codec), asker);
      const asked: Question = codec === "json" ? { kind: "json", of: question, typeName: method.output.typeName } : question;
      return deps.ask(asked, { tenants: asker.tenants, signal });
    });
    await send(response, { status: 200, type: `application/${codec}`, bytes, acceptsGzip: acceptsGzip(request) });
  } catch (error) {
    if (gone.aborted) return;
    const { status, headers, body } = answerOf(error, deps.log);
    await send(response, { status, headers, type: "application/json", bytes: Buffer.from(JSON.stringify(body)), acceptsGzip: false });
  }
}

/** Selectors with thousands of values fit; nothing else in a question is long. */
const REQUEST_BYTES_MAX = 8 * 1024 * 1024;

/** Errors: `request_malformed` (invalid). */
function readRequest(schema: DescMessage, body: Buffer, codec: Codec): Message {
  try {
    // What a newer client may say beyond what we know is ignored, names of enum values included.
    return codec === "proto" ? fromBinary(schema, body) : fromJsonString(schema, body.toString("utf8"), { ignoreUnknownFields: true });
  } catch (cause) {
    throw new CodedError("request_malformed", FaultKind.Invalid, `the request is no ${schema.typeName}: ${String(cause)}`, { cause });
  }
}

function answerOf(error: unknown, log: Log): FaultAnswer {
  if (isCoded(error)) {
    const answer = httpAnswer(error);
    if (isUnknownFault(error)) return { ...answer, status: 500, body: { ...answer.body, code: "unknown" } };
    // Connect has one status for too large and for too much.
    return answer.body.code === "resource_exhausted" ? { ...answer, status: 429 } : answer;
  }
  log.error({ err: error }, "query failed by a defect");
  return DEFECT_ANSWER;
}

function acceptsGzip(request: Request): boolean {
  return /\bgzip\b/.test(String(request.headers["accept-encoding"] ?? ""));
}

type Sent = {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly type: string;
  readonly bytes: Uint8Array;
  readonly acceptsGzip: boolean;
};

async function send(response: Response, { status, headers = {}, type, bytes, acceptsGzip }: Sent): Promise<void> {
  const zipped = acceptsGzip && bytes.length >= COMPRESS_MIN_BYTES;
  const body = zipped ? await gzipBody(bytes) : bytes;
  // The HTTP/2 response has the same methods; only the types differ.
  const http1 = response as ServerResponse;
  http1.writeHead(status, {
    ...headers,
    "content-type": type,
    "content-length": String(body.length),
    vary: "accept-encoding",
    ...(zipped ? { "content-encoding": "gzip" } : {}),
  });
  http1.end(body);
}
