import { create, type DescMethodUnary, toBinary } from "@bufbuild/protobuf";
import { EmptySchema } from "@bufbuild/protobuf/wkt";
import {
  ExportProfilesServiceResponseSchema,
  ProfilesService,
} from "../../../api/gen/opentelemetry/proto/collector/profiles/v1development/profiles_service_pb.ts";
import { PusherService } from "../../../api/gen/push/v1/push_pb.ts";
import { isCoded } from "../../../base/errors.ts";
import type { ConnectRoutes } from "../../../http/app.ts";
import { callerOf, writeTenant } from "../../../http/caller.ts";
import { checkOtlpVersion, OTLP_VERSION_HEADER } from "../formats/otlp-version.ts";
import type { Ingest, OtlpOutcome } from "../ingest-door.ts";
import { otlpConnectError } from "./otlp-faults.ts";

/**
 * Push over gRPC, gRPC-Web and Connect JSON (Connect proto goes past the adapter), and OTLP over gRPC. messageBytesMax: the largest
 * that any tenant may send, as the tenant is not known while a message is read.
 */
export function ingestRpcs(ingest: Ingest, messageBytesMax: number): ConnectRoutes {
  const options = { readMaxBytes: messageBytesMax };
  return (router) => {
    router.service(
      PusherService,
      {
        push: async (request, context) => {
          const series = request.series.map(({ labels, samples }) => ({
            labels,
            samples: samples.map(({ rawProfile, ID }) => ({ raw: rawProfile, id: ID })),
          }));
          await ingest.push(writeTenant(callerOf(context.values)), series, context.signal);
          return {};
        },
      },
      options,
    );
    router.rpc(
      EXPORT_OF_BYTES,
      async (request, context) => {
        try {
          checkOtlpVersion(context.requestHeader.get(OTLP_VERSION_HEADER));
          const body = toBinary(EmptySchema, request);
          return otlpResponse(await ingest.otlp(writeTenant(callerOf(context.values)), body, "proto", context.signal));
        } catch (error) {
          throw isCoded(error) ? otlpConnectError(error) : error;
        }
      },
      options,
    );
  };
}

/**
 * Export with its request declared as empty: everything sent is then an unknown field, which is kept as bytes and written again, so
 * that the message reaches the reader of the ingest role without an object per sample in between.
 */
const EXPORT_OF_BYTES: DescMethodUnary<typeof EmptySchema, typeof ExportProfilesServiceResponseSchema> = {
  ...ProfilesService.method.export,
  input: EmptySchema,
};

/** partial_success is absent when everything was accepted, as the specification wants. */
export function otlpResponse({ rejectedProfiles, message }: OtlpOutcome) {
  if (rejectedProfiles === 0 && message === "") return create(ExportProfilesServiceResponseSchema);
  return create(ExportProfilesServiceResponseSchema, {
    partialSuccess: { rejectedProfiles: BigInt(rejectedProfiles), errorMessage: message },
  });
}
