import { useMemo } from "react";
import type { Caller } from "../api/connect.ts";
import { Querier, type Subject } from "../api/querier.ts";
import type { FlameGraph } from "../flame/flame-graph.ts";
import { foldedShare } from "../flame/flame-graph.ts";
import { isSnapshot, type ProfileType, parseProfileType, preferredType } from "../format/profile-type.ts";
import { parseMatchers, selectorOf } from "../query/selector.ts";
import { baselineOf } from "../state/compare.ts";
import { stepSecondsFor, type TimeRange } from "../state/time-range.ts";
import { type Answer, useAnswer } from "../state/use-answer.ts";
import type { View } from "../state/view.ts";
import type { FunctionRow } from "../table/function-rows.ts";
import { type Series, shiftSeries } from "../timeline/series.ts";

/** Below this nobody misses what was folded away, and no exact table is fetched. */
const FOLDED_SHARE_MIN = 0.0005;
/** More services than anyone scrolls through, and what one timeline answer should carry at most. */
const SERVICES_MAX = 2_000;

export interface TimelineAnswer {
  readonly series: readonly Series[];
  /** The window that is compared with, moved over the shown one; empty without one, and where lines are grouped. */
  readonly before: readonly Series[];
  /** The buckets: the first ends at its start, the last at its end. */
  readonly grid: TimeRange;
  readonly stepSeconds: number;
}

/** All that the page asks for one view, and the answers so far. */
export interface Questions {
  readonly querier: Querier;
  readonly selector: string;
  readonly type: ProfileType | undefined;
  readonly typeIds: readonly string[];
  readonly groupBy: string;
  readonly subject: Subject | undefined;
  readonly baseline: TimeRange | undefined;
  readonly services: Answer<Map<string, string[]>>;
  readonly extent: Answer<TimeRange | undefined>;
  readonly labelNames: Answer<string[]>;
  readonly amounts: Answer<ReadonlyMap<string, number>>;
  readonly timeline: Answer<TimelineAnswer>;
  readonly graph: Answer<FlameGraph>;
  readonly functions: Answer<FunctionRow[] | undefined>;
  readonly average: Answer<number>;
}

export function useQuestions(view: View, range: TimeRange, caller: Caller, attempt: number): Questions {
  const querier = useMemo(() => new Querier(caller), [caller.tenant, caller.token]);
  const who = `${caller.tenant}|${caller.token}|${attempt}`;
  const when = `${range.startMs}-${range.endMs}`;

  const services = useAnswer(`${who} ${when}`, caller.tenant, (signal) => querier.services(range, signal));
  const isEmpty = services.value?.size === 0 || (services.value !== undefined && view.service !== "" && !services.value.has(view.service));
  const extent = useAnswer(isEmpty ? who : undefined, caller.tenant, (signal) => querier.extent(signal).catch(() => undefined));

  const typeIds = typesOf(services.value, view.service);
  const typeId = typeIds.includes(view.type)
    ? view.type
    : typeIds.length > 0
      ? (preferredType(typeIds) ?? "")
      : services.value === undefined
        ? view.type
        : "";
  const type = typeId === "" ? undefined : parseProfileType(typeId);
  const parsed = parseMatchers(view.filter);
  const selector = selectorOf(view.service, parsed.ok ? parsed.matchers : []);
  const groupBy = view.groupBy === "-" ? "" : view.groupBy !== "" ? view.groupBy : view.service === "" ? "service_name" : "";
  const subject: Subject | undefined = type === undefined || !parsed.ok ? undefined : { profileTypeId: type.id, selector, range };
  const baseline = baselineOf(view.compare, range);
  const about = `${caller.tenant}|${typeId}|${view.service}`;
  const key = subject === undefined ? undefined : JSON.stringify([who, subject]);

  const labelNames = useAnswer(`${who} ${when} ${selectorOf(view.service, [])}`, about, (signal) =>
    querier.labelNames(selectorOf(view.service, []), range, signal),
  );

  const amounts = useAnswer(type === undefined ? undefined : `${who} ${when} ${type.id}`, `${caller.tenant}|${typeId}`, async (signal) => {
    const subjectOfAll: Subject = { profileTypeId: type!.id, selector: "{}", range };
    const series = await querier.wholeRange(
      subjectOfAll,
      { groupBy: "service_name", top: SERVICES_MAX, average: isSnapshot(type!) },
      signal,
    );
    return new Map(series.map(({ label, value }) => [label, value]));
  });

  const isState = type !== undefined && isSnapshot(type);
  const average = useAnswer(isState && key !== undefined ? key : undefined, about, async (signal) => {
    const series = await querier.wholeRange(subject!, { groupBy: "", top: 1, average: true }, signal);
    return series[0]?.value ?? 0;
  });

  const timeline = useAnswer(key === undefined ? undefined : `${key} ${groupBy} ${view.top} ${view.compare}`, about, async (signal) => {
    const stepSeconds = stepSecondsFor(range);
    // The grid is counted back from the end, so that the newest bucket is always a whole one.
    const buckets = Math.max(1, Math.ceil((range.endMs - range.startMs) / (stepSeconds * 1000)));
    const grid = { startMs: range.endMs - (buckets - 1) * stepSeconds * 1000, endMs: range.endMs };
    const options = { stepSeconds, groupBy, top: view.top, average: isSnapshot(type!) };
    const shiftMs = baseline === undefined ? 0 : range.endMs - baseline.endMs;
    const earlier = { ...subject!, range: { startMs: grid.startMs - shiftMs, endMs: grid.endMs - shiftMs } };
    const [series, before] = await Promise.all([
      querier.series({ ...subject!, range: grid }, options, signal),
      shiftMs === 0 || groupBy !== "" ? [] : querier.series(earlier, options, signal),
    ]);
    return { series, before: shiftSeries(before, shiftMs), grid, stepSeconds };
  });

  const graph = useAnswer(
    key === undefined ? undefined : `${key} ${view.maxNodes} ${view.compare}`,
    `${about}|${view.compare}`,
    (signal) =>
      baseline === undefined
        ? querier.flameGraph(subject!, view.maxNodes, signal)
        : querier.diff({ ...subject!, range: baseline }, subject!, view.maxNodes, signal),
  );

  // A folded graph cannot give exact rows for the table: ask for them where the server can.
  const needsFunctions = graph.value !== undefined && baseline === undefined && foldedShare(graph.value) > FOLDED_SHARE_MIN;
  const functions = useAnswer(needsFunctions ? key : undefined, about, (signal) =>
    querier.functions(subject!, signal).catch(() => undefined),
  );

  return {
    querier,
    selector,
    type,
    typeIds,
    groupBy,
    subject,
    baseline,
    services,
    extent,
    labelNames,
    amounts,
    timeline,
    graph,
    functions,
    average,
  };
}

/** Types of one service, or of all. */
function typesOf(services: ReadonlyMap<string, readonly string[]> | undefined, service: string): string[] {
  if (services === undefined) return [];
  if (service !== "") return [...(services.get(service) ?? [])].sort();
  return [...new Set([...services.values()].flat())].sort();
}
