import { ask, post } from "../harness/client.ts";
import type { WireFlameGraph } from "../harness/flame-graph.ts";
import type { RandomFleet } from "./random-fleet.ts";

/*
 * The answers of every query RPC over a fleet, in a form that is equal when they mean the same: what the protocol leaves
 * open (the order of a name table, ids inside a pprof, random profile ids) is taken out.
 */

export type Snapshot = Readonly<Record<string, unknown>>;

const CPU = "process_cpu:cpu:nanoseconds:cpu:nanoseconds";
const SAMPLES = "process_cpu:samples:count:cpu:nanoseconds";
const INUSE = "memory:inuse_space:bytes:space:bytes";
const SELECTORS = [
  "{}",
  '{service_name="service-1"}',
  '{service_name=~"service-(0|2)",pod!="pod-1"}',
  '{"k8s.zone"="a"}',
  '{nothing="here"}',
] as const;

export async function snapshot(url: string, { startMs, endMs, spanIds }: RandomFleet): Promise<Snapshot> {
  const answers: Record<string, unknown> = {};
  // Whole range, and one whose edges cut through blocks.
  const ranges = [
    { start: String(startMs), end: String(endMs) },
    { start: String(startMs + 77_000), end: String(startMs + 180_500) },
  ];
  for (const [at, range] of ranges.entries()) {
    const record = async (
      name: string,
      method: string,
      request: Record<string, unknown>,
      form: (answer: never) => unknown = same,
    ): Promise<void> => {
      answers[`${at} ${name}`] = form((await ask(url, method, request)) as never);
    };
    await record("ProfileTypes", "ProfileTypes", range);
    await record("LabelNames", "LabelNames", range);
    await record("Series", "Series", range);
    await record("Series by type", "Series", { ...range, labelNames: ["service_name", "__profile_type__"] });
    for (const selector of SELECTORS) {
      const one = { ...range, labelSelector: selector };
      const matchers = [selector];
      await record(`LabelNames ${selector}`, "LabelNames", { ...range, matchers });
      await record(`LabelValues pod ${selector}`, "LabelValues", { ...range, matchers, name: "pod" });
      await record(`Series ${selector}`, "Series", { ...range, matchers });
      for (const profileTypeID of [CPU, SAMPLES, INUSE]) {
        const typed = { ...one, profileTypeID };
        const name = `${profileTypeID.split(":").slice(0, 2).join(":")} ${selector}`;
        await record(`tree ${name}`, "SelectMergeStacktraces", { ...typed, maxNodes: "100000" }, flameGraph);
        await record(`small tree ${name}`, "SelectMergeStacktraces", { ...typed, maxNodes: "12" }, flameGraph);
        await record(`tree bytes ${name}`, "SelectMergeStacktraces", { ...typed, format: "PROFILE_FORMAT_TREE" });
        await record(`pprof ${name}`, "SelectMergeProfile", typed, pprof);
        await record(
          `call site ${name}`,
          "SelectMergeProfile",
          { ...typed, stackTraceSelector: { callSite: [{ name: "main" }, { name: "f0" }] } },
          pprof,
        );
        await record(`series by pod ${name}`, "SelectSeries", { ...typed, groupBy: ["pod"], step: 15 });
        await record(`average ${name}`, "SelectSeries", { ...typed, step: 60, aggregation: "TIME_SERIES_AGGREGATION_TYPE_AVERAGE" });
        await record(`top series ${name}`, "SelectSeries", { ...typed, groupBy: ["service_name", "pod"], step: 60, limit: "2" });
        await record(`heatmap ${name}`, "SelectHeatmap", { ...typed, step: 30, queryType: "HEATMAP_QUERY_TYPE_INDIVIDUAL" });
      }
      const cpu = { ...one, profileTypeID: CPU };
      await record(
        `exemplars ${selector}`,
        "SelectSeries",
        { ...cpu, step: 60, exemplarType: "EXEMPLAR_TYPE_INDIVIDUAL" },
        withoutProfileIds,
      );
      await record(`spans ${selector}`, "SelectMergeSpanProfile", { ...cpu, spanSelector: spanIds.slice(0, 2) }, flameGraph);
      await record(`span heatmap ${selector}`, "SelectHeatmap", { ...cpu, step: 30, queryType: "HEATMAP_QUERY_TYPE_SPAN" });
      await record(`diff ${selector}`, "Diff", { left: cpu, right: { ...range, profileTypeID: CPU, labelSelector: "{}" } }, diff);
      answers[`${at} dot ${selector}`] = await dot(url, cpu);
    }
    const query = encodeURIComponent(`${CPU}{service_name="service-1"}`);
    const rendered = await fetch(`${url}/pyroscope/render?query=${query}&from=${range.start}&until=${range.end}`);
    answers[`${at} render`] = withoutNameOrder((await rendered.json()) as Flamebearer);
  }
  const { dataIngested } = (await ask(url, "GetProfileStats", {})) as { dataIngested?: boolean };
  answers["GetProfileStats"] = dataIngested;
  return answers;
}

function same(answer: unknown): unknown {
  return answer;
}

/** Each node as its path with self and total: the order of the name table does not matter. */
function flameGraph({ flamegraph }: { readonly flamegraph?: WireFlameGraph }): unknown {
  return namesInPlace(flamegraph?.names ?? [], flamegraph?.levels ?? [], 4);
}

function diff({ flamegraph }: { readonly flamegraph?: WireFlameGraph }): unknown {
  return namesInPlace(flamegraph?.names ?? [], flamegraph?.levels ?? [], 7);
}

function namesInPlace(names: readonly string[], levels: WireFlameGraph["levels"], width: number): unknown {
  return (levels ?? []).map(({ values = [] }) => values.map((value, at) => (at % width === width - 1 ? names[Number(value)] : value)));
}

type Flamebearer = { readonly flamebearer?: { readonly names?: readonly string[]; readonly levels?: readonly (readonly number[])[] } };

function withoutNameOrder(answer: Flamebearer): unknown {
  const { names = [], levels = [] } = answer.flamebearer ?? {};
  const named = levels.map((level) => level.map((value, at) => (at % 4 === 3 ? names[value] : value)));
  return { ...answer, flamebearer: { ...answer.flamebearer, names: [...names].sort(), levels: named } };
}

type Pprof = {
  readonly stringTable?: readonly string[];
  readonly sample?: readonly { readonly locationId?: readonly string[]; readonly value?: readonly string[] }[];
  readonly location?: readonly {
    readonly id: string;
    readonly address?: string;
    readonly line?: readonly { readonly functionId?: string; readonly line?: string }[];
  }[];
  readonly function?: readonly { readonly id: string; readonly name?: string }[];
};

function pprof({ stringTable = [], sample = [], location = [], function: functions = [] }: Pprof): unknown {
  const functionNames = new Map(functions.map(({ id, name }) => [id, stringTable[Number(name ?? 0)]]));
  const frames = new Map(
    location.map(({ id, address = "0", line = [] }) => [
      id,
      `${address}(${line.map((at) => `${functionNames.get(at.functionId ?? "0")}:${at.line ?? 0}`).join(",")})`,
    ]),
  );
  const stacks = new Map<string, number[]>();
  for (const { locationId = [], value = [] } of sample) {
    const stack = locationId.map((id) => frames.get(id)).join(";");
    const sums = stacks.get(stack) ?? value.map(() => 0);
    stacks.set(
      stack,
      value.map((part, at) => sums[at]! + Number(part)),
    );
  }
  return [...stacks].sort(([left], [right]) => (left < right ? -1 : 1));
}

/** Ids are given by chance when the client sends none. */
function withoutProfileIds(answer: unknown): unknown {
  return JSON.parse(JSON.stringify(answer, (key, value: unknown) => (key === "profileId" ? undefined : value)));
}

/** What is written in the boxes: their numbering and order are the drawing's business. */
async function dot(url: string, request: Record<string, unknown>): Promise<unknown> {
  const body = JSON.stringify({ ...request, format: "PROFILE_FORMAT_DOT" });
  const reply = await post(url, "/querier.v1.QuerierService/SelectMergeStacktraces", "application/json", body);
  const { dot: text = "" } = JSON.parse(reply.body.toString()) as { dot?: string };
  return [...text.matchAll(/label="([^"]*)"/g)].map((match) => match[1]).sort();
}
