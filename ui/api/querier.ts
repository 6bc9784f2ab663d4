import { decodeFlameGraph, decodeFlameGraphDiff, type FlameGraph, type WireFlameGraph } from "../flame/flame-graph.ts";
import type { TimeRange } from "../state/time-range.ts";
import type { FunctionRow } from "../table/function-rows.ts";
import type { Series } from "../timeline/series.ts";
import { ask, askBytes, type Caller } from "./connect.ts";
import { encodeMergeProfile } from "./merge-profile-request.ts";

const QUERIER = "querier.v1.QuerierService";

/** What one flame graph, table or timeline is about. */
export interface Subject {
  readonly profileTypeId: string;
  readonly selector: string;
  readonly range: TimeRange;
}

/** The questions the page asks, each in its own words. All may throw `AnswerError`. */
export class Querier {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** Every service with the ids of the profile types it has in the range. Sorted by name. */
  async services(range: TimeRange, signal: AbortSignal): Promise<Map<string, string[]>> {
    const question = { matchers: [], labelNames: ["service_name", "__profile_type__"], ...times(range) };
    const answer = await this.#ask<{ labelsSet?: { labels?: { name: string; value: string }[] }[] }>("Series", question, signal);
    const services = new Map<string, string[]>();
    for (const { labels = [] } of answer.labelsSet ?? []) {
      const value = (name: string): string => labels.find((label) => label.name === name)?.value ?? "";
      const types = services.get(value("service_name"));
      if (types === undefined) services.set(value("service_name"), [value("__profile_type__")]);
      else types.push(value("__profile_type__"));
    }
    return new Map([...services].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  async labelNames(selector: string, range: TimeRange, signal: AbortSignal): Promise<string[]> {
    const answer = await this.#ask<{ names?: string[] }>("LabelNames", { matchers: [selector], ...times(range) }, signal);
    return (answer.names ?? []).filter((name) => !name.startsWith("__"));
  }

  async labelValues(name: string, selector: string, range: TimeRange, signal: AbortSignal): Promise<string[]> {
    const answer = await this.#ask<{ names?: string[] }>("LabelValues", { name, matchers: [selector], ...times(range) }, signal);
    return answer.names ?? [];
  }

  /** Raw sums (or averages) per step, largest line first. `groupBy` "" gives one line. */
  async series(
    subject: Subject,
    options: { readonly stepSeconds: number; readonly groupBy: string; readonly top: number; readonly average: boolean },
    signal: AbortSignal,
  ): Promise<Series[]> {
    const question = {
      ...about(subject),
      step: options.stepSeconds,
      groupBy: options.groupBy === "" ? [] : [options.groupBy],
      aggregation: options.average ? "TIME_SERIES_AGGREGATION_TYPE_AVERAGE" : "TIME_SERIES_AGGREGATION_TYPE_SUM",
      limit: String(options.top),
    };
    type Answer = { series?: { labels?: { value?: string }[]; points?: { value?: number; timestamp?: string }[] }[] };
    const answer = await this.#ask<Answer>("SelectSeries", question, signal);
    return (answer.series ?? []).map(({ labels = [], points = [] }) => ({
      label: labels[0]?.value ?? "",
      points: points.map(({ timestamp, value }) => ({ atMs: Number(timestamp), value: Number(value ?? 0) })),
    }));
  }

  /** One value per group for the whole range. */
  async wholeRange(
    subject: Subject,
    options: { readonly groupBy: string; readonly top: number; readonly average: boolean },
    signal: AbortSignal,
  ): Promise<{ readonly label: string; readonly value: number }[]> {
    const { startMs, endMs } = subject.range;
    // One bucket as long as the range that ends with it: (end − range, end].
    const atEnd: Subject = { ...subject, range: { startMs: endMs - 1, endMs } };
    const series = await this.series(atEnd, { ...options, stepSeconds: (endMs - startMs) / 1000 }, signal);
    return series.map(({ label, points }) => ({ label, value: points.reduce((sum, { value }) => sum + value, 0) }));
  }

  async flameGraph(subject: Subject, maxNodes: number, signal: AbortSignal): Promise<FlameGraph> {
    const question = { ...about(subject), maxNodes: String(maxNodes), format: "PROFILE_FORMAT_FLAMEGRAPH" };
    const answer = await this.#ask<{ flamegraph?: WireFlameGraph }>("SelectMergeStacktraces", question, signal);
    return decodeFlameGraph(answer.flamegraph ?? {});
  }

  /** The right side is the shown window, the left one what it is compared with. */
  async diff(left: Subject, right: Subject, maxNodes: number, signal: AbortSignal): Promise<FlameGraph> {
    const side = (subject: Subject): object => ({ ...about(subject), maxNodes: String(maxNodes) });
    const answer = await this.#ask<{ flamegraph?: WireFlameGraph }>("Diff", { left: side(left), right: side(right) }, signal);
    return decodeFlameGraphDiff(answer.flamegraph ?? {});
  }

  /**
   * Self and total of every function, from all stacks and not only those a flame graph has room for.
   * Undefined when the server does not know the format: it answers with a flame graph then.
   */
  async functions(subject: Subject, signal: AbortSignal): Promise<FunctionRow[] | undefined> {
    const question = { ...about(subject), format: "PROFILE_FORMAT_FUNCTIONS", formatOptions: { functions: { limit: "0" } }, maxNodes: "1" };
    type Answer = { functions?: { functions?: { name?: string; self?: string; total?: string }[] } };
    const answer = await this.#ask<Answer>("SelectMergeStacktraces", question, signal);
    return answer.functions?.functions?.map(({ name = "", self = "0", total = "0" }) => ({
      name,
      self: Number(self),
      total: Number(total),
      selfChange: 0,
      totalChange: 0,
    }));
  }

  /** When the oldest and newest profile of the tenant were taken; undefined when there is none at all. */
  async extent(signal: AbortSignal): Promise<TimeRange | undefined> {
    type Answer = { dataIngested?: boolean; oldestProfileTime?: string; newestProfileTime?: string };
    const answer = await this.#ask<Answer>("GetProfileStats", {}, signal);
    if (answer.dataIngested !== true) return undefined;
    return { startMs: Number(answer.oldestProfileTime ?? 0), endMs: Number(answer.newestProfileTime ?? 0) };
  }

  /** The subject as one pprof file, for `go tool pprof` and friends. */
  pprof(subject: Subject, signal: AbortSignal): Promise<Blob> {
    return askBytes(`${QUERIER}/SelectMergeProfile`, encodeMergeProfile(subject), this.#caller, signal);
  }

  #ask<T>(method: string, question: object, signal: AbortSignal): Promise<T> {
    return ask<T>(`${QUERIER}/${method}`, question, this.#caller, signal);
  }
}

function about(subject: Subject): object {
  return { profileTypeID: subject.profileTypeId, labelSelector: subject.selector, ...times(subject.range) };
}

function times(range: TimeRange): { start: string; end: string } {
  return { start: String(Math.floor(range.startMs)), end: String(Math.ceil(range.endMs)) };
}
