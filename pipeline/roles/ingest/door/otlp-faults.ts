import { create, toBinary } from "@bufbuild/protobuf";
import { DurationSchema } from "@bufbuild/protobuf/wkt";
import type { ConnectError } from "@connectrpc/connect";
import { RetryInfoSchema } from "../../../api/gen/google/rpc/error_details_pb.ts";
import { StatusSchema } from "../../../api/gen/google/rpc/status_pb.ts";
import { type CodedError, FaultKind } from "../../../base/errors.ts";
import { connectError, type FaultAnswer, httpAnswer } from "../../../http/fault-answers.ts";
import type { OtlpEncoding } from "../ingest-door.ts";

/*
 * How a refused export is told to OTLP senders, so that they do the right thing next.
 * Source: OTLP specification, "OTLP/gRPC Throttling" and "OTLP/HTTP Response", "Failures".
 */

/**
 * Over gRPC. A sender gives up for good on `resource_exhausted`, unless the error says when to come again: without it a moment of too much would cost
 * data. What is too large stays without, because it will be too large again.
 */
export function otlpConnectError(fault: CodedError): ConnectError {
  const error = connectError(fault);
  if (fault.kind !== FaultKind.Limited) return error;
  const seconds = BigInt(error.metadata.get("retry-after") ?? "1");
  error.details.push({ desc: RetryInfoSchema, value: { retryDelay: create(DurationSchema, { seconds }) } });
  return error;
}

/** Over HTTP: senders of protobuf look for a Status message, and show its text; JSON stays what every endpoint here answers. */
export function otlpHttpAnswer(
  fault: CodedError,
  encoding: OtlpEncoding,
): { readonly answer: FaultAnswer; readonly contentType: string; readonly body: Buffer } {
  const answer = httpAnswer(fault);
  if (encoding === "json") return { answer, contentType: "application/json", body: Buffer.from(JSON.stringify(answer.body)) };
  const status = create(StatusSchema, { code: connectError(fault).code, message: fault.message });
  return { answer, contentType: "application/x-protobuf", body: Buffer.from(toBinary(StatusSchema, status)) };
}
