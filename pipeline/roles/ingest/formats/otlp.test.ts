import { describe, expect, it } from "vitest";
import { isCoded } from "../../../base/errors.ts";
import { labelValue } from "../../../profile/labels.ts";
import { type OtlpItem, otlpToDecoded } from "./otlp.ts";
import { decodedSamples, decodedString } from "./testing/decoded-text.ts";
import { otlpBytes, otlpJson, otlpRequest, type ProfileText, type ResourceText } from "./testing/otlp-builder.ts";

/*
 * Goal: an export request becomes the profiles, labels and values that Pyroscope's users know.
 * Method: requests are built with the generated protobuf code and read back as words.
 */
const NOW_NS = 1_790_000_000_000_000_000n;

type ItemText = {
  readonly labels: Readonly<Record<string, string>>;
  readonly samples: ReturnType<typeof decodedSamples>;
  readonly type: string;
  readonly timeNs: bigint;
  readonly durationNs: bigint;
};

function words(item: OtlpItem): ItemText {
  if (!item.ok) throw item.fault;
  const { decoded } = item;
  const [sampleType] = decoded.sampleTypes;
  return {
    labels: Object.fromEntries(item.labels.map(({ name, value }) => [name, value])),
    samples: decodedSamples(decoded),
    type: `${labelValue(item.labels, "__name__")}:${sampleType?.type}:${sampleType?.unit}:${decoded.periodType.type}:${decoded.periodType.unit}`,
    timeNs: decoded.timeNs,
    durationNs: decoded.durationNs,
  };
}

/** Words are taken while the item is current: its arrays belong to the reader. */
function read(body: Uint8Array, encoding: "proto" | "json" = "proto"): ItemText[] {
  const items: ItemText[] = [];
  for (const item of otlpToDecoded(body, encoding, { nowNs: NOW_NS })) items.push(words(item));
  return items;
}

function readResources(...resources: ResourceText[]): ItemText[] {
  return read(otlpBytes(otlpRequest(resources)));
}

const cpu: ProfileText = {
  type: ["samples", "count"],
  period: ["cpu", "nanoseconds", 50_000_000],
  samples: [{ stack: "leaf;main", timestamps: [NOW_NS, NOW_NS + 1n, NOW_NS + 2n] }],
};

describe("OTLP profile types", () => {
  const cases: [what: string, profile: ProfileText, type: string, value: number][] = [
    ["CPU samples become nanoseconds", cpu, "process_cpu:cpu:nanoseconds:cpu:nanoseconds", 150_000_000],
    [
      "CPU samples with values become nanoseconds",
      { ...cpu, samples: [{ stack: "a", values: [4] }] },
      "process_cpu:cpu:nanoseconds:cpu:nanoseconds",
      200_000_000,
    ],
    [
      "CPU samples without a period stay samples",
      { ...cpu, period: ["cpu", "nanoseconds", 0], samples: [{ stack: "a", values: [4] }] },
      "process_cpu:samples:count:cpu:nanoseconds",
      4,
    ],
    [
      "off-CPU time sums its events",
      { type: ["off_cpu", "nanoseconds"], samples: [{ stack: "a", values: [10, 20, 5], timestamps: [1n, 2n, 3n] }] },
      "off_cpu:off_cpu:nanoseconds::",
      35,
    ],
    [
      "probe events have no period and count timestamps",
      { type: ["events", "count"], samples: [{ stack: "a", timestamps: [1n, 2n] }] },
      "events:events:count::",
      2,
    ],
    [
      "other types are named after their period",
      { type: ["otlp_test", "count"], period: ["otlp_test", "samples", 1], samples: [{ stack: "a", values: [3] }] },
      "otlp_test:otlp_test:count:otlp_test:samples",
      3,
    ],
    [
      "bytes allocated",
      { type: ["alloc_space", "bytes"], period: ["space", "bytes", 524288], samples: [{ stack: "a", values: [2n ** 53n - 1n] }] },
      "space:alloc_space:bytes:space:bytes",
      2 ** 53 - 1,
    ],
  ];
  it.each(cases)("%s", (_, profile, type, value) => {
    const [item] = readResources({ profiles: [profile] });
    expect(item?.type).toBe(type);
    expect(item?.samples.map((sample) => sample.values)).toEqual([[value]]);
  });

  it("takes now for a time of 0 and 10 s for a duration of 0", () => {
    const [item] = readResources({ profiles: [cpu] });
    expect(item).toMatchObject({ timeNs: NOW_NS, durationNs: 10_000_000_000n });
  });

  it("keeps the time and duration that are given", () => {
    const [item] = readResources({ profiles: [{ ...cpu, timeNs: NOW_NS - 7n, durationNs: 15_000_000_001n }] });
    expect(item).toMatchObject({ timeNs: NOW_NS - 7n, durationNs: 15_000_000_001n });
  });
});

describe("OTLP labels", () => {
  it("has every resource and scope attribute that is a text or whole number, the resource's first", () => {
    const [item] = readResources({
      attributes: { "service.name": "shop", "process.pid": 42, "container.id": "c1" },
      scope: { "container.id": "other", "telemetry.sdk": "x" },
      profiles: [cpu],
    });
    expect(item?.labels).toEqual({
      __name__: "process_cpu",
      __delta__: "false",
      __otel__: "true",
      service_name: "shop",
      "service.name": "shop",
      "process.pid": "42",
      "container.id": "c1",
      "telemetry.sdk": "x",
    });
  });

  it("resolves attributes that refer to the dictionary", () => {
    const resource = { attributes: { "service.name": "shop", "host.name": "h" }, scope: { "scope.attr": "s" }, profiles: [cpu] };
    expect(readResources({ ...resource, references: true })[0]?.labels).toEqual(readResources(resource)[0]?.labels);
  });

  it.each([
    [{}, "unknown_service"],
    [{ "process.executable.name": "java" }, "unknown_service:java"],
    [{ "process.executable.name": "java", "service.name": "shop" }, "shop"],
    [{ "service.name": "" }, "unknown_service"],
    [{ service_name: "shop" }, "shop"],
  ])("names the service of %j %s", (attributes, service) => {
    expect(readResources({ attributes: attributes as Record<string, string>, profiles: [cpu] })[0]?.labels["service_name"]).toBe(service);
  });

  it("does not let attributes pose as the server's own labels", () => {
    const [item] = readResources({ attributes: { __name__: "x", __profile_type__: "y", __session_id__: "9" }, profiles: [cpu] });
    expect(item?.labels).toMatchObject({ __name__: "process_cpu", __session_id__: "9" });
    expect(item?.labels).not.toHaveProperty("__profile_type__");
  });

  it("splits a profile by the service that its samples name", () => {
    const attributes = (service: string) => ({ "service.name": service });
    const profile: ProfileText = {
      ...cpu,
      samples: [
        { stack: "a;main", values: [1], attributes: attributes("one") },
        { stack: "b;main", values: [2] },
        { stack: "c;main", values: [3], attributes: attributes("one") },
        { stack: "a;main", values: [4], attributes: attributes("two") },
      ],
    };
    const items = readResources({ attributes: { "service.name": "host" }, profiles: [profile] });
    expect(items.map((item) => [item.labels["service_name"], item.samples.map(({ stack, labels }) => [stack, labels])])).toEqual([
      [
        "one",
        [
          ["a;main", {}],
          ["c;main", {}],
        ],
      ],
      ["host", [["b;main", {}]]],
      ["two", [["a;main", {}]]],
    ]);
  });

  it("keeps sample attributes as sample labels, but those of threads and processors", () => {
    const attributes = {
      "thread.id": 17,
      "thread.name": "worker",
      "cpu.logical_number": 3,
      "process.context.label.route": "/buy",
      retries: 2,
    };
    const [item] = readResources({ profiles: [{ ...cpu, samples: [{ stack: "a", values: [1], attributes }] }] });
    expect(item?.samples[0]?.labels).toEqual({ "process.context.label.route": "/buy", retries: "2" });
  });

  it("gives linked samples their span and trace in hex", () => {
    const link = { traceId: "0102030405060708090a0b0c0d0e0f10", spanId: "a1a2a3a4a5a6a7a8" };
    const none = { traceId: "00".repeat(16), spanId: "00".repeat(8) };
    const [item] = readResources({
      profiles: [
        {
          ...cpu,
          samples: [
            { stack: "a", values: [1], link },
            { stack: "b", values: [1], link: none },
          ],
        },
      ],
    });
    expect(item?.samples.map((sample) => sample.labels)).toEqual([{ trace_id: link.traceId, span_id: link.spanId }, {}]);
  });
});

describe("OTLP symbols", () => {
  it("keeps addresses without lines, the build id and inlined frames", () => {
    const request = otlpRequest(
      [{ profiles: [{ ...cpu, samples: [{ stack: "!0xdeadbeef01;inner^outer;main", values: [1] }] }] }],
      "abc123",
    );
    const items: string[] = [];
    for (const item of otlpToDecoded(otlpBytes(request), "proto", { nowNs: NOW_NS })) {
      if (!item.ok) throw item.fault;
      const { decoded } = item;
      items.push(decodedSamples(decoded)[0]?.stack ?? "");
      const mapping = decoded.locations.mapping[0]! - 1;
      expect(decodedString(decoded, decoded.mappings.buildId[mapping]!)).toBe("abc123");
      expect(decodedString(decoded, decoded.mappings.fileName[mapping]!)).toBe("/usr/bin/app");
      expect([decoded.mappings.flags[mapping]! & 1, decoded.mappings.flags[decoded.locations.mapping[1]! - 1]! & 1]).toEqual([0, 1]);
    }
    expect(items).toEqual(["!0xdeadbeef01;inner^outer;main"]);
  });

  it("takes along only the strings that the profile uses", () => {
    const profile = (name: string): ProfileText => ({ ...cpu, samples: [{ stack: name, values: [1] }] });
    const counts: number[] = [];
    for (const item of otlpToDecoded(otlpBytes(otlpRequest([{ profiles: ["a", "b", "c"].map(profile) }])), "proto", { nowNs: NOW_NS })) {
      if (!item.ok) throw item.fault;
      // "", the function's name and its file.
      counts.push(item.decoded.strings.count);
    }
    expect(counts).toEqual([3, 3, 3]);
  });
});

describe("OTLP as JSON", () => {
  const link = { traceId: "0102030405060708090a0b0c0d0e0f10", spanId: "a1a2a3a4a5a6a7a8" };
  const request = otlpRequest([
    {
      attributes: { "service.name": "shop" },
      references: true,
      profiles: [{ ...cpu, timeNs: NOW_NS + 1n, samples: [{ stack: "leaf;main", values: [3], link }] }],
    },
  ]);
  const asJson = (json: string): ItemText[] => read(new TextEncoder().encode(json), "json");
  const expected = read(otlpBytes(request));

  it("reads ids in base64 as proto3 writes them", () => {
    expect(asJson(otlpJson(request))).toEqual(expected);
  });

  it("reads ids in hex as OTLP writes them", () => {
    const hex = otlpJson(request)
      .replace(Buffer.from(link.traceId, "hex").toString("base64"), link.traceId)
      .replace(Buffer.from(link.spanId, "hex").toString("base64"), link.spanId.toUpperCase());
    expect(hex).not.toBe(otlpJson(request));
    expect(asJson(hex)).toEqual(expected);
  });

  it("reads 64-bit numbers written as numbers without rounding them, original field names, and ignores unknown fields", () => {
    const json = otlpJson(request)
      .replace(`"${NOW_NS + 1n}"`, `${NOW_NS + 1n}`)
      .replace('"stackIndex"', '"stack_index"')
      .replace('"dictionary":{', '"dictionary":{"fromTheFuture":[1],');
    expect(asJson(json)).toEqual(expected);
  });

  it.each(["", "{", "[]", '{"resourceProfiles":5}', '{"dictionary":{"stringTable":[1]}}', "null"])("refuses %j", (json) => {
    expect(() => asJson(json)).toThrow(expect.objectContaining({ code: "malformed_profile", kind: "invalid" }));
  });
});

describe("OTLP of the future", () => {
  /** A field nobody knows, as a number, a message and both fixed sizes. */
  const unknown = Uint8Array.of(
    0xf8,
    0x07,
    0x96,
    0x01,
    0xfa,
    0x07,
    0x02,
    0x08,
    0x01,
    0xfd,
    0x07,
    1,
    2,
    3,
    4,
    0xf9,
    0x07,
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
  );

  it("ignores unknown fields in the request, the dictionary and the profiles", () => {
    const request = otlpRequest([{ profiles: [cpu] }]);
    const expected = read(otlpBytes(request));
    const unknownFields = [{ no: 127, wireType: 0, data: unknown.subarray(2) }];
    const profile = request.resourceProfiles[0]!.scopeProfiles[0]!.profiles[0]!;
    for (const message of [request, request.dictionary!, profile, profile.samples[0]!, request.resourceProfiles[0]!])
      message.$unknown = unknownFields;
    expect(read(otlpBytes(request))).toEqual(expected);
  });
});

describe("malformed OTLP requests", () => {
  it.each([
    ["an empty body", new Uint8Array()],
    ["no protobuf", new TextEncoder().encode("hello")],
    ["no dictionary", otlpBytes({ ...otlpRequest([{ profiles: [cpu] }]), dictionary: undefined } as never)],
    ["no resource profiles", otlpBytes({ ...otlpRequest([]) })],
  ])("refuses %s as a whole", (_, body) => {
    expect(() => read(body)).toThrow(expect.objectContaining({ code: "malformed_profile", kind: "invalid" }));
  });

  it.each([
    ["a location's mapping", (d: Dictionary) => (d.locationTable[1]!.mappingIndex = 9)],
    ["a line's function", (d: Dictionary) => (d.locationTable[1]!.lines[0]!.functionIndex = 99)],
    ["a function's name", (d: Dictionary) => (d.functionTable[1]!.nameStrindex = 99)],
    ["a negative string", (d: Dictionary) => (d.functionTable[1]!.nameStrindex = -1)],
    ["a stack's location", (d: Dictionary) => (d.stackTable[1]!.locationIndices = [99])],
    ["a mapping's attribute", (d: Dictionary) => (d.mappingTable[1]!.attributeIndices = [99])],
    ["an attribute's key", (d: Dictionary) => (d.attributeTable[0]!.keyStrindex = 99)],
  ])("refuses the request when %s leads nowhere", (_, spoil) => {
    const request = otlpRequest([{ profiles: [cpu] }]);
    spoil(request.dictionary!);
    expect(() => read(otlpBytes(request))).toThrow(expect.objectContaining({ code: "malformed_profile", kind: "invalid" }));
  });

  it.each([
    ["stack", (s: Sample) => (s.stackIndex = 99)],
    ["negative stack", (s: Sample) => (s.stackIndex = -1)],
    ["link", (s: Sample) => (s.linkIndex = 99)],
    ["attribute", (s: Sample) => (s.attributeIndices = [99])],
    ["value beyond 2^53", (s: Sample) => (s.values = [2n ** 60n])],
    ["value that the period takes beyond 2^53", (s: Sample) => (s.values = [2n ** 52n])],
    ["two values for three timestamps", (s: Sample) => (s.values = [1n, 2n])],
    ["neither values nor timestamps", (s: Sample) => (s.timestampsUnixNano = [])],
  ])("refuses only the profile with a bad sample: %s", (_, spoil) => {
    const request = otlpRequest([{ profiles: [cpu, cpu] }]);
    spoil(request.resourceProfiles[0]!.scopeProfiles[0]!.profiles[0]!.samples[0]!);
    const [bad, good] = [...otlpToDecoded(otlpBytes(request), "proto", { nowNs: NOW_NS })];
    expect(bad?.ok === false && isCoded(bad.fault, "malformed_profile")).toBe(true);
    expect([bad?.profile, good?.profile, good?.ok]).toEqual([0, 1, true]);
  });

  it("refuses only the profile without a sample type", () => {
    const request = otlpRequest([{ profiles: [cpu, cpu] }]);
    delete request.resourceProfiles[0]!.scopeProfiles[0]!.profiles[1]!.sampleType;
    expect([...otlpToDecoded(otlpBytes(request), "proto", { nowNs: NOW_NS })].map((item) => item.ok)).toEqual([true, false]);
  });
});

type Dictionary = NonNullable<ReturnType<typeof otlpRequest>["dictionary"]>;
type Sample = ReturnType<typeof otlpRequest>["resourceProfiles"][number]["scopeProfiles"][number]["profiles"][number]["samples"][number];
