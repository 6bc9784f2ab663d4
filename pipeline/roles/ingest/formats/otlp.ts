import type { CodedError } from "../../../base/errors.ts";
import type { DecodedProfile } from "../../../profile/decoded-profile.ts";
import type { LabelSet } from "../../../profile/labels.ts";
import type { OtlpEncoding } from "../ingest-door.ts";
import { otlpJsonToProtobuf } from "./otlp-json.ts";
import { createOtlpProfileReader } from "./otlp-profile.ts";
import { readOtlpRequest } from "./otlp-request.ts";
import { seriesLabels } from "./otlp-series.ts";

export type OtlpOptions = {
  /** Taken for profiles that carry no time. */
  readonly nowNs: bigint;
  /** Names of sample attributes that are forgotten; see docs/decisions on OTLP sample attributes. */
  readonly droppedSampleAttributes?: ReadonlySet<string>;
};

/**
 * One profile of an export request, ready for `normalize`, or the reason why it cannot be one.
 * `profile` counts the profiles of the request from 0: one that is split by service gives several items with the same number.
 * `sizeBytes` is what the profile itself took in the request, without the dictionary that all of them share.
 */
export type OtlpItem =
  | { readonly ok: true; readonly profile: number; readonly labels: LabelSet; readonly decoded: DecodedProfile; readonly sizeBytes: number }
  | { readonly ok: false; readonly profile: number; readonly fault: CodedError; readonly sizeBytes: number };

/**
 * Reads an OTLP `ExportProfilesServiceRequest` (v1development of 2026) into profiles for the ingest pipeline.
 *
 * Shape: takes the uncompressed body; gives one item per profile and service, in the order of the request. Labels carry `__name__`,
 * `service_name`, `__delta__`, `__otel__` and the resource's and scope's attributes. The arrays of `decoded` belong to the reader: be done
 * with one item before asking for the next.
 * Units: values as the sample type says; CPU samples come out as nanoseconds.
 * Errors: `malformed_profile` (invalid), thrown before the first item when the request as a whole is wrong (not protobuf or JSON, no dictionary, no
 * resource profiles, a dictionary whose indexes lead nowhere); a fault of one profile (`samples_limit` and `sample_labels_limit` among them) is an item
 * with `ok: false` instead.
 * Source: opentelemetry-proto profiles v1development; the mapping to labels and types follows Pyroscope's, so that its users find the same series.
 */
export function* otlpToDecoded(body: Uint8Array, encoding: OtlpEncoding, options: OtlpOptions): Generator<OtlpItem, void, undefined> {
  const request = readOtlpRequest(encoding === "json" ? otlpJsonToProtobuf(body) : body, options.droppedSampleAttributes);
  const reader = createOtlpProfileReader(request.dictionary, options.nowNs);
  let profile = 0;
  for (const resource of request.resources) {
    for (const scope of resource.scopes) {
      for (const range of scope.profiles) {
        const sizeBytes = range.end - range.start;
        for (const read of reader.read(range)) {
          if (read.ok) {
            const labels = seriesLabels({ name: read.name, service: read.service, resource: resource.attributes, scope: scope.attributes });
            yield { ok: true, profile, labels, decoded: read.decoded, sizeBytes };
          } else {
            yield { ok: false, profile, fault: read.fault, sizeBytes };
          }
        }
        profile++;
      }
    }
  }
}
