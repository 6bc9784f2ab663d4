import { create, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Profile, ProfileSchema } from "../../api/gen/google/v1/profile_pb.ts";
import { isCoded } from "../../base/errors.ts";
import type { TenantId, UnixMs } from "../../base/units.ts";
import { type LabelSet, labelValue } from "../../profile/labels.ts";
import { createPprofReader } from "../../profile/pprof-reader.ts";
import { encodePprof, type PprofSample } from "../../profile/pprof-writer.ts";
import type { QueuedProfile } from "../../profile/queued-profile.ts";
import { queuedProfileText } from "../../profile/testing/test-queued-profile.ts";
import { prepareLabels } from "./admit.ts";
import { DEFAULT_LIMITS, type IngestLimits } from "./limits.ts";
import { normalize } from "./normalize.ts";

const NOW_MS = 1_700_000_000_000 as UnixMs;
const CPU = { type: "cpu", unit: "nanoseconds" };

describe("normalize", () => {
  it("merges equal samples, and drops those with a negative value or none above zero", () => {
    expect(texts(stacks("a;b 1", "a;b 2", "a -1", "a;c 0", "a 5"))).toEqual(["a 5", "a;b 3"]);
  });

  it("keeps only what samples use, and numbers it anew", () => {
    const [profile] = normalized({ samples: stacks("a;b 1", "gone 0") });
    expect(Buffer.from(profile!.strings.bytes).toString()).not.toContain("gone");
    expect([profile!.functions.name.length, profile!.locations.lineEnds.length, profile!.nodes.parent.length]).toEqual([2, 2, 2]);
    expect(profile!.strings.ends[0]).toBe(0);
  });

  it("makes series of the text labels of samples, and leaves numeric ones out", () => {
    const samples = [sample("a 1", { thread: "1" }), sample("a 2", { thread: "2" }), sample("a 4", { thread: "1" }), sample("a 8")];
    expect(texts(samples)).toEqual(["a 2 thread=2", "a 5 thread=1", "a 8"]);
  });

  it("lets labels of the series win over those of its samples, and then merges what became equal", () => {
    expect(texts([sample("a 1", { pod: "x" }), sample("a 2", { pod: "y" })], { labels: { pod: "mine" } })).toEqual(["a 3 pod=mine"]);
  });

  it("keeps span and trace ids with the sample, under the old name of the span too", () => {
    const trace_id = "000102030405060708090a0b0c0d0e0f";
    const samples = [
      sample("a 1", { span_id: "0011223344556677", trace_id }),
      sample("a 2", { profile_id: "0011223344556677", trace_id }),
      sample("a 4", { span_id: "not hex, 16 long" }),
      sample("a 8", { span_id: "1234" }),
    ];
    expect(texts(samples)).toEqual(["a 12", `a 3 span=0011223344556677 trace=${trace_id}`]);
  });

  it("gives every series the service under both names, and takes the ingest labels away", () => {
    const [profile] = normalized({
      samples: stacks("a 1"),
      labels: { __delta__: "false", __session_id__: "0011223344556677", __type__: "mine", region: "eu" },
    });
    expect(profile!.series).toEqual([
      [
        { name: "__name__", value: "process_cpu" },
        { name: "__service_name__", value: "shop" },
        { name: "region", value: "eu" },
        { name: "service_name", value: "shop" },
      ],
    ]);
  });

  it("renames godeltaprof profiles", () => {
    const [profile] = normalized({ samples: stacks("a 1"), labels: { __name__: "godeltaprof_memory" } });
    expect([profile!.kind.name, labelValue(profile!.series[0]!, "__name_replaced__")]).toEqual(["memory", "godeltaprof_memory"]);
  });

  it("makes a CPU profile of the CPU time in a wall profile", () => {
    const types = ["samples", "wall", "cpu"].map((type) => ({ type, unit: "x" }));
    const profiles = normalized({
      types,
      samples: [
        { stack: [{ name: "a" }], values: [1, 2, 3] },
        { stack: [{ name: "b" }], values: [1, 2, 0] },
      ],
      labels: { __name__: "wall" },
    });
    expect(profiles.map(({ kind, samples }) => [kind.name, kind.sampleTypes.map(({ type }) => type), [...samples.values]])).toEqual([
      ["wall", ["samples", "wall"], [1, 2, 1, 2]],
      ["process_cpu", ["cpu"], [3]],
    ]);
    expect(Buffer.from(profiles[0]!.id)).not.toEqual(Buffer.from(profiles[1]!.id));
  });

  it("cuts the leaf side of stacks that are too deep", () => {
    expect(texts(stacks("a;b;c;d 1", "a;b;x 2"), { limits: { stackDepthMax: 2 } })).toEqual(["a;b 3"]);
  });

  it("keeps the tail of strings that are too long, in whole characters", () => {
    expect(texts([{ stack: [{ name: "package.ärm" }], values: [1] }], { limits: { symbolBytesMax: 3 } })).toEqual(["rm 1"]);
  });

  it("takes type arguments out of names of Go functions, and merges what became equal", () => {
    const frame = (name: string): PprofSample["stack"][number] => ({ name, file: "main.go" });
    const samples = [
      { stack: [frame("Map[go.shape.int,go.shape.[]string].Get"), frame("main")], values: [1] },
      { stack: [frame("Map[go.shape.string,go.shape.int].Get"), frame("main")], values: [2] },
      { stack: [frame("broken[go.shape.int"), frame("main")], values: [4] },
    ];
    expect(texts(samples)).toEqual(["main;Map.Get 3", "main;broken[go.shape.int 4"]);
  });

  it("leaves names of other languages as they are", () => {
    expect(texts([{ stack: [{ name: "f[go.shape.int]", file: "app.py" }], values: [1] }])).toEqual(["f[go.shape.int] 1"]);
  });

  it("completes cut Go stacks from others of the same profile", () => {
    // 64 frames of a chain, once as it is and once shifted by 4: the shifted one has lost its 4 frames at the root.
    const chain = (from: number, to: number): string => Array.from({ length: to - from }, (_, index) => `f${from + index}.go`).join(";");
    const samples = stacks(`${chain(0, 64)} 1`, `${chain(4, 68)} 2`, "other.go 1", "z.go 1");
    expect(texts(samples)).toEqual([`${chain(0, 64)} 1`, `${chain(0, 68)} 2`, "other.go 1", "z.go 1"].sort());
  });

  it("drops samples whose locations are not there or say nothing", () => {
    const profile = message();
    profile.sample = [1n, 2n, 3n, 4n, 99n].map((id) => ({ $typeName: "google.v1.Sample", locationId: [id], value: [1n], label: [] }));
    profile.location[1]!.address = 0n;
    profile.location[1]!.line = [];
    profile.location[2]!.mappingId = 77n;
    profile.location[3]!.line[0]!.functionId = 77n;
    const result = run(toBinary(ProfileSchema, profile), {});
    expect(result.missingSamples).toBe(4);
    expect(queuedProfileText(result.profiles[0]!)).toEqual(["f1 1"]);
    expect(result.profiles[0]!.locations.lineEnds.length).toBe(1);
  });

  it("forgets addresses in mappings that have functions, and gives locations without a mapping a stub", () => {
    const profile = message();
    profile.mapping[0]!.hasFunctions = true;
    profile.location[1]!.mappingId = 0n;
    const [queued] = run(toBinary(ProfileSchema, profile), {}).profiles;
    // Numbered from the root on, and the root is the one without a mapping.
    expect([...queued!.locations.addressLo]).toEqual([66, 0]);
    expect([...queued!.locations.mapping]).toEqual([1, 2]);
    expect([...queued!.mappings.fileName].map((string) => string !== 0)).toEqual([false, true]);
    expect([...queued!.mappings.startLo]).toEqual([0, 0]);
  });

  it("folds repository labels into the build id", () => {
    const labels = { service_repository: "https://example.org/r", service_git_ref: "main" };
    const [queued] = run(toBinary(ProfileSchema, message()), { labels }).profiles;
    const buildId = queued!.mappings.buildId[0]!;
    const text = Buffer.from(queued!.strings.bytes.subarray(queued!.strings.ends[buildId - 1], queued!.strings.ends[buildId])).toString();
    expect(JSON.parse(text)).toEqual({ repository: "https://example.org/r", git_ref: "main", build_id: "b1" });
  });

  it("takes samples without a stack", () => {
    expect(
      texts([
        { stack: [], values: [3] },
        { stack: [], values: [4] },
      ]),
    ).toEqual([" 7"]);
  });

  it("takes now for a profile without time", () => {
    const [profile] = normalized({ samples: stacks("a 1"), timeNs: 0n });
    expect(profile!.timeNs).toBe(BigInt(NOW_MS) * 1_000_000n);
  });

  it.each<[string, string, Parameters<typeof normalized>[0]]>([
    ["a sample type with a dash", "malformed_profile", { types: [{ type: "inuse-space", unit: "bytes" }], samples: stacks("a 1") }],
    ["more samples than allowed", "samples_limit", { samples: stacks("a 1", "b 1"), limits: { samplesMax: 1 } }],
    [
      "more labels at a sample than allowed",
      "sample_labels_limit",
      { samples: [sample("a 1", { x: "1", y: "2" })], limits: { sampleLabelsMax: 1 } },
    ],
    [
      "more labels with those of the sample",
      "max_label_names_per_series",
      { samples: [sample("a 1", { x: "1", y: "2" })], limits: { labelNamesMax: 3 } },
    ],
    [
      "a sample label that is too long",
      "label_value_too_long",
      { samples: [sample("a 1", { x: "12345678" })], limits: { labelValueBytesMax: 7, labelNameBytesMax: 0 }, labels: { __name__: "cpu" } },
    ],
    [
      "a time an hour and a moment ago",
      "not_in_ingestion_window",
      { samples: stacks("a 1"), timeNs: BigInt(NOW_MS - 3_600_001) * 1_000_000n },
    ],
    [
      "a time in more than 10 minutes",
      "not_in_ingestion_window",
      { samples: stacks("a 1"), timeNs: BigInt(NOW_MS + 600_001) * 1_000_000n },
    ],
    ["values that add up to 2^53", "malformed_profile", { samples: [sample(`a ${Number.MAX_SAFE_INTEGER}`), sample("a 1")] }],
  ])("refuses %s", (_, code, input) => {
    expect(faultCode(() => normalized(input))).toBe(code);
  });

  it("keeps totals and merges exactly, for random samples", () => {
    const stack = fc.array(fc.constantFrom("a", "b", "c", "d"), { minLength: 1, maxLength: 5 });
    const labels = fc.option(fc.constantFrom({ t: "1" }, { t: "2" }, { span_id: "00000000000000ff" }), { nil: undefined });
    fc.assert(
      fc.property(fc.array(fc.tuple(stack, fc.integer({ min: -2, max: 9 }), labels), { maxLength: 60 }), (rows) => {
        const expected = new Map<string, number>();
        for (const [frames, value, label] of rows) {
          if (value <= 0) continue;
          const key = `${frames.join(";")} ${label === undefined ? "" : "t" in label ? ` t=${label.t}` : ` span=${label.span_id}`}`;
          expected.set(key, (expected.get(key) ?? 0) + value);
        }
        const samples = rows.map(([frames, value, label]) => ({ ...sample(`${frames.join(";")} ${value}`), labels: label ?? {} }));
        expect(texts(samples)).toEqual([...expected].map(([key, value]) => key.replace(" ", ` ${value}`)).sort());
      }),
      { seed: 8231, numRuns: 200 },
    );
  });
});

type Input = {
  readonly samples: readonly PprofSample[];
  readonly types?: readonly { type: string; unit: string }[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly limits?: Partial<IngestLimits>;
  readonly timeNs?: bigint;
};

function normalized(input: Input): readonly QueuedProfile[] {
  const raw = encodePprof(
    { sampleTypes: input.types ?? [CPU], periodType: CPU, timeNs: input.timeNs ?? BigInt(NOW_MS) * 1_000_000n },
    input.samples,
  );
  return run(raw, input).profiles;
}

function run(raw: Uint8Array, { labels, limits }: Omit<Input, "samples">): ReturnType<typeof normalize> {
  const all = { ...DEFAULT_LIMITS, ...limits };
  const set: LabelSet = Object.entries({ __name__: "process_cpu", service_name: "shop", ...labels }).map(([name, value]) => ({
    name,
    value,
  }));
  return normalize({
    profile: createPprofReader().read(raw),
    labels: prepareLabels(set, all),
    tenant: "t" as TenantId,
    id: new Uint8Array(16),
    nowMs: NOW_MS,
    limits: all,
  });
}

function texts(samples: readonly PprofSample[], input: Omit<Input, "samples"> = {}): string[] {
  return normalized({ samples, ...input }).flatMap(queuedProfileText);
}

function sample(text: string, labels: Readonly<Record<string, string>> = {}): PprofSample {
  const [frames, value] = text.split(" ");
  return {
    stack: frames!
      .split(";")
      .reverse()
      .map((name) => ({ name })),
    values: [Number(value)],
    labels,
  };
}

function stacks(...lines: string[]): PprofSample[] {
  return lines.map((line) => sample(line));
}

/** Four locations of one line each, in one mapping. */
function message(): Profile {
  return create(ProfileSchema, {
    timeNanos: BigInt(NOW_MS) * 1_000_000n,
    sampleType: [{ type: 1n, unit: 2n }],
    sample: [{ locationId: [1n, 2n], value: [1n] }],
    mapping: [{ id: 1n, filename: 3n, buildId: 4n, memoryStart: 4096n }],
    location: [1, 2, 3, 4].map((id) => ({
      id: BigInt(id),
      mappingId: 1n,
      address: BigInt(64 + id),
      line: [{ functionId: BigInt(id), line: 1n }],
    })),
    function: [1, 2, 3, 4].map((id) => ({ id: BigInt(id), name: BigInt(4 + id) })),
    stringTable: ["", "cpu", "nanoseconds", "/bin/app", "b1", "f1", "f2", "f3", "f4"],
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
