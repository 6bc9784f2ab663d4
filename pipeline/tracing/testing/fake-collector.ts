import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { BinaryReader } from "@bufbuild/protobuf/wire";

export type CollectedSpan = {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly links: readonly string[];
  /** 2 is an error. */
  readonly status: number;
};

export type FakeCollector = {
  readonly url: string;
  readonly spans: readonly CollectedSpan[];
  readonly requests: readonly { readonly path: string; readonly headers: IncomingHttpHeaders }[];
  stop(): Promise<void>;
};

/** Takes OTLP traces in protobuf over HTTP, and reads of them what tests ask about. */
export async function startFakeCollector(): Promise<FakeCollector> {
  const spans: CollectedSpan[] = [];
  const requests: { readonly path: string; readonly headers: IncomingHttpHeaders }[] = [];
  const server = createServer(async (request, response) => {
    const body = await buffer(request);
    requests.push({ path: request.url ?? "", headers: request.headers });
    // ExportTraceServiceRequest.resource_spans → ResourceSpans.scope_spans → ScopeSpans.spans.
    for (const resource of messages(body, 1)) {
      for (const scope of messages(resource, 2)) spans.push(...messages(scope, 2).map(spanOf));
    }
    response.writeHead(200, { "content-type": "application/x-protobuf" }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    requests,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Fields of opentelemetry/proto/trace/v1/trace.proto, message Span. */
function spanOf(bytes: Uint8Array): CollectedSpan {
  const text = (field: number): string => Buffer.from(messages(bytes, field)[0] ?? []).toString(field === 5 ? "utf8" : "hex");
  const times = fixed64s(bytes);
  const status = messages(bytes, 15)[0];
  return {
    name: text(5),
    traceId: text(1),
    spanId: text(2),
    parentSpanId: text(4),
    startNs: times.get(7) ?? 0n,
    endNs: times.get(8) ?? 0n,
    links: messages(bytes, 13).map((link) => Buffer.from(messages(link, 2)[0] ?? []).toString("hex")),
    status: status === undefined ? 0 : (varint(status, 3) ?? 0),
  };
}

/** The length-delimited values of one field. */
function messages(bytes: Uint8Array, field: number): readonly Uint8Array[] {
  const reader = new BinaryReader(bytes);
  const found: Uint8Array[] = [];
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    if (number === field && type === 2) found.push(reader.bytes());
    else reader.skip(type);
  }
  return found;
}

function fixed64s(bytes: Uint8Array): ReadonlyMap<number, bigint> {
  const reader = new BinaryReader(bytes);
  const found = new Map<number, bigint>();
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    if (type === 1) found.set(number, BigInt(reader.fixed64()));
    else reader.skip(type);
  }
  return found;
}

function varint(bytes: Uint8Array, field: number): number | undefined {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    if (number === field && type === 0) return reader.uint32();
    reader.skip(type);
  }
  return undefined;
}
