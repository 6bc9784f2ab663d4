import { fromBinary } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { ProfileSchema } from "../api/gen/google/v1/profile_pb.ts";
import { type CallFrame, type CpuProfile, cpuPprof, type HeapNode, heapPprof } from "./convert.ts";

const period = { timeNs: 7n, durationNs: 9n, rootUrl: "file:///repo/" };

function frame(functionName: string, url = "", lineNumber = 0): CallFrame {
  return { functionName, url, lineNumber };
}

/** `leaf<caller thread=t values` of each sample. */
function text(bytes: Uint8Array): readonly string[] {
  const profile = fromBinary(ProfileSchema, bytes);
  const string = (index: bigint): string => profile.stringTable[Number(index)] as string;
  const functions = new Map(profile.function.map((fn) => [fn.id, `${string(fn.name)}@${string(fn.filename)}`]));
  const locations = new Map(profile.location.map((location) => [location.id, functions.get(location.line[0]?.functionId ?? 0n)]));
  return profile.sample.map(
    (sample) =>
      `${sample.locationId.map((id) => locations.get(id)).join("<")} ${sample.label.map((label) => `${string(label.key)}=${string(label.str)}`)} ${sample.value.join(" ")}`,
  );
}

describe("CPU profile of V8", () => {
  const nodes = [
    { id: 1, callFrame: frame("(root)"), children: [2, 3, 4, 6] },
    { id: 2, callFrame: frame("(idle)") },
    { id: 3, callFrame: frame("(garbage collector)") },
    { id: 4, callFrame: frame("serve", "file:///repo/pipeline/a.ts", 9), children: [5] },
    { id: 5, callFrame: frame("", "file:///repo/pipeline/b.ts", 4) },
    { id: 6, callFrame: frame("onMessage", "file:///repo/node_modules/piscina/dist/worker.js", 4) },
  ];

  it("sums what each stack took until the next sample, and leaves waiting out", () => {
    const profile: CpuProfile = { nodes, samples: [5, 2, 5, 3, 6, 4], timeDeltas: [100, 9_000, 10_000, 11_000, 5_000, 8_000] };
    const { bytes, sampleCount } = cpuPprof([{ thread: "main", profile }], 10, period);
    expect(sampleCount).toBe(3);
    expect([...text(bytes)].sort()).toEqual([
      "(anonymous b.ts:5)@pipeline/b.ts<serve@pipeline/a.ts thread=main 2 20000000",
      "(garbage collector)@ thread=main 1 5000000",
      "serve@pipeline/a.ts thread=main 1 10000000",
    ]);
  });

  it("counts a sample for two intervals at most, however late the next one was", () => {
    const profile: CpuProfile = { nodes, samples: [4, 4], timeDeltas: [0, 900_000] };
    expect(text(cpuPprof([{ thread: "main", profile }], 10, period).bytes)).toEqual(["serve@pipeline/a.ts thread=main 2 30000000"]);
  });

  it("says what it is and when", () => {
    const profile = fromBinary(ProfileSchema, cpuPprof([], 10, period).bytes);
    const string = (index: bigint | undefined): string => profile.stringTable[Number(index)] as string;
    expect(profile.sampleType.map((type) => `${string(type.type)}/${string(type.unit)}`)).toEqual(["samples/count", "cpu/nanoseconds"]);
    expect([string(profile.periodType?.type), profile.period, profile.timeNanos, profile.durationNanos]).toEqual([
      "cpu",
      10_000_000n,
      7n,
      9n,
    ]);
  });
});

describe("heap profile of V8", () => {
  it("gives what is alive by the stack that allocated it", () => {
    const leaf: HeapNode = { callFrame: frame("make", "file:///repo/c.ts", 1), selfSize: 512, children: [] };
    const head: HeapNode = {
      callFrame: frame("(root)"),
      selfSize: 0,
      children: [{ callFrame: frame("run"), selfSize: 0, children: [leaf] }],
    };
    const { bytes } = heapPprof([{ thread: "worker", profile: head }], period);
    expect(text(bytes)).toEqual(["make@c.ts<run@ thread=worker 512"]);
  });
});
