import { fromBinary } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { RetryInfoSchema } from "../../../api/gen/google/rpc/error_details_pb.ts";
import { StatusSchema } from "../../../api/gen/google/rpc/status_pb.ts";
import { CodedError, FaultKind } from "../../../base/errors.ts";
import { otlpConnectError, otlpHttpAnswer } from "./otlp-faults.ts";

const limited = new CodedError("rate_limited", FaultKind.Limited, "too fast", { facts: { retryAfterSeconds: 2.5 } });
const tooLarge = new CodedError("body_size_limit_exceeded", FaultKind.TooLarge, "too large");

describe("a refused export over gRPC", () => {
  it("says when to come again, for what will be taken then", () => {
    const error = otlpConnectError(limited);
    expect(error.code).toBe(Code.ResourceExhausted);
    expect(error.findDetails(RetryInfoSchema).map(({ retryDelay }) => retryDelay?.seconds)).toEqual([3n]);
  });
  it("does not say so for what is too large for ever", () => {
    const error = otlpConnectError(tooLarge);
    expect([error.code, error.details]).toEqual([Code.ResourceExhausted, []]);
  });
});

describe("a refused export over HTTP", () => {
  it("is a Status message for senders of protobuf", () => {
    const { answer, contentType, body } = otlpHttpAnswer(limited, "proto");
    expect([answer.status, answer.headers["retry-after"], contentType]).toEqual([429, "3", "application/x-protobuf"]);
    expect(fromBinary(StatusSchema, body)).toMatchObject({ code: 8, message: "[rate_limited] too fast" });
  });
  it("is the usual JSON for senders of JSON", () => {
    const { answer, contentType, body } = otlpHttpAnswer(tooLarge, "json");
    expect([answer.status, contentType]).toEqual([413, "application/json"]);
    expect(JSON.parse(body.toString())).toMatchObject({ code: "resource_exhausted" });
  });
});
