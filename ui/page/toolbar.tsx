import { type ReactNode, useEffect, useRef, useState } from "react";
import { type FlameGraph, foldedShare } from "../flame/flame-graph.ts";
import type { SearchResult } from "../flame/search.ts";
import { isSnapshot, type ProfileType } from "../format/profile-type.ts";
import { measureOf } from "../format/rate.ts";
import { formatExact, formatPercent, formatPoints, formatValue } from "../format/units.ts";
import { COMPARISONS } from "../state/compare.ts";
import { formatMoment, type TimeRange } from "../state/time-range.ts";
import type { Navigate } from "../state/use-view.ts";
import { MAX_NODES_CEILING, type View } from "../state/view.ts";
import { wholeOf } from "../table/function-rows.ts";
import { CloseIcon, DownloadIcon, SearchIcon } from "./icons.tsx";

export interface ToolbarProps {
  readonly view: View;
  readonly type: ProfileType;
  readonly graph: FlameGraph;
  readonly range: TimeRange;
  readonly baseline: TimeRange | undefined;
  /** Of a state (memory in use): what one profile holds on average. */
  readonly average: number | undefined;
  readonly found: SearchResult | undefined;
  readonly navigate: Navigate;
  readonly onDownload: () => void;
  readonly downloadState: "idle" | "busy" | "failed";
}

/** What the window holds in all, and the controls that the table and the flame graph share. */
export function Toolbar(props: ToolbarProps): ReactNode {
  const { view, navigate } = props;
  return (
    <div className="toolbar">
      <Summary {...props} />
      <SearchField view={view} found={props.found} isDiff={props.graph.sides !== undefined} navigate={navigate} />
      <select
        className="control"
        aria-label="Compare with"
        title="Compare with"
        value={view.compare}
        onChange={(event) =>
          navigate({ compare: event.target.value, ...(event.target.value === "" && view.sort.endsWith("Change") ? { sort: "self" } : {}) })
        }
      >
        {COMPARISONS.map(({ word, title }) => (
          <option key={word} value={word}>
            {title}
          </option>
        ))}
      </select>
      <fieldset className="joined" aria-label="Show">
        {SHOWS.map(({ show, title }) => (
          <button type="button" key={show} className="control" aria-pressed={view.show === show} onClick={() => navigate({ show })}>
            {title}
          </button>
        ))}
      </fieldset>
      <button
        type="button"
        className={`control ${props.downloadState === "busy" ? "is-busy" : ""}`}
        title={props.downloadState === "failed" ? "The download failed; try again" : "Download as pprof"}
        aria-label="Download as pprof"
        onClick={props.onDownload}
      >
        <DownloadIcon />
        {props.downloadState === "failed" ? "failed" : "pprof"}
      </button>
    </div>
  );
}

const SHOWS: readonly { readonly show: View["show"]; readonly title: string }[] = [
  { show: "table", title: "Table" },
  { show: "both", title: "Both" },
  { show: "flame", title: "Flame" },
];

function Summary({ graph, type, range, baseline, average, view, navigate }: ToolbarProps): ReactNode {
  const whole = wholeOf(graph);
  const seconds = (range.endMs - range.startMs) / 1000;
  const before = graph.sides?.leftTotal[0];
  const folded = foldedShare(graph);
  return (
    <p className="summary">
      <b title={formatExact(whole, type.sampleUnit)}>{formatValue(whole, type.sampleUnit)}</b>
      {!isSnapshot(type) && <span>{rateOf(type, whole, seconds)} on average</span>}
      {isSnapshot(type) && (
        <span title="Each profile shows a state at one moment; the flame graph adds them up. Shares are right, sums are not amounts.">
          {average === undefined || average === 0
            ? "summed over all profiles"
            : `over ${Math.round(whole / average)} profiles, ${formatValue(average, type.sampleUnit)} each`}
        </span>
      )}
      {before !== undefined && baseline !== undefined && (
        <span title={`${formatMoment(baseline.startMs)} – ${formatMoment(baseline.endMs)}`}>
          {before === 0 ? "no profiles to compare with" : `before: ${formatValue(before, type.sampleUnit)} (${signed(whole / before - 1)})`}
        </span>
      )}
      {folded > 0.0005 && (
        <span>
          {formatPercent(folded)} folded into <i>other</i>
          {view.maxNodes < MAX_NODES_CEILING && (
            <button type="button" className="link" onClick={() => navigate({ maxNodes: Math.min(MAX_NODES_CEILING, view.maxNodes * 4) })}>
              more detail
            </button>
          )}
        </span>
      )}
    </p>
  );
}

function rateOf(type: ProfileType, whole: number, seconds: number): string {
  const measure = measureOf(type);
  const rate = measure.format(measure.scale(whole, seconds));
  return type.sampleUnit === "nanoseconds" ? `${rate} ${measure.caption}` : rate;
}

function signed(change: number): string {
  return formatPoints(change).replace(" pp", " %");
}

/** Typing searches at once; the address follows when the typing pauses. */
function SearchField({
  view,
  found,
  isDiff,
  navigate,
}: {
  view: View;
  found: SearchResult | undefined;
  isDiff: boolean;
  navigate: Navigate;
}): ReactNode {
  const [text, setText] = useState(view.search);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => setText(view.search), [view.search]);
  useEffect(() => {
    if (text === view.search) return undefined;
    const pause = setTimeout(() => navigate({ search: text }, "replace"), 120);
    return () => clearTimeout(pause);
    // Only typing starts the pause; the address catching up must not.
  }, [text]);
  useEffect(() => {
    const onKey = (event: globalThis.KeyboardEvent): void => {
      const isTyping = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
      if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      input.current?.focus();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  return (
    <label className="field search">
      <SearchIcon />
      <input
        ref={input}
        type="search"
        value={text}
        spellCheck={false}
        placeholder="Search functions   /"
        aria-label="Search functions"
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => event.key === "Escape" && setText("")}
      />
      {found !== undefined && (
        <output className={found.frameCount === 0 ? "none" : ""} title={`${found.functionCount} functions in ${found.frameCount} frames`}>
          {found.frameCount === 0 ? "no match" : `${formatPercent(found.share)}${isDiff ? " of both" : ""}`}
        </output>
      )}
      {text !== "" && (
        <button type="button" className="field-clear" aria-label="Clear the search" onClick={() => setText("")}>
          <CloseIcon />
        </button>
      )}
    </label>
  );
}
