import { create, type DescMessage, fromBinary, type MessageInitShape, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { PushRequestSchema } from "../../pipeline/api/gen/push/v1/push_pb.ts";

/* The server as its clients see it: Connect over HTTP/1.1, with nothing of our own server code in between. */

export type PushedProfile = {
  /** `service_name` and `__name__` at least. */
  readonly labels: Readonly<Record<string, string>>;
  /** pprof, gzipped or plain. */
  readonly profile: Uint8Array;
  readonly id?: string;
};

export type Reply = { readonly status: number; readonly body: Buffer; readonly headers: Headers };

export type CallOptions = { readonly tenant?: string; readonly timeoutMs?: number };

export function pushBody(profiles: readonly PushedProfile[]): Uint8Array<ArrayBuffer> {
  const series = profiles.map(({ labels, profile, id }) => ({
    labels: Object.entries(labels).map(([name, value]) => ({ name, value })),
    samples: [{ rawProfile: profile, ID: id ?? "" }],
  }));
  return toBinary(PushRequestSchema, create(PushRequestSchema, { series }));
}

/** One push of some profiles; resolves with the reply whatever its status. */
export async function push(url: string, profiles: readonly PushedProfile[], options: CallOptions = {}): Promise<Reply> {
  return post(url, "/push.v1.PusherService/Push", "application/proto", pushBody(profiles), options);
}

/** A query over Connect JSON. Throws when the answer is not 200. */
export async function ask<Answer = Record<string, unknown>>(
  url: string,
  method: string,
  request: Readonly<Record<string, unknown>>,
  options: CallOptions = {},
): Promise<Answer> {
  const reply = await post(url, `/querier.v1.QuerierService/${method}`, "application/json", JSON.stringify(request), options);
  if (reply.status !== 200) throw new Error(`${method} answered ${reply.status}: ${reply.body.toString("utf8").slice(0, 500)}`);
  return JSON.parse(reply.body.toString("utf8")) as Answer;
}

/** A query over Connect with protobuf both ways. Throws when the answer is not 200. */
export async function askProto<Request extends DescMessage, Response extends DescMessage>(
  url: string,
  method: string,
  question: { readonly request: Request; readonly response: Response; readonly value: MessageInitShape<Request> },
  options: CallOptions = {},
): Promise<MessageShape<Response>> {
  const body = toBinary(question.request, create(question.request, question.value));
  const reply = await post(url, `/querier.v1.QuerierService/${method}`, "application/proto", body, options);
  if (reply.status !== 200) throw new Error(`${method} answered ${reply.status}: ${reply.body.toString("utf8").slice(0, 500)}`);
  return fromBinary(question.response, reply.body);
}

export async function post(
  url: string,
  path: string,
  contentType: string,
  body: string | Uint8Array<ArrayBuffer>,
  { tenant, timeoutMs = 60_000 }: CallOptions = {},
): Promise<Reply> {
  const response = await fetch(url + path, {
    method: "POST",
    headers: { "content-type": contentType, ...(tenant === undefined ? {} : { "x-scope-orgid": tenant }) },
    body,
    signal: AbortSignal.timeout(timeoutMs),
  });
  return { status: response.status, headers: response.headers, body: Buffer.from(await response.arrayBuffer()) };
}
