import { existsSync, readdirSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { type Profile, ProfileSchema } from "../../../api/gen/google/v1/profile_pb.ts";
import { ExportProfilesServiceRequestSchema } from "../../../api/gen/opentelemetry/proto/collector/profiles/v1development/profiles_service_pb.ts";
import { otlpToDecoded } from "./otlp.ts";
import { decodedSamples } from "./testing/decoded-text.ts";

/*
 * Goal: real profiles keep every stack and value when they come as OTLP. Method: pprof files of the corpus are rewritten as export requests with the
 * generated code, read by our reader, and compared stack by stack with what the generated code says about the file.
 */
const CORPUS = new URL("../../../../test/corpus/pprof/", import.meta.url);
const FILES = existsSync(CORPUS) ? readdirSync(CORPUS).filter((name) => name.endsWith(".pb.gz")) : [];

/** Tables of pprof in OTLP's form: ids become indexes, which start at 1 because 0 is "unset". */
function asOtlp(profile: Profile, sampleType: number): Uint8Array {
  const indexOf = (items: readonly { readonly id: bigint }[]): Map<bigint, number> =>
    new Map(items.map(({ id }, index) => [id, index + 1]));
  const mappings = indexOf(profile.mapping);
  const functions = indexOf(profile.function);
  const locations = indexOf(profile.location);
  const type = profile.sampleType[sampleType];
  return toBinary(
    ExportProfilesServiceRequestSchema,
    create(ExportProfilesServiceRequestSchema, {
      dictionary: {
        stringTable: profile.stringTable,
        mappingTable: [{}, ...profile.mapping.map(({ memoryStart, filename }) => ({ memoryStart, filenameStrindex: Number(filename) }))],
        functionTable: [
          {},
          ...profile.function.map(({ name, filename }) => ({ nameStrindex: Number(name), filenameStrindex: Number(filename) })),
        ],
        locationTable: [
          {},
          ...profile.location.map(({ mappingId, address, line }) => ({
            mappingIndex: mappings.get(mappingId) ?? 0,
            address,
            lines: line.map(({ functionId, line: number }) => ({ functionIndex: functions.get(functionId) ?? 0, line: number })),
          })),
        ],
        stackTable: [{}, ...profile.sample.map(({ locationId }) => ({ locationIndices: locationId.map((id) => locations.get(id) ?? 0) }))],
      },
      resourceProfiles: [
        {
          scopeProfiles: [
            {
              profiles: [
                {
                  sampleType: { typeStrindex: Number(type?.type), unitStrindex: Number(type?.unit) },
                  samples: profile.sample.map(({ value }, index) => ({ stackIndex: index + 1, values: [value[sampleType] ?? 0n] })),
                },
              ],
            },
          ],
        },
      ],
    }),
  );
}

function expectedSamples(profile: Profile, sampleType: number): readonly (readonly [stack: string, value: number])[] {
  const functions = new Map(profile.function.map(({ id, name }) => [id, profile.stringTable[Number(name)]]));
  const frames = new Map(
    profile.location.map(({ id, address, line }) => [
      id,
      line.length > 0 ? line.map(({ functionId }) => functions.get(functionId)).join("^") : `!0x${address.toString(16)}`,
    ]),
  );
  return profile.sample.map(({ locationId, value }) => [locationId.map((id) => frames.get(id)).join(";"), Number(value[sampleType])]);
}

describe("real profiles as OTLP", () => {
  it.each(FILES)("keep every stack and value of %s", (file) => {
    const profile = fromBinary(ProfileSchema, gunzipSync(readFileSync(new URL(file, CORPUS))));
    for (const sampleType of profile.sampleType.keys()) {
      const [item] = otlpToDecoded(asOtlp(profile, sampleType), "proto", { nowNs: 1n });
      if (item?.ok !== true) throw item?.fault;
      const samples = decodedSamples(item.decoded).map(({ stack, values }) => [stack, values[0]]);
      expect(samples).toEqual(expectedSamples(profile, sampleType));
    }
  });
});
