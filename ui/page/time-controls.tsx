import { type ReactNode, useState } from "react";
import { momentOf, QUICK_RANGES, shiftRange, type TimeRange, titleOfRange, toInputMoment, widenRange } from "../state/time-range.ts";
import type { Navigate } from "../state/use-view.ts";
import type { View } from "../state/view.ts";
import { ClockIcon, LeftIcon, RefreshIcon, RightIcon, WidenIcon } from "./icons.tsx";
import { Menu } from "./menu.tsx";

const REFRESHES: readonly { readonly seconds: number; readonly title: string }[] = [
  { seconds: 0, title: "Off" },
  { seconds: 10, title: "10 s" },
  { seconds: 30, title: "30 s" },
  { seconds: 60, title: "1 min" },
  { seconds: 300, title: "5 min" },
];

/** Which stretch of time is shown, and how often it is asked for again. */
export function TimeControls(props: {
  view: View;
  range: TimeRange;
  nowMs: number;
  navigate: Navigate;
  onRefresh: () => void;
  isLoading: boolean;
}): ReactNode {
  const { view, range, navigate } = props;
  const go = (next: TimeRange): void => navigate({ from: String(Math.round(next.startMs)), until: String(Math.round(next.endMs)) });
  return (
    <div className="time-controls">
      <div className="joined">
        <button type="button" className="control" title="Earlier" aria-label="Earlier" onClick={() => go(shiftRange(range, -1))}>
          <LeftIcon />
        </button>
        <Menu
          title="Time range"
          align="right"
          className="time-menu"
          label={
            <>
              <ClockIcon />
              {titleOfRange(view.from, view.until, range)}
            </>
          }
        >
          {(close) => <RangePanel view={view} range={range} nowMs={props.nowMs} navigate={navigate} close={close} />}
        </Menu>
        <button
          type="button"
          className="control"
          title="Later"
          aria-label="Later"
          disabled={range.endMs >= props.nowMs}
          onClick={() => go(shiftRange(range, 1))}
        >
          <RightIcon />
        </button>
        <button
          type="button"
          className="control"
          title="Twice as long"
          aria-label="Twice as long"
          onClick={() => go(widenRange(range, props.nowMs))}
        >
          <WidenIcon />
        </button>
      </div>
      <div className="joined">
        <button
          type="button"
          className={`control ${props.isLoading ? "is-busy" : ""}`}
          title="Ask again"
          aria-label="Ask again"
          onClick={props.onRefresh}
        >
          <RefreshIcon />
        </button>
        <select
          className="control"
          aria-label="Refresh every"
          title="Refresh every"
          value={view.refreshSeconds}
          onChange={(event) => navigate({ refreshSeconds: Number(event.target.value) })}
        >
          {REFRESHES.map(({ seconds, title }) => (
            <option key={seconds} value={seconds}>
              {title}
            </option>
          ))}
        </select>
      </div>
    </div>
  );
}

function RangePanel({
  view,
  range,
  nowMs,
  navigate,
  close,
}: {
  view: View;
  range: TimeRange;
  nowMs: number;
  navigate: Navigate;
  close: () => void;
}): ReactNode {
  const [from, setFrom] = useState(toInputMoment(range.startMs));
  const [until, setUntil] = useState(toInputMoment(range.endMs));
  const startMs = momentOf(from, nowMs);
  const endMs = momentOf(until, nowMs);
  const isUsable = startMs !== undefined && endMs !== undefined && startMs < endMs;
  return (
    <div className="range-panel">
      <ul className="range-quick">
        {QUICK_RANGES.map((quick) => (
          <li key={quick.from}>
            <button
              type="button"
              className={view.from === quick.from && view.until === "now" ? "is-selected" : ""}
              onClick={() => {
                navigate({ from: quick.from, until: "now" });
                close();
              }}
            >
              {quick.title}
            </button>
          </li>
        ))}
      </ul>
      <form
        className="range-absolute"
        onSubmit={(event) => {
          event.preventDefault();
          if (!isUsable) return;
          navigate({ from: String(startMs), until: String(endMs) });
          close();
        }}
      >
        <label>
          From
          <input type="datetime-local" step="1" value={from} onChange={(event) => setFrom(event.target.value)} />
        </label>
        <label>
          Until
          <input type="datetime-local" step="1" value={until} onChange={(event) => setUntil(event.target.value)} />
        </label>
        {!isUsable && <p className="filter-fault">The start must come before the end.</p>}
        <button type="submit" className="control is-primary" disabled={!isUsable}>
          Show
        </button>
      </form>
    </div>
  );
}
