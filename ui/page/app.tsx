import { type ReactNode, useCallback, useEffect, useMemo, useState } from "react";
import type { Caller } from "../api/connect.ts";
import { FlamePanel } from "../flame/flame-panel.tsx";
import { nameTest, searchGraph } from "../flame/search.ts";
import { titleOf } from "../format/profile-type.ts";
import { measureOf } from "../format/rate.ts";
import { FilterInput } from "../query/filter-input.tsx";
import { formatMatchers, parseMatchers } from "../query/selector.ts";
import { resolveRange, type TimeRange } from "../state/time-range.ts";
import { useTheme } from "../state/use-theme.ts";
import { useView } from "../state/use-view.ts";
import { functionRows, wholeOf } from "../table/function-rows.ts";
import { FunctionTable } from "../table/function-table.tsx";
import { Timeline } from "../timeline/timeline.tsx";
import { Header } from "./header.tsx";
import { NoProfilesHere, NoProfilesYet } from "./no-profiles.tsx";
import { Refusal } from "./refusal.tsx";
import { ServiceList } from "./service-list.tsx";
import { Toolbar } from "./toolbar.tsx";
import { TypePicker } from "./type-picker.tsx";
import { useCaller } from "./use-caller.ts";
import { type Questions, useQuestions } from "./use-questions.ts";

/** The page: the view comes from the address, questions follow from the view, and everything drawn from the answers. */
export function App(): ReactNode {
  const [view, navigate] = useView();
  const [theme, themeChoice, chooseTheme] = useTheme();
  const [caller, setCaller] = useCaller(view, navigate);
  const [attempt, setAttempt] = useState(0);
  const [isListOpen, setListOpen] = useState(false);
  const nowMs = useMemo(() => Date.now(), [view.from, view.until, attempt]);
  const range = useMemo(() => resolveRange(view.from, view.until, nowMs), [view.from, view.until, nowMs]);
  const questions = useQuestions(view, range, caller, attempt);
  const askAgain = useCallback(() => setAttempt((count) => count + 1), []);

  useEffect(() => {
    if (view.refreshSeconds === 0) return undefined;
    const timer = setInterval(() => document.visibilityState === "visible" && askAgain(), view.refreshSeconds * 1000);
    return () => clearInterval(timer);
  }, [view.refreshSeconds, askAgain]);

  const { type, services } = questions;
  useEffect(() => {
    document.title = [view.service, type === undefined ? "" : titleOf(type), "Brazier"].filter((part) => part !== "").join(" · ");
  }, [view.service, type?.id]);

  useEffect(() => {
    // A fresh server has one service, itself: "all" of one is that one.
    const [only, another] = [...(services.value?.keys() ?? [])];
    if (view.service === "" && only !== undefined && another === undefined) navigate({ service: only }, "replace");
  }, [services.value, view.service]);

  const measure = useMemo(() => (type === undefined ? undefined : measureOf(type)), [type?.id]);
  const seconds = (range.endMs - range.startMs) / 1000;
  const isLoading = services.isLoading || questions.graph.isLoading || questions.timeline.isLoading;
  return (
    <div className="page">
      <Header
        view={view}
        range={range}
        nowMs={nowMs}
        navigate={navigate}
        onRefresh={askAgain}
        isLoading={isLoading}
        caller={caller}
        onCaller={setCaller}
        theme={theme}
        themeChoice={themeChoice}
        onTheme={chooseTheme}
        onList={() => setListOpen(true)}
      />
      <ServiceList
        services={services.value}
        amounts={questions.amounts.value ?? NO_AMOUNTS}
        caption={measure?.caption ?? ""}
        spellAmount={(amount) => measure?.format(measure.scale(amount, seconds)) ?? ""}
        selected={view.service}
        isOpen={isListOpen}
        onClose={() => setListOpen(false)}
        onSelect={(service) => {
          navigate({ service, filter: "", groupBy: "" });
          setListOpen(false);
        }}
      />
      <main className="main" aria-busy={isLoading}>
        {services.error !== undefined ? (
          <Refusal error={services.error} caller={caller} onCaller={setCaller} onRetry={askAgain} />
        ) : (
          <Body
            view={view}
            navigate={navigate}
            questions={questions}
            range={range}
            theme={theme}
            caller={caller}
            onCaller={setCaller}
            onRetry={askAgain}
          />
        )}
      </main>
    </div>
  );
}

const NO_AMOUNTS: ReadonlyMap<string, number> = new Map();

type BodyProps = {
  readonly view: ReturnType<typeof useView>[0];
  readonly navigate: ReturnType<typeof useView>[1];
  readonly questions: Questions;
  readonly range: TimeRange;
  readonly theme: "dark" | "light";
  readonly caller: Caller;
  readonly onCaller: (caller: Caller) => void;
  readonly onRetry: () => void;
};

/** The question on top, the answer below; or why there is none. */
function Body(props: BodyProps): ReactNode {
  const { view, navigate, questions, range } = props;
  const { services, extent, type, querier } = questions;
  const goTo = (next: TimeRange): void => navigate({ from: String(Math.round(next.startMs)), until: String(Math.round(next.endMs)) });
  const isMissing =
    services.value !== undefined && (services.value.size === 0 || (view.service !== "" && !services.value.has(view.service)));
  if (isMissing) {
    if (extent.isLoading) return <p className="waiting">Looking for profiles…</p>;
    if (extent.value === undefined && services.value?.size === 0) return <NoProfilesYet origin={location.origin} />;
    const what = view.service === "" || services.value?.size === 0 ? "in this time range" : `of ${view.service} in this time range`;
    return (
      <NoProfilesHere
        extent={extent.value ?? range}
        what={what}
        onRange={goTo}
        onAllServices={services.value?.size === 0 ? undefined : () => navigate({ service: "", filter: "" })}
      />
    );
  }
  const setFilter = (filter: string): void => navigate({ filter });
  return (
    <>
      <div className="question">
        <TypePicker ids={questions.typeIds} selected={type?.id ?? ""} onSelect={(id) => navigate({ type: id })} />
        <FilterInput
          filter={view.filter}
          onFilter={setFilter}
          loadNames={(signal) => querier.labelNames(questions.selector, range, signal)}
          loadValues={(name, signal) => querier.labelValues(name, questions.selector, range, signal)}
        />
        <GroupPicker view={view} names={questions.labelNames.value ?? []} groupBy={questions.groupBy} navigate={navigate} />
      </div>
      <TimelineArea {...props} onRange={goTo} />
      <Graphs {...props} />
    </>
  );
}

function GroupPicker({
  view,
  names,
  groupBy,
  navigate,
}: {
  view: BodyProps["view"];
  names: readonly string[];
  groupBy: string;
  navigate: BodyProps["navigate"];
}): ReactNode {
  const options = names.includes(groupBy) || groupBy === "" ? names : [groupBy, ...names];
  return (
    <div className="joined group-picker">
      <select
        className="control"
        aria-label="Group by"
        title="Group the timeline by a label"
        value={groupBy}
        onChange={(event) => navigate({ groupBy: event.target.value === "" ? "-" : event.target.value })}
      >
        <option value="">Not grouped</option>
        {options.map((name) => (
          <option key={name} value={name}>
            by {name}
          </option>
        ))}
      </select>
      {groupBy !== "" && (
        <select
          className="control"
          aria-label="Lines at most"
          title="Lines at most"
          value={view.top}
          onChange={(event) => navigate({ top: Number(event.target.value) })}
        >
          {[5, 10, 20, 50].map((top) => (
            <option key={top} value={top}>
              top {top}
            </option>
          ))}
        </select>
      )}
    </div>
  );
}

function TimelineArea({
  view,
  navigate,
  questions,
  range,
  theme,
  onRange,
}: BodyProps & { onRange: (range: TimeRange) => void }): ReactNode {
  const { timeline, type, groupBy } = questions;
  const measure = useMemo(() => (type === undefined ? undefined : measureOf(type)), [type?.id]);
  if (timeline.error !== undefined) return <p className="timeline-none">Timeline: {timeline.error.message}</p>;
  if (timeline.value === undefined || measure === undefined) return <div className="timeline timeline-waiting" />;
  const pick = (value: string): void => {
    const parsed = parseMatchers(view.filter);
    if (groupBy === "service_name" && view.service === "") navigate({ service: value, filter: "", groupBy: "" });
    else if (parsed.ok) navigate({ filter: formatMatchers([...parsed.matchers, { name: groupBy, op: "=", value }]), groupBy: "" });
  };
  return (
    <Timeline
      series={timeline.value.series}
      before={timeline.value.before}
      grid={timeline.value.grid}
      range={range}
      stepSeconds={timeline.value.stepSeconds}
      measure={measure}
      groupBy={groupBy}
      theme={theme}
      isStale={timeline.isLoading}
      onRange={onRange}
      onPick={pick}
    />
  );
}

/** Table and flame graph of one answer; what is pointed at in one is marked in the other. */
function Graphs(props: BodyProps): ReactNode {
  const { view, navigate, questions, range, theme } = props;
  const { graph: answer, type, querier, subject, functions } = questions;
  const [hovered, setHovered] = useState("");
  const [downloadState, setDownloadState] = useState<"idle" | "busy" | "failed">("idle");
  const graph = answer.value;
  const test = useMemo(() => nameTest(view.search), [view.search]);
  const rows = useMemo(() => functions.value ?? (graph === undefined ? [] : functionRows(graph)), [graph, functions.value]);
  const found = useMemo(() => (graph === undefined || test === undefined ? undefined : searchGraph(graph, test)), [graph, test]);
  const focusOn = useCallback((name: string) => navigate({ focus: name === view.focus ? "" : name }), [navigate, view.focus]);

  if (answer.error !== undefined)
    return <Refusal error={answer.error} caller={props.caller} onCaller={props.onCaller} onRetry={props.onRetry} />;
  if (graph === undefined || type === undefined)
    return <p className="waiting">{answer.isLoading || questions.services.isLoading ? "Reading profiles…" : ""}</p>;
  if (graph.total[0] === undefined || graph.total[0] === 0)
    return <p className="waiting">No profile of this type matches in this time range.</p>;

  const download = (): void => {
    setDownloadState("busy");
    querier.pprof(subject!, new AbortController().signal).then(
      (blob) => {
        save(blob, `${view.service === "" ? "all" : view.service}-${type.sampleType}.pprof`);
        setDownloadState("idle");
      },
      () => setDownloadState("failed"),
    );
  };
  const unit = type.sampleUnit;
  return (
    <>
      <Toolbar
        view={view}
        type={type}
        graph={graph}
        range={range}
        baseline={questions.baseline}
        average={questions.average.value}
        found={found}
        navigate={navigate}
        onDownload={download}
        downloadState={downloadState}
      />
      <div className={`answer show-${view.show} ${answer.isLoading ? "is-stale" : ""}`}>
        {view.show !== "flame" && (
          <FunctionTable
            rows={rows}
            whole={wholeOf(graph)}
            unit={unit}
            isDiff={graph.sides !== undefined}
            test={test}
            sort={view.sort}
            descending={view.descending}
            focus={view.focus}
            hoveredFunction={hovered}
            onSort={(sort, descending) => navigate({ sort, descending }, "replace")}
            onFocus={focusOn}
            onHover={setHovered}
          />
        )}
        {view.show !== "table" && (
          <FlamePanel
            graph={graph}
            zoom={view.zoom}
            focus={view.focus}
            test={test}
            hoveredFunction={hovered}
            unit={unit}
            theme={theme}
            onZoom={(zoom) => navigate({ zoom })}
            onFocus={focusOn}
            onSearch={(search) => navigate({ search })}
            onHover={setHovered}
          />
        )}
      </div>
    </>
  );
}

function save(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}
