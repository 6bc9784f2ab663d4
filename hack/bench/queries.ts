import { create, type DescMessage, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  DiffRequestSchema,
  SelectHeatmapRequestSchema,
  SelectMergeProfileRequestSchema,
  SelectMergeStacktracesRequestSchema,
  SelectSeriesRequestSchema,
  SeriesRequestSchema,
} from "../../pipeline/api/gen/querier/v1/querier_pb.ts";
import { LabelNamesRequestSchema, LabelValuesRequestSchema } from "../../pipeline/api/gen/types/v1/types_pb.ts";
import { type CallOptions, post } from "../../test/harness/client.ts";
import { figuresOf } from "./process-figures.ts";

/** A question as bytes; `name` is the row of targets.ts it is compared with. */
export type Query = { readonly name: string; readonly method: string; readonly body: Uint8Array<ArrayBuffer> };

export type QueryFigures = { readonly name: string; readonly cpuMs: number; readonly medianMs: number; readonly bytes: number };

const CPU = "process_cpu:cpu:nanoseconds:cpu:nanoseconds";
const HEAP = "memory:alloc_space:bytes:space:bytes";

export type QueryScope = { readonly startMs: number; readonly endMs: number; readonly service: string; readonly otherService: string };

/** The questions that a dashboard and a person in front of it ask all day. */
export function queries({ startMs, endMs, service, otherService }: QueryScope): readonly Query[] {
  const time = { start: BigInt(startMs), end: BigInt(endMs) };
  const one = `{service_name="${service}"}`;
  const tree = (labelSelector: string, profileTypeID = CPU) => ({ ...time, profileTypeID, labelSelector, maxNodes: 16384n });
  return [
    query("merge_cpu_one_service", "SelectMergeStacktraces", SelectMergeStacktracesRequestSchema, tree(one)),
    query("merge_cpu_all_services", "SelectMergeStacktraces", SelectMergeStacktracesRequestSchema, tree("{}")),
    query("merge_heap_all_services", "SelectMergeStacktraces", SelectMergeStacktracesRequestSchema, tree("{}", HEAP)),
    query("series_cpu_by_pod", "SelectSeries", SelectSeriesRequestSchema, {
      ...time,
      profileTypeID: CPU,
      labelSelector: one,
      groupBy: ["pod"],
      step: 15,
    }),
    query("series_cpu_by_service", "SelectSeries", SelectSeriesRequestSchema, {
      ...time,
      profileTypeID: CPU,
      labelSelector: "{}",
      groupBy: ["service_name"],
      step: 15,
    }),
    query("label_names", "LabelNames", LabelNamesRequestSchema, time),
    query("label_values_service", "LabelValues", LabelValuesRequestSchema, { ...time, name: "service_name" }),
    query("series_all", "Series", SeriesRequestSchema, time),
    query("pprof_cpu_one_service", "SelectMergeProfile", SelectMergeProfileRequestSchema, {
      ...time,
      profileTypeID: CPU,
      labelSelector: one,
    }),
    query("diff_cpu_pods", "Diff", DiffRequestSchema, { left: tree(one), right: tree(`{service_name="${otherService}"}`) }),
    query("heatmap_cpu_service", "SelectHeatmap", SelectHeatmapRequestSchema, {
      ...time,
      profileTypeID: CPU,
      labelSelector: one,
      step: 15,
      queryType: 1,
      exemplarType: 2,
    }),
  ];
}

/** Asks `warmUps` times unmeasured, then `runs` times. */
export async function ask(
  server: { readonly url: string; readonly pid: number },
  asked: Query,
  { runs, warmUps }: { readonly runs: number; readonly warmUps: number },
): Promise<QueryFigures> {
  const once = async (): Promise<number> => {
    const reply = await post(server.url, `/querier.v1.QuerierService/${asked.method}`, "application/proto", asked.body, OPTIONS);
    if (reply.status !== 200) throw new Error(`${asked.name} answered ${reply.status}: ${reply.body.toString("utf8").slice(0, 300)}`);
    return reply.body.length;
  };
  for (let run = 0; run < warmUps; run++) await once();
  const cpuBefore = figuresOf(server.pid).cpuMs;
  const walls = new Float64Array(runs);
  let bytes = 0;
  for (let run = 0; run < runs; run++) {
    const startMs = performance.now();
    bytes = await once();
    walls[run] = performance.now() - startMs;
  }
  const cpuMs = (figuresOf(server.pid).cpuMs - cpuBefore) / runs;
  return { name: asked.name, cpuMs, medianMs: walls.sort()[runs >> 1]!, bytes };
}

const OPTIONS: CallOptions = { timeoutMs: 120_000 };

function query<Schema extends DescMessage>(name: string, method: string, schema: Schema, value: MessageInitShape<Schema>): Query {
  return { name, method, body: toBinary(schema, create(schema, value)) };
}
