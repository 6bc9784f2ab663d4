import { gzipSync } from "node:zlib";
import { create, toBinary } from "@bufbuild/protobuf";
import { ProfileSchema } from "../../pipeline/api/gen/google/v1/profile_pb.ts";

export type PprofSpec = {
  /** Stack (root first, frames joined by `;`) → one value per sample type. */
  readonly stacks: Readonly<Record<string, readonly number[]>>;
  /** Stack → labels of its sample, where it has some: `{ span_id: "…" }`. */
  readonly sampleLabels?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly types?: readonly (readonly [type: string, unit: string])[];
  readonly period?: readonly [type: string, unit: string, value: number];
  /** Milliseconds since 1970, or nanoseconds as a bigint. */
  readonly time: number | bigint;
};

/** CPU profile as Go's runtime makes it: samples and nanoseconds, every 10 ms. */
const CPU_TYPES = [
  ["samples", "count"],
  ["cpu", "nanoseconds"],
] as const;

/** A small gzipped pprof file of text stacks, made by the generated protobuf code and not by ours. */
export function makePprof({
  stacks,
  sampleLabels = {},
  types = CPU_TYPES,
  period = ["cpu", "nanoseconds", 10_000_000],
  time,
}: PprofSpec): Buffer {
  const strings = [""];
  const string = (text: string): bigint => {
    const known = strings.indexOf(text);
    if (known >= 0) return BigInt(known);
    strings.push(text);
    return BigInt(strings.length - 1);
  };
  const functions: string[] = [];
  const idOf = (name: string): bigint => {
    const known = functions.indexOf(name);
    if (known >= 0) return BigInt(known + 1);
    functions.push(name);
    return BigInt(functions.length);
  };
  const sample = Object.entries(stacks).map(([stack, values]) => ({
    locationId: stack.split(";").map(idOf).reverse(),
    value: values.map(BigInt),
    label: Object.entries(sampleLabels[stack] ?? {}).map(([key, value]) => ({ key: string(key), str: string(value) })),
  }));
  const profile = create(ProfileSchema, {
    sampleType: types.map(([type, unit]) => ({ type: string(type), unit: string(unit) })),
    sample,
    mapping: [{ id: 1n, memoryStart: 0n, memoryLimit: 0x100000n, filename: string("/usr/bin/program"), hasFunctions: true }],
    location: functions.map((_, index) => ({
      id: BigInt(index + 1),
      mappingId: 1n,
      address: BigInt(0x1000 + index),
      line: [{ functionId: BigInt(index + 1), line: 10n }],
    })),
    function: functions.map((name, index) => ({
      id: BigInt(index + 1),
      name: string(name),
      systemName: string(name),
      filename: string("main.go"),
    })),
    timeNanos: typeof time === "bigint" ? time : BigInt(time) * 1_000_000n,
    durationNanos: 10_000_000_000n,
    periodType: { type: string(period[0]), unit: string(period[1]) },
    period: BigInt(period[2]),
  });
  profile.stringTable = strings;
  return gzipSync(toBinary(ProfileSchema, profile));
}
