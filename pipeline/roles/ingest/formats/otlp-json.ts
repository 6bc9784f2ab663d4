import { fromJson, type JsonValue, toBinary } from "@bufbuild/protobuf";
import { ExportProfilesServiceRequestSchema } from "../../../api/gen/opentelemetry/proto/collector/profiles/v1development/profiles_service_pb.ts";
import { malformed } from "./otlp-wire.ts";

/** The only bytes fields that OTLP writes as hex; proto3's own JSON has base64. Their lengths tell the two apart. */
const ID_BYTES: Readonly<Record<string, number>> = {
  traceId: 16,
  trace_id: 16,
  profileId: 16,
  profile_id: 16,
  spanId: 8,
  span_id: 8,
};

const text = new TextDecoder("utf-8", { fatal: true });

/**
 * Turns the JSON form of an export request into its protobuf form, which is the only one that the reader knows.
 * Ids may be hex (OTLP) or base64 (proto3 JSON), 64-bit numbers may be strings or numbers of any size, unknown fields are ignored.
 * Errors: `malformed_profile`.
 * Source: OTLP specification, "JSON Protobuf Encoding".
 */
export function otlpJsonToProtobuf(body: Uint8Array): Uint8Array {
  let json: JsonValue;
  try {
    json = JSON.parse(text.decode(body), revive) as JsonValue;
  } catch (cause) {
    throw malformed(`the request is not valid JSON: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  try {
    return toBinary(ExportProfilesServiceRequestSchema, fromJson(ExportProfilesServiceRequestSchema, json, { ignoreUnknownFields: true }));
  } catch (cause) {
    throw malformed(`the request is not an OTLP profiles request: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}

function revive(key: string, value: unknown, context?: { readonly source?: string }): unknown {
  // Nanoseconds do not fit a double: what JSON.parse has rounded is taken from the text again.
  if (typeof value === "number")
    return Number.isInteger(value) && !Number.isSafeInteger(value) ? (integerSource(context?.source) ?? value) : value;
  const sizeBytes = typeof value === "string" ? ID_BYTES[key] : undefined;
  if (sizeBytes === undefined) return value;
  const id = value as string;
  return id.length === sizeBytes * 2 && /^[0-9a-f]*$/i.test(id) ? Buffer.from(id, "hex").toString("base64") : id;
}

function integerSource(source: string | undefined): string | undefined {
  return source !== undefined && /^-?[0-9]+$/.test(source) ? source : undefined;
}
