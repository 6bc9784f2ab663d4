import { type ReactNode, useCallback, useMemo, useState } from "react";
import { FlamePanel } from "../flame/flame-panel.tsx";
import { nameTest, searchGraph } from "../flame/search.ts";
import { functionRows, wholeOf } from "../table/function-rows.ts";
import { FunctionTable } from "../table/function-table.tsx";
import type { BodyProps } from "./body.tsx";
import { Refusal } from "./refusal.tsx";
import { Toolbar } from "./toolbar.tsx";

/** Table and flame graph of one answer; what is pointed at in one is marked in the other. */
export function Graphs(props: BodyProps): ReactNode {
  const { view, navigate, questions, range, theme } = props;
  const { graph: answer, type, querier, subject, functions } = questions;
  const [hovered, setHovered] = useState("");
  const [downloadState, setDownloadState] = useState<"idle" | "busy" | "failed">("idle");
  const graph = answer.value;
  const test = useMemo(() => nameTest(view.search), [view.search]);
  // Exact rows count only when they are of this very answer.
  const exact = functions.isLoading ? undefined : functions.value;
  const rows = useMemo(() => exact ?? (graph === undefined ? [] : functionRows(graph)), [graph, exact]);
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
