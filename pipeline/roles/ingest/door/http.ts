import { toBinary, toJsonString } from "@bufbuild/protobuf";
import type { FastifyReply, FastifyRequest } from "fastify";
import { ExportProfilesServiceResponseSchema } from "../../../api/gen/opentelemetry/proto/collector/profiles/v1development/profiles_service_pb.ts";
import { type CodedError, FaultKind, isCoded } from "../../../base/errors.ts";
import type { TenantId } from "../../../base/units.ts";
import type { Bodies } from "../../../http/bodies.ts";
import { writeTenant } from "../../../http/caller.ts";
import { type FaultAnswer, httpAnswer } from "../../../http/fault-answers.ts";
import { goneSignal } from "../../../http/gone.ts";
import type { PlainRoutes } from "../../../http/plain-app.ts";
import { checkOtlpVersion, OTLP_VERSION_HEADER } from "../formats/otlp-version.ts";
import { type Ingest, isParameterFault, type OtlpEncoding } from "../ingest-door.ts";
import { otlpHttpAnswer } from "./otlp-faults.ts";
import { otlpResponse } from "./rpc.ts";
import { takeBody } from "./take-body.ts";

export type IngestHttpDeps = {
  readonly ingest: Ingest;
  readonly bodies: Bodies;
  readonly bodyBytesMax: (tenant: TenantId) => number;
};

/** `/ingest` as Pyroscope's SDKs use it, and OTLP over HTTP. */
export function ingestRoutes({ ingest, bodies, bodyBytesMax }: IngestHttpDeps): PlainRoutes {
  return ({ fastify, caller }) => {
    for (const path of ["/ingest", "/pyroscope/ingest"]) {
      fastify.post(path, async (request, reply) => {
        try {
          const tenant = writeTenant(caller(request));
          // Content-Encoding is not looked at here: senders set it for parts of the body, or wrongly.
          const bytesMax = bodyBytesMax(tenant);
          const body = await takeBody(ingest, tenant, bytesMax, bodies.takeRaw(request.raw, reply.raw, bytesMax));
          await ingest.ingest(
            tenant,
            { query: queryOf(request), contentType: request.headers["content-type"] ?? "", body },
            goneSignal(reply.raw),
          );
        } catch (error) {
          if (!isCoded(error)) throw error;
          return sendFault(reply, httpAnswer(error, ingestStatus(error)));
        }
        // Exactly 200 and nothing else: the Go SDK takes any other status for a failure.
        return reply.code(200).header("content-length", "0").send();
      });
    }

    fastify.post("/v1development/profiles", async (request, reply) => {
      const encoding = otlpEncoding(request.headers["content-type"]);
      if (encoding === undefined) {
        const message = "send application/x-protobuf or application/json";
        return sendFault(reply, { status: 415, headers: {}, body: { code: "invalid_argument", message } });
      }
      try {
        const tenant = writeTenant(caller(request));
        checkOtlpVersion(request.headers[OTLP_VERSION_HEADER]);
        const bytesMax = bodyBytesMax(tenant);
        const body = await takeBody(ingest, tenant, bytesMax, bodies.take(request.raw, reply.raw, bytesMax));
        const response = otlpResponse(await ingest.otlp(tenant, body, encoding, goneSignal(reply.raw)));
        if (encoding === "json") return reply.type("application/json").send(toJsonString(ExportProfilesServiceResponseSchema, response));
        return reply.type("application/x-protobuf").send(Buffer.from(toBinary(ExportProfilesServiceResponseSchema, response)));
      } catch (error) {
        if (!isCoded(error)) throw error;
        const { answer, contentType, body } = otlpHttpAnswer(error, encoding);
        return reply.code(answer.status).headers(answer.headers).type(contentType).send(body);
      }
    });
  };
}

/** Senders tell by the status whether to try again: wrong parameters 400, a body that stopped 408, a wrong profile 422. */
function ingestStatus(fault: CodedError): number | undefined {
  if (fault.kind !== FaultKind.Invalid) return undefined;
  if (fault.code === "body_unreadable") return 408;
  const ofRequest = isParameterFault(fault as unknown) || fault.code.startsWith("tenant_") || fault.code.startsWith("accept_");
  return ofRequest ? undefined : 422;
}

function otlpEncoding(contentType: string | undefined): OtlpEncoding | undefined {
  switch ((contentType ?? "").split(";", 1)[0]?.trim().toLowerCase()) {
    case "application/x-protobuf":
    case "application/protobuf":
      return "proto";
    case "application/json":
      return "json";
    default:
      return undefined;
  }
}

function queryOf(request: FastifyRequest): string {
  const start = request.url.indexOf("?");
  return start < 0 ? "" : request.url.slice(start + 1);
}

function sendFault(reply: FastifyReply, answer: FaultAnswer): FastifyReply {
  return reply.code(answer.status).headers(answer.headers).type("application/json").send(JSON.stringify(answer.body));
}
