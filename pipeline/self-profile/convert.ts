import { pathToFileURL } from "node:url";
import { encodePprof, type PprofFrame, type PprofSample } from "../profile/pprof-writer.ts";
import { ROOT } from "../version.ts";

/** Files are named from here. */
export const ROOT_URL = `${pathToFileURL(ROOT).href}/`;

/** The parts of V8's profiles that are read here. Lines count from 0; times in µs. Source: the Chrome DevTools protocol, Profiler and HeapProfiler. */
export type CallFrame = { readonly functionName: string; readonly url: string; readonly lineNumber: number };
export type CpuProfile = {
  readonly nodes: readonly { readonly id: number; readonly callFrame: CallFrame; readonly children?: readonly number[] }[];
  readonly samples?: readonly number[];
  readonly timeDeltas?: readonly number[];
};
export type HeapNode = { readonly callFrame: CallFrame; readonly selfSize: number; readonly children: readonly HeapNode[] };

export type Taken<Profile> = { readonly thread: string; readonly profile: Profile };
export type Period = { readonly timeNs: bigint; readonly durationNs: bigint; readonly rootUrl: string };

/** Uncompressed. A profile without samples is valid, and worth nothing. */
export type Pprof = { readonly bytes: Uint8Array<ArrayBuffer>; readonly sampleCount: number };

/** Frames that stand for no function of anybody. */
const META = new Set(["(root)", "(idle)"]);
/** A worker thread that waits for its next task sleeps inside a function, which V8 takes for work. */
const WAITING = /\/piscina\/dist\/worker\.js$/;

/**
 * CPU profiles of threads as one pprof with `samples` and `cpu`: what Pyroscope's agents send as process_cpu. Time in which a thread waited
 * is left out.
 */
export function cpuPprof(taken: readonly Taken<CpuProfile>[], samplingMs: number, period: Period): Pprof {
  const samples: PprofSample[] = [];
  for (const { thread, profile } of taken) {
    const { nodes, samples: ids = [], timeDeltas = [] } = profile;
    const byId = new Map(nodes.map((node) => [node.id, node]));
    const parents = new Map(nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node.id] as const)));
    const sums = new Map<number, { count: number; micros: number }>();
    ids.forEach((id, i) => {
      const sum = sums.get(id) ?? { count: 0, micros: 0 };
      sum.count++;
      // A sample stands for the time until the next one; a late sampler makes no function slow, so one stands for two intervals at most.
      sum.micros += Math.min(Math.max(timeDeltas[i + 1] ?? samplingMs * 1000, 0), 2000 * samplingMs);
      sums.set(id, sum);
    });
    for (const [id, { count, micros }] of sums) {
      const leaf = byId.get(id)?.callFrame;
      if (leaf === undefined || META.has(leaf.functionName) || WAITING.test(leaf.url)) continue;
      const stack: PprofFrame[] = [];
      for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
        const node = byId.get(at);
        if (node !== undefined && node.callFrame.functionName !== "(root)") stack.push(frameOf(node.callFrame, period.rootUrl));
      }
      samples.push({ stack, values: [count, Math.round(micros * 1000)], labels: { thread } });
    }
  }
  const bytes = encodePprof(
    {
      sampleTypes: [
        { type: "samples", unit: "count" },
        { type: "cpu", unit: "nanoseconds" },
      ],
      periodType: { type: "cpu", unit: "nanoseconds" },
      period: samplingMs * 1_000_000,
      timeNs: period.timeNs,
      durationNs: period.durationNs,
    },
    samples,
  );
  return { bytes, sampleCount: samples.length };
}

/** What is alive on the heaps, by where it was allocated, as one pprof with `inuse_space`. */
export function heapPprof(taken: readonly Taken<HeapNode>[], period: Period): Pprof {
  const samples: PprofSample[] = [];
  const walk = (node: HeapNode, above: readonly PprofFrame[], thread: string): void => {
    const stack = node.callFrame.functionName === "(root)" ? above : [frameOf(node.callFrame, period.rootUrl), ...above];
    if (node.selfSize > 0 && stack.length > 0) samples.push({ stack, values: [node.selfSize], labels: { thread } });
    for (const child of node.children) walk(child, stack, thread);
  };
  for (const { thread, profile } of taken) walk(profile, [], thread);
  const bytes = encodePprof(
    {
      sampleTypes: [{ type: "inuse_space", unit: "bytes" }],
      periodType: { type: "space", unit: "bytes" },
      period: 512 * 1024,
      timeNs: period.timeNs,
      durationNs: period.durationNs,
    },
    samples,
  );
  return { bytes, sampleCount: samples.length };
}

/** Functions without a name are told apart by their place, since a flame graph merges equal names. */
function frameOf({ functionName, url, lineNumber }: CallFrame, rootUrl: string): PprofFrame {
  const file = url.startsWith(rootUrl) ? url.slice(rootUrl.length) : url;
  const line = lineNumber + 1;
  const name = functionName !== "" ? functionName : file === "" ? "(anonymous)" : `(anonymous ${file.split("/").at(-1)}:${line})`;
  return file === "" ? { name } : { name, file, line, startLine: line };
}
