import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { labelValue } from "../../../profile/labels.ts";
import { otlpToDecoded } from "./otlp.ts";
import { decodedSamples } from "./testing/decoded-text.ts";

/*
 * Goal: what a real collector sends is understood, for ever. Method: recorded bytes; the values are those that test/clients/go/cmd/otlpsend puts in.
 */
const corpus = new URL("../../../../test/corpus/otlp/", import.meta.url);

describe.each([
  ["proto", "collector-v0.164.binpb"],
  ["json", "collector-v0.164.json"],
] as const)("the collector's export request as %s", (encoding, file) => {
  const profiles: { type: string; service: string | undefined; host: string | undefined; samples: ReturnType<typeof decodedSamples> }[] =
    [];
  for (const item of otlpToDecoded(readFileSync(new URL(file, corpus)), encoding, { nowNs: 1n })) {
    if (!item.ok) throw item.fault;
    profiles.push({
      type: `${labelValue(item.labels, "__name__")}:${item.decoded.sampleTypes[0]?.type}:${item.decoded.sampleTypes[0]?.unit}`,
      service: labelValue(item.labels, "service_name"),
      host: labelValue(item.labels, "host.name"),
      samples: decodedSamples(item.decoded),
    });
  }

  it("names its types, and its service by references into the dictionary", () => {
    expect(profiles.map(({ type, service, host }) => [type, service, host])).toEqual([
      ["process_cpu:cpu:nanoseconds", "shop", "node-1"],
      ["off_cpu:off_cpu:nanoseconds", "shop", "node-1"],
      ["events:events:count", "shop", "node-1"],
      ["space:alloc_space:bytes", "shop", "node-1"],
    ]);
  });

  it("has the values that were put in", () => {
    expect(profiles.slice(1).flatMap(({ samples }) => samples)).toEqual([
      { stack: "park;main", values: [7_000_000], labels: {} },
      { stack: "hotLoop;main", values: [6], labels: {} },
      { stack: "hotLoop;main", values: [12_345], labels: {} },
    ]);
    expect(profiles[0]?.samples.slice(3)).toEqual([
      { stack: "hotLoop;main", values: [250_000_000], labels: {} },
      { stack: "!0x7f00deadbeef;main", values: [150_000_000], labels: {} },
      { stack: "park;main", values: [100_000_000], labels: { span_id: "a1a2a3a4a5a6a7a8", trace_id: "0102030405060708090a0b0c0d0e0f10" } },
    ]);
  });
});
