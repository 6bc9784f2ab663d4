import { fromBinary } from "@bufbuild/protobuf";
import { DiffResponseSchema, SelectMergeStacktracesResponseSchema } from "../../../api/gen/querier/v1/querier_pb.ts";
import type { Steps } from "../../../base/steps.ts";
import { SECOND_MS } from "../../../base/units.ts";
import type { FlameTree } from "../flame-tree.ts";
import type { ProfileRows } from "../profile-rows.ts";
import type { SeriesOptions } from "../question.ts";
import { encodeDiff } from "./diff.ts";
import { encodeFlamegraph } from "./flamegraph.ts";
import { profileTypeParts } from "./pprof.ts";
import { type TimeSeries, timeSeries } from "./time-series.ts";

/*
 * FlamebearerProfile: the JSON that the first Pyroscope drew its flame graphs from and that /pyroscope/render still gives. Numbers are JSON
 * numbers here. Source: api.md 4.
 */

/** One profile with its timeline, and one timeline per value of the first grouping label when there is one. */
export function* renderJson(
  profileTypeId: string,
  { tree, rows }: { readonly tree: FlameTree; readonly rows: ProfileRows },
  { nodesMax, options }: { readonly nodesMax: number; readonly options: SeriesOptions },
): Steps<Uint8Array> {
  const graph = fromBinary(SelectMergeStacktracesResponseSchema, yield* encodeFlamegraph(tree, nodesMax)).flamegraph;
  const [groupBy] = options.groupBy;
  const series = timeSeries(rows, groupBy === undefined ? options : { ...options, groupBy: [groupBy] });
  return jsonBytes({
    version: 1,
    flamebearer: flamebearer(graph),
    metadata: metadata("single", profileTypeId),
    timeline: timeline(series.length === 1 ? series[0] : undefined, options),
    groups: groupBy === undefined ? null : Object.fromEntries(series.map((one) => [one.labels[0]?.value ?? "*", timeline(one, options)])),
    heatmap: null,
  });
}

/** Two profiles side by side. */
export function* renderDiffJson(profileTypeId: string, left: FlameTree, right: FlameTree, nodesMax: number): Steps<Uint8Array> {
  const graph = fromBinary(DiffResponseSchema, yield* encodeDiff(left, right, nodesMax)).flamegraph;
  return jsonBytes({
    version: 1,
    flamebearer: flamebearer(graph),
    metadata: metadata("double", profileTypeId),
    timeline: null,
    groups: null,
    heatmap: null,
    ...ticks("leftTicks", graph?.leftTicks),
    ...ticks("rightTicks", graph?.rightTicks),
  });
}

/** Left out when 0. */
function ticks(name: string, value = 0n): object {
  return value === 0n ? {} : { [name]: Number(value) };
}

type WireGraph = {
  readonly names: readonly string[];
  readonly levels: readonly { readonly values: readonly bigint[] }[];
  readonly total: bigint;
  readonly maxSelf: bigint;
};

function flamebearer(graph: WireGraph | undefined) {
  return {
    names: graph?.names ?? [],
    levels: (graph?.levels ?? []).map((level) => level.values.map(Number)),
    numTicks: Number(graph?.total ?? 0n),
    maxSelf: Number(graph?.maxSelf ?? 0n),
  };
}

function metadata(format: "single" | "double", profileTypeId: string) {
  const { type, unit } = profileTypeParts(profileTypeId);
  // A rate of 10^9 makes viewers show nanoseconds as time; 100 is what they expect of everything else.
  if (type === "cpu") return { format, spyName: "", sampleRate: 1_000_000_000, units: "samples", name: type };
  return { format, spyName: "", sampleRate: 100, units: COUNTED_TYPES.has(type) ? "objects" : unit, name: type };
}

const COUNTED_TYPES: ReadonlySet<string> = new Set(["inuse_objects", "alloc_objects", "goroutine", "samples"]);

/** Sample k is the point at start + k steps. Units: startTime and durationDelta s. */
function timeline(series: TimeSeries | undefined, { buckets: { startMs, endMs, stepMs } }: SeriesOptions) {
  const samples = new Array<number>(Math.floor((endMs - startMs) / stepMs)).fill(0);
  for (const { timestampMs, value } of series?.points ?? []) {
    // A point at the very end stands for what lies before it, but has no place here.
    if (timestampMs < endMs) samples[Math.round((timestampMs - startMs) / stepMs)] = Math.trunc(value);
  }
  return { startTime: Math.floor(startMs / SECOND_MS), samples, durationDelta: Math.round(stepMs / SECOND_MS), watermarks: null };
}

function jsonBytes(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}
