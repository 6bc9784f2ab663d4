import { create, type MessageInitShape, toBinary, toJsonString } from "@bufbuild/protobuf";
import {
  type ExportProfilesServiceRequest,
  ExportProfilesServiceRequestSchema,
} from "../../../../api/gen/opentelemetry/proto/collector/profiles/v1development/profiles_service_pb.ts";
import type { KeyValueSchema } from "../../../../api/gen/opentelemetry/proto/common/v1/common_pb.ts";
import {
  type ProfileSchema,
  type ProfilesDictionary,
  ProfilesDictionarySchema,
} from "../../../../api/gen/opentelemetry/proto/profiles/v1development/profiles_pb.ts";

/** A sample in words: frames leaf first, `!0x10` for an address without a name. */
export type SampleText = {
  readonly stack: string;
  readonly values?: readonly (number | bigint)[];
  readonly timestamps?: readonly bigint[];
  readonly attributes?: Readonly<Record<string, string | number>>;
  readonly link?: { readonly traceId: string; readonly spanId: string };
};

export type ProfileText = {
  readonly type: readonly [type: string, unit: string];
  readonly period?: readonly [type: string, unit: string, period: number];
  readonly timeNs?: bigint;
  readonly durationNs?: bigint;
  readonly samples: readonly SampleText[];
};

export type ResourceText = {
  readonly attributes?: Readonly<Record<string, string | number>>;
  readonly scope?: Readonly<Record<string, string>>;
  readonly profiles: readonly ProfileText[];
  /** Attributes refer to the dictionary's strings, as the collector writes them. */
  readonly references?: boolean;
};

/** Builds export requests with the generated code, which shares nothing with our reader. */
export function otlpRequest(resources: readonly ResourceText[], buildId = ""): ExportProfilesServiceRequest {
  const dictionary = create(ProfilesDictionarySchema, {
    mappingTable: [{}, {}],
    locationTable: [{}],
    functionTable: [{}],
    linkTable: [{}],
    stringTable: [""],
    attributeTable: [{}],
    stackTable: [{}],
  });
  const words = createWords(dictionary);
  dictionary.mappingTable[1]!.filenameStrindex = words.string("/usr/bin/app");
  dictionary.mappingTable[1]!.memoryStart = 0x40_0000n;
  if (buildId !== "") dictionary.mappingTable[1]!.attributeIndices = [words.attribute("process.executable.build_id.gnu", buildId)];

  return create(ExportProfilesServiceRequestSchema, {
    dictionary,
    resourceProfiles: resources.map((resource) => ({
      resource: { attributes: keyValues(resource.attributes ?? {}, resource.references ? words : undefined) },
      scopeProfiles: [
        {
          scope: { name: "agent", version: "1", attributes: keyValues(resource.scope ?? {}, resource.references ? words : undefined) },
          profiles: resource.profiles.map((profile) => profileMessage(profile, words)),
        },
      ],
    })),
  });
}

export function otlpBytes(request: ExportProfilesServiceRequest): Uint8Array {
  return toBinary(ExportProfilesServiceRequestSchema, request);
}

export function otlpJson(request: ExportProfilesServiceRequest): string {
  return toJsonString(ExportProfilesServiceRequestSchema, request);
}

type Words = ReturnType<typeof createWords>;

function createWords(dictionary: ProfilesDictionary) {
  const strings = new Map([["", 0]]);
  const functions = new Map<string, number>();
  const locations = new Map<string, number>();
  const stacks = new Map<string, number>();
  const string = (text: string): number => {
    const known = strings.get(text);
    if (known !== undefined) return known;
    strings.set(text, dictionary.stringTable.push(text) - 1);
    return strings.get(text)!;
  };
  const functionIndex = (name: string): number => {
    const known = functions.get(name);
    if (known !== undefined) return known;
    const message: MessageInitShape<typeof ProfilesDictionarySchema> = {
      functionTable: [{ nameStrindex: string(name), filenameStrindex: string(`${name}.go`) }],
    };
    functions.set(name, dictionary.functionTable.push(create(ProfilesDictionarySchema, message).functionTable[0]!) - 1);
    return functions.get(name)!;
  };
  const location = (frame: string): number => {
    const known = locations.get(frame);
    if (known !== undefined) return known;
    const init = frame.startsWith("!")
      ? { mappingIndex: 1, address: BigInt(frame.slice(1)) }
      : { lines: frame.split("^").map((name) => ({ functionIndex: functionIndex(name), line: 7n })) };
    locations.set(frame, dictionary.locationTable.push(create(ProfilesDictionarySchema, { locationTable: [init] }).locationTable[0]!) - 1);
    return locations.get(frame)!;
  };
  const stack = (text: string): number => {
    const known = stacks.get(text);
    if (known !== undefined) return known;
    const locationIndices = text === "" ? [] : text.split(";").map(location);
    stacks.set(
      text,
      dictionary.stackTable.push(create(ProfilesDictionarySchema, { stackTable: [{ locationIndices }] }).stackTable[0]!) - 1,
    );
    return stacks.get(text)!;
  };
  const attribute = (key: string, value: string | number): number => {
    const init = { attributeTable: [{ keyStrindex: string(key), value: { value: anyValue(value) } }] };
    return dictionary.attributeTable.push(create(ProfilesDictionarySchema, init).attributeTable[0]!) - 1;
  };
  const link = (traceId: string, spanId: string): number => {
    const init = { linkTable: [{ traceId: Buffer.from(traceId, "hex"), spanId: Buffer.from(spanId, "hex") }] };
    return dictionary.linkTable.push(create(ProfilesDictionarySchema, init).linkTable[0]!) - 1;
  };
  return { string, stack, attribute, link };
}

function profileMessage(profile: ProfileText, words: Words): MessageInitShape<typeof ProfileSchema> {
  const valueType = ([type, unit]: readonly [string, string]) => ({ typeStrindex: words.string(type), unitStrindex: words.string(unit) });
  return {
    sampleType: valueType(profile.type),
    ...(profile.period === undefined
      ? {}
      : { periodType: valueType([profile.period[0], profile.period[1]]), period: BigInt(profile.period[2]) }),
    timeUnixNano: profile.timeNs ?? 0n,
    durationNano: profile.durationNs ?? 0n,
    samples: profile.samples.map((sample) => ({
      stackIndex: words.stack(sample.stack),
      values: (sample.values ?? []).map(BigInt),
      timestampsUnixNano: [...(sample.timestamps ?? [])],
      attributeIndices: Object.entries(sample.attributes ?? {}).map(([key, value]) => words.attribute(key, value)),
      linkIndex: sample.link === undefined ? 0 : words.link(sample.link.traceId, sample.link.spanId),
    })),
  };
}

function anyValue(value: string | number) {
  return typeof value === "string" ? { case: "stringValue" as const, value } : { case: "intValue" as const, value: BigInt(value) };
}

function keyValues(
  attributes: Readonly<Record<string, string | number>>,
  words: Words | undefined,
): MessageInitShape<typeof KeyValueSchema>[] {
  return Object.entries(attributes).map(([key, value]) => {
    if (words === undefined || typeof value === "number") return { key, value: { value: anyValue(value) } };
    return { keyStrindex: words.string(key), value: { value: { case: "stringValueStrindex" as const, value: words.string(value) } } };
  });
}
