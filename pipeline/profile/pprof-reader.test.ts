import { readdirSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Profile, ProfileSchema } from "../api/gen/google/v1/profile_pb.ts";
import { isCoded } from "../base/errors.ts";
import { seededRandom } from "../base/random.ts";
import { type DecodedProfile, MISSING } from "./decoded-profile.ts";
import { createPprofReader } from "./pprof-reader.ts";
import { encodePprof } from "./pprof-writer.ts";

/*
 * Goal: what is read is what the bytes say, and bytes that are no profile end in `malformed_profile`, never in a crash.
 * Method: profiles written by the generated protobuf code and read by it are the independent witness; faults are a table; random
 * damage to real profiles must end in a profile or in the one fault.
 */

const CORPUS = new URL("../../test/corpus/pprof/", import.meta.url);
const files = readdirSync(CORPUS).filter((name) => name.endsWith(".pb.gz"));
const corpus = files.map((name) => ({ name, raw: gunzipSync(readFileSync(new URL(name, CORPUS))) }));

describe("pprof reader", () => {
  it.each(corpus)("reads $name as the generated code does", ({ raw }) => {
    expect(asText(createPprofReader().read(raw))).toEqual(messageText(fromBinary(ProfileSchema, raw)));
  });

  it("reads many profiles with one reader as if each were its first", () => {
    const reader = createPprofReader();
    for (const { raw } of [...corpus, ...[...corpus].reverse()])
      expect(asText(reader.read(raw))).toEqual(messageText(fromBinary(ProfileSchema, raw)));
  });

  it("reads random profiles, whatever their ids", () => {
    fc.assert(
      fc.property(randomProfile(), (profile) => {
        const raw = toBinary(ProfileSchema, profile);
        expect(asText(createPprofReader().read(raw))).toEqual(messageText(profile));
      }),
      { seed: 20_261_123, numRuns: 150 },
    );
  });

  it("reads numbers that are not packed, and fields it does not know", () => {
    const sample = [0x08, 0x01, 0x10, 0x07, 0x08, 0x01, 0x78, 0x05];
    const bytes = Uint8Array.from([0x0a, 0x00, 0x12, sample.length, ...sample, 0x22, 0x02, 0x08, 0x01, 0x32, 0x00, 0xa2, 0x06, 0x01, 0x63]);
    const { samples } = createPprofReader().read(bytes);
    expect([...samples.location.subarray(0, samples.locationCount[0])]).toEqual([0, 0]);
    expect(samples.values[0]).toBe(7);
  });

  it("marks references to what is not there", () => {
    const profile = valid();
    profile.sample[0]!.locationId = [1n, 99n, 0n];
    profile.location[0]!.mappingId = 7n;
    profile.location[0]!.line = [{ $typeName: "google.v1.Line", functionId: 1234n, line: 1n }];
    const { samples, locations } = createPprofReader().read(toBinary(ProfileSchema, profile));
    expect([...samples.location.subarray(0, 3)]).toEqual([0, MISSING, MISSING]);
    expect(locations.mapping[0]).toBe(MISSING);
    expect(locations.lineFunction[0]).toBe(0);
  });

  it("keeps values of 2^53 - 1 either side of 0 and refuses the next", () => {
    const read = (value: bigint): number => {
      const profile = valid();
      profile.sample[0]!.value = [value];
      return createPprofReader().read(toBinary(ProfileSchema, profile)).samples.values[0]!;
    };
    const max = BigInt(Number.MAX_SAFE_INTEGER);
    for (const value of [0n, 1n, 127n, 128n, 16_383n, 16_384n, 2n ** 21n, 2n ** 28n, 2n ** 35n, max, -1n, -128n, -max])
      expect(read(value)).toBe(Number(value));
    for (const value of [max + 1n, -max - 1n, 2n ** 63n - 1n, -(2n ** 63n)]) expect(faultCode(() => read(value))).toBe("malformed_profile");
  });

  it("gives functions without ids those of the locations, when asked to", () => {
    const profile = valid();
    profile.function[0]!.id = 0n;
    const raw = toBinary(ProfileSchema, profile);
    expect(faultCode(() => createPprofReader().read(raw))).toBe("malformed_profile");
    expect(createPprofReader().read(raw, { repairFunctionIds: true }).locations.lineFunction[0]).toBe(1);
  });

  it.each<[string, (profile: Profile) => void]>([
    ["no sample types", (profile) => (profile.sampleType = [])],
    ["no strings", (profile) => (profile.stringTable = [])],
    ["a first string that is not empty", (profile) => (profile.stringTable[0] = "x")],
    ["a location with id 0", (profile) => (profile.location[0]!.id = 0n)],
    ["a function with id 0", (profile) => (profile.function[0]!.id = 0n)],
    ["more values than sample types", (profile) => profile.sample[0]!.value.push(1n)],
    ["no values", (profile) => (profile.sample[0]!.value = [])],
    ["a sample type beyond the strings", (profile) => (profile.sampleType[0]!.type = 99n)],
    ["a negative string index", (profile) => (profile.sampleType[0]!.unit = -1n)],
    ["a period type beyond the strings", (profile) => (profile.periodType = { $typeName: "google.v1.ValueType", type: 99n, unit: 0n })],
    ["a function name beyond the strings", (profile) => (profile.function[0]!.name = 2n ** 40n)],
    ["a mapping name beyond the strings", (profile) => (profile.mapping[0]!.filename = 99n)],
    [
      "a label beyond the strings",
      (profile) => profile.sample[0]!.label.push({ $typeName: "google.v1.Label", key: 99n, str: 0n, num: 0n, numUnit: 0n }),
    ],
    ["a period of 2^60", (profile) => (profile.period = 2n ** 60n)],
  ])("refuses %s", (_, damage) => {
    const profile = valid();
    damage(profile);
    const raw = toBinary(ProfileSchema, profile);
    expect(faultCode(() => createPprofReader().read(raw))).toBe("malformed_profile");
  });

  it.each<[string, Uint8Array]>([
    ["an empty body", new Uint8Array(0)],
    ["text", Buffer.from("<html>not a profile</html>")],
    ["a field of number 0", goodThen(0x02, 0x00)],
    ["a group", goodThen(0xa3, 0x06)],
    ["a number of 11 bytes", goodThen(0x48, ...Array(11).fill(0x80))],
    ["a number where a sample belongs", goodThen(0x10, 0x01)],
    ["a sample that is longer than the body", goodThen(0x12, 0x05, 0x00)],
    ["values that end within a number", goodThen(0x12, 0x03, 0x12, 0x01, 0x80)],
    ["a string that is not UTF-8", goodThen(0x32, 0x01, 0xff)],
  ])("refuses %s", (_, bytes) => {
    expect(faultCode(() => createPprofReader().read(bytes))).toBe("malformed_profile");
  });

  it("answers every cut of a profile with a profile or the fault", () => {
    const { raw } = corpus.find(({ name }) => name.includes("block"))!;
    const reader = createPprofReader();
    for (let length = 0; length < raw.length; length += 7) readOrFault(reader, raw.subarray(0, length));
  });

  it("answers random damage with a profile or the fault, and reads on afterwards", () => {
    const random = seededRandom(4711);
    const reader = createPprofReader();
    for (let round = 0; round < 250; round++) {
      const { raw } = corpus[round % corpus.length]!;
      const damaged = Uint8Array.from(raw);
      const hits = 1 + Math.floor(random.next() * 8);
      for (let hit = 0; hit < hits; hit++) damaged[Math.floor(random.next() * damaged.length)] = Math.floor(random.next() * 256);
      readOrFault(reader, damaged);
    }
    const { raw } = corpus[0]!;
    expect(asText(reader.read(raw))).toEqual(messageText(fromBinary(ProfileSchema, raw)));
  });
});

describe("pprof writer", () => {
  it("writes what the generated code reads", () => {
    const raw = encodePprof(
      {
        sampleTypes: [{ type: "cpu", unit: "ns" }],
        periodType: { type: "cpu", unit: "ns" },
        period: 10,
        timeNs: 2n ** 60n,
        durationNs: 5n,
      },
      [
        { stack: [{ name: "leaf", file: "a.c", line: 300 }, { name: "main" }], values: [2 ** 40], labels: { thread: "1" } },
        { stack: [{ name: "main" }], values: [-1] },
      ],
    );
    const profile = fromBinary(ProfileSchema, raw);
    expect([profile.timeNanos, profile.durationNanos, profile.period]).toEqual([2n ** 60n, 5n, 10n]);
    expect(profile.sample.map(({ locationId, value }) => [locationId, value])).toEqual([
      [[1n, 2n], [2n ** 40n]],
      [[2n], [-1n]],
    ]);
    expect(asText(createPprofReader().read(raw))).toEqual(messageText(profile));
  });
});

function readOrFault(reader: ReturnType<typeof createPprofReader>, bytes: Uint8Array): void {
  try {
    const { samples, locations } = reader.read(bytes);
    for (let sample = 0; sample < samples.count; sample++) {
      expect(samples.locationStart[sample]! + samples.locationCount[sample]!).toBeLessThanOrEqual(samples.location.length);
      for (let at = 0; at < samples.locationCount[sample]!; at++) {
        const location = samples.location[samples.locationStart[sample]! + at]!;
        if (location !== MISSING && location >= locations.count) throw new Error("reads a location that is not there");
      }
    }
  } catch (error) {
    if (!isCoded(error, "malformed_profile")) throw error;
  }
}

/** Everything the reader keeps, as text, with names in place of indexes. */
function asText(profile: DecodedProfile): unknown {
  const { strings, mappings, functions, locations, samples, sampleTypes } = profile;
  const text = (index: number): string =>
    Buffer.from(strings.bytes.subarray(strings.starts[index]!, strings.starts[index]! + strings.lengths[index]!)).toString("utf8");
  const wide = (lo: Uint32Array, hi: Uint32Array, index: number): bigint => (BigInt(hi[index]!) << 32n) | BigInt(lo[index]!);
  const fn = (index: number): string =>
    `${text(functions.name[index]!)} ${text(functions.systemName[index]!)} ${text(functions.fileName[index]!)} ${functions.startLine[index]}`;
  const mapping = (index: number): string =>
    `${text(mappings.fileName[index]!)} ${text(mappings.buildId[index]!)} ${wide(mappings.startLo, mappings.startHi, index)} ${wide(mappings.limitLo, mappings.limitHi, index)} ${wide(mappings.offsetLo, mappings.offsetHi, index)} ${mappings.flags[index]}`;
  const location = (index: number): string => {
    if (index === MISSING) return "missing";
    const lines: string[] = [];
    for (let line = locations.lineStart[index]!; line < locations.lineStart[index]! + locations.lineCount[index]!; line++) {
      lines.push(`${locations.lineFunction[line] === 0 ? "none" : fn(locations.lineFunction[line]! - 1)}:${locations.lineNumber[line]}`);
    }
    const map = locations.mapping[index]!;
    return `${map === 0 ? "none" : map === MISSING ? "missing" : mapping(map - 1)} @${wide(locations.addressLo, locations.addressHi, index)} ${locations.folded[index]} ${lines.join("|")}`;
  };
  const locationTexts = Array.from({ length: locations.count }, (_, index) => location(index));
  return {
    head: [
      profile.timeNs,
      profile.durationNs,
      BigInt(profile.period),
      profile.periodType.type,
      profile.periodType.unit,
      text(profile.defaultSampleType),
    ],
    types: sampleTypes.map(({ type, unit }) => `${type} ${unit}`),
    samples: Array.from({ length: samples.count }, (_, sample) => ({
      stack: [
        ...samples.location.subarray(samples.locationStart[sample]!, samples.locationStart[sample]! + samples.locationCount[sample]!),
      ].map((index) => (index === MISSING ? "missing" : locationTexts[index]!)),
      values: [...samples.values.subarray(sample * sampleTypes.length, (sample + 1) * sampleTypes.length)].map(BigInt),
      labels: Array.from({ length: samples.labelCount[sample]! }, (_, at) => {
        const label = samples.labelStart[sample]! + at;
        return `${text(samples.labelName[label]!)}=${text(samples.labelText[label]!)}`;
      }),
    })),
  };
}

/** The same of a message. Of equal ids the last counts. */
function messageText(profile: Profile): unknown {
  const text = (index: bigint): string => profile.stringTable[Number(index)]!;
  const functions = new Map(
    profile.function.map((fn) => [fn.id, `${text(fn.name)} ${text(fn.systemName)} ${text(fn.filename)} ${fn.startLine}`]),
  );
  const mappings = new Map(
    profile.mapping.map((map) => [
      map.id,
      `${text(map.filename)} ${text(map.buildId)} ${map.memoryStart} ${map.memoryLimit} ${map.fileOffset} ${Number(map.hasFunctions) | (Number(map.hasFilenames) << 1) | (Number(map.hasLineNumbers) << 2) | (Number(map.hasInlineFrames) << 3)}`,
    ]),
  );
  const locations = new Map(
    profile.location.map((location) => [
      location.id,
      `${location.mappingId === 0n ? "none" : (mappings.get(location.mappingId) ?? "missing")} @${location.address} ${Number(location.isFolded)} ${location.line
        .map(({ functionId, line }) => `${functions.get(functionId) ?? "none"}:${line}`)
        .join("|")}`,
    ]),
  );
  return {
    head: [
      profile.timeNanos,
      profile.durationNanos,
      profile.period,
      text(profile.periodType?.type ?? 0n),
      text(profile.periodType?.unit ?? 0n),
      text(profile.defaultSampleType),
    ],
    types: profile.sampleType.map(({ type, unit }) => `${text(type)} ${text(unit)}`),
    samples: profile.sample.map(({ locationId, value, label }) => ({
      stack: locationId.map((id) => locations.get(id) ?? "missing"),
      values: value,
      labels: label.map(({ key, str }) => `${text(key)}=${text(str)}`),
    })),
  };
}

function valid(): Profile {
  return create(ProfileSchema, {
    sampleType: [{ type: 1n, unit: 2n }],
    sample: [{ locationId: [1n], value: [1n] }],
    mapping: [{ id: 1n, filename: 1n }],
    location: [{ id: 1n, mappingId: 1n, address: 64n, line: [{ functionId: 1n, line: 3n }] }],
    function: [{ id: 1n, name: 3n }],
    stringTable: ["", "cpu", "nanoseconds", "main"],
  });
}

/** A good profile with more bytes behind it. */
function goodThen(...bytes: number[]): Uint8Array {
  return Buffer.concat([toBinary(ProfileSchema, valid()), Uint8Array.from(bytes)]);
}

/** Profiles whose ids are a sequence, sparse, or beyond 32 bits. */
function randomProfile(): fc.Arbitrary<Profile> {
  const id = fc.oneof(
    fc.bigInt({ min: 1n, max: 40n }),
    fc.bigInt({ min: 1n, max: 1_000_000n }),
    fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }),
  );
  const ids = (max: number): fc.Arbitrary<bigint[]> =>
    fc.oneof(
      fc.nat({ max }).map((count) => Array.from({ length: count + 1 }, (_, index) => BigInt(index + 1))),
      fc.uniqueArray(id, { minLength: 1, maxLength: max }),
    );
  return fc
    .record({
      mappings: ids(3),
      functions: ids(12),
      locations: ids(20),
      seed: fc.integer(),
      count: fc.nat({ max: 30 }),
      types: fc.integer({ min: 1, max: 3 }),
    })
    .map((spec) => {
      const random = seededRandom(spec.seed);
      const below = (count: number): number => Math.floor(random.next() * count);
      const pick = (of: readonly bigint[]): bigint => of[below(of.length)]!;
      const strings = ["", ...Array.from({ length: 30 }, (_, index) => `text ${"ä".repeat(index % 3)}${index}`)];
      const string = (): bigint => BigInt(below(strings.length));
      const value = (): bigint => BigInt(Math.floor(random.next() * 2 ** below(54))) * (below(9) === 0 ? -1n : 1n);
      return create(ProfileSchema, {
        sampleType: Array.from({ length: spec.types }, () => ({ type: string(), unit: string() })),
        periodType: { type: string(), unit: string() },
        period: value(),
        timeNanos: BigInt(below(2 ** 40)) * 1000n,
        stringTable: strings,
        mapping: spec.mappings.map((mapId) => ({
          id: mapId,
          filename: string(),
          buildId: string(),
          memoryStart: BigInt(below(2 ** 48)),
          hasFunctions: below(2) === 0,
        })),
        function: spec.functions.map((fnId) => ({
          id: fnId,
          name: string(),
          systemName: string(),
          filename: string(),
          startLine: BigInt(below(5000)),
        })),
        location: spec.locations.map((locationId) => ({
          id: locationId,
          mappingId: below(4) === 0 ? 0n : pick(spec.mappings),
          address: BigInt(below(2 ** 50)),
          isFolded: below(2) === 0,
          line: Array.from({ length: below(3) }, () => ({ functionId: pick(spec.functions), line: BigInt(below(100_000)) })),
        })),
        sample: Array.from({ length: spec.count }, () => ({
          locationId: Array.from({ length: below(9) }, () => pick(spec.locations)),
          value: Array.from({ length: spec.types }, value),
          label: Array.from({ length: below(3) }, () => ({ key: string(), str: string(), num: value() })),
        })),
      });
    });
}

function faultCode(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (isCoded(error)) return error.code;
    throw error;
  }
  return "no fault";
}
