import { type ReactNode, useEffect, useMemo, useRef, useState } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { lineColour, type Theme } from "../flame/colour.ts";
import type { Measure } from "../format/rate.ts";
import { formatMoment, type TimeRange } from "../state/time-range.ts";
import { useSize } from "../state/use-size.ts";
import { alignSeries, type Series } from "./series.ts";

export interface TimelineProps {
  readonly series: readonly Series[];
  /** Drawn dashed behind: the window that is compared with. */
  readonly before: readonly Series[];
  /** The buckets: the first ends at its start, the last at its end. */
  readonly grid: TimeRange;
  readonly range: TimeRange;
  readonly stepSeconds: number;
  readonly measure: Measure;
  readonly groupBy: string;
  readonly theme: Theme;
  readonly isStale: boolean;
  readonly onRange: (range: TimeRange) => void;
  readonly onPick: (labelValue: string) => void;
}

const HEIGHT_PX = 132;

/** The series over time. Dragging across it asks for that stretch. */
export function Timeline(props: TimelineProps): ReactNode {
  const { series, before, grid, range, stepSeconds, measure, groupBy, theme } = props;
  const frame = useRef<HTMLDivElement>(null);
  const plot = useRef<HTMLDivElement>(null);
  const { width } = useSize(frame);
  const [cursor, setCursor] = useState<number | undefined>();
  const [lifted, setLifted] = useState(-1);
  const onRange = useRef(props.onRange);
  onRange.current = props.onRange;
  const aligned = useMemo(
    () => alignSeries([...series, ...before], grid, stepSeconds, (sum) => measure.scale(sum, stepSeconds)),
    [series, before, grid.startMs, grid.endMs, stepSeconds, measure],
  );
  const chart = useRef<uPlot | undefined>(undefined);

  useEffect(() => {
    if (plot.current === null || width === 0) return undefined;
    const made = new uPlot(
      options(width, range, { now: series.length, before: before.length }, measure, theme, setCursor, onRange),
      [aligned.xSeconds, ...aligned.lines] as uPlot.AlignedData,
      plot.current,
    );
    chart.current = made;
    return () => made.destroy();
  }, [aligned, width, theme]);

  useEffect(() => {
    chart.current?.series.forEach((line, i) => {
      if (i > 0) line.alpha = lifted < 0 || lifted === i - 1 ? 1 : 0.18;
    });
    chart.current?.redraw(false);
  }, [lifted, aligned, width, theme]);

  const at = cursor === undefined ? undefined : aligned.xSeconds[cursor];
  return (
    <div className={`timeline ${props.isStale ? "is-stale" : ""}`} ref={frame}>
      <div
        ref={plot}
        className="timeline-plot"
        style={{ height: HEIGHT_PX }}
        role="img"
        aria-label={`Timeline, ${series.length} lines, in ${measure.caption}`}
      />
      <div className="legend">
        <span className="legend-at">
          {at === undefined ? measure.caption : `${formatMoment(at * 1000, range.endMs)} · ${measure.caption}`}
        </span>
        {groupBy === "" && cursor !== undefined && <span className="legend-value">{spell(aligned.lines[0]?.[cursor], measure)}</span>}
        {before.length > 0 && (
          <span className="legend-before">
            before{cursor !== undefined && `: ${spell(aligned.lines[series.length]?.[cursor], measure)}`}
          </span>
        )}
        {groupBy !== "" &&
          series.map((line, i) => (
            <button
              type="button"
              key={line.label}
              className="legend-item"
              title={`Show only ${groupBy}="${line.label}"`}
              onClick={() => props.onPick(line.label)}
              onPointerEnter={() => setLifted(i)}
              onPointerLeave={() => setLifted(-1)}
            >
              <i style={{ background: lineColour(i, theme) }} />
              {line.label === "" ? `no ${groupBy}` : line.label}
              {cursor !== undefined && <b>{spell(aligned.lines[i]?.[cursor], measure)}</b>}
            </button>
          ))}
      </div>
    </div>
  );
}

function spell(value: number | null | undefined, measure: Measure): string {
  return typeof value === "number" ? measure.format(value) : "–";
}

function options(
  width: number,
  range: TimeRange,
  lines: { readonly now: number; readonly before: number },
  measure: Measure,
  theme: Theme,
  onCursor: (index: number | undefined) => void,
  onRange: { readonly current: (range: TimeRange) => void },
): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const ink = (name: string): string => style.getPropertyValue(name).trim();
  const axis: uPlot.Axis = {
    stroke: ink("--text-dim"),
    font: "11px system-ui, sans-serif",
    grid: { stroke: ink("--line-faint"), width: 1 },
    ticks: { show: false },
  };
  return {
    width,
    height: HEIGHT_PX,
    padding: [8, 12, 0, 0],
    legend: { show: false },
    scales: {
      x: { time: true, range: [range.startMs / 1000, range.endMs / 1000] },
      y: { range: (_, __, max) => [0, max > 0 ? max * 1.08 : 1] },
    },
    axes: [
      { ...axis, size: 24, gap: 4, ...timeAxis(range) },
      {
        ...axis,
        size: 64,
        gap: 6,
        space: 34,
        ...(measure.isBinary ? { incrs: POWERS_OF_TWO } : {}),
        values: (_, splits) => splits.map((value) => measure.format(value)),
      },
    ],
    cursor: { y: false, points: { size: 6 }, drag: { x: true, y: false, setScale: false } },
    series: [
      {},
      ...Array.from({ length: lines.now }, (_, i): uPlot.Series => {
        const stroke = lines.now === 1 ? ink("--accent") : lineColour(i, theme);
        return { stroke, width: 1.5, points: { show: false }, ...(lines.now === 1 ? { fill: ink("--accent-wash") } : {}) };
      }),
      ...Array.from(
        { length: lines.before },
        (): uPlot.Series => ({ stroke: ink("--text-dim"), width: 1, dash: [5, 4], points: { show: false } }),
      ),
    ],
    hooks: {
      setCursor: [(chart) => onCursor(chart.cursor.idx ?? undefined)],
      setSelect: [
        (chart) => {
          if (chart.select.width < 4) return;
          const from = chart.posToVal(chart.select.left, "x");
          const to = chart.posToVal(chart.select.left + chart.select.width, "x");
          onRange.current({ startMs: Math.round(from * 1000), endMs: Math.round(to * 1000) });
        },
      ],
    },
  };
}

/** Steps that give round KiB, MiB, GiB. */
const POWERS_OF_TWO = Array.from({ length: 53 }, (_, i) => 2 ** i);

/** Seconds only where the range is short, days only where it is long. */
function timeAxis(range: TimeRange): Partial<uPlot.Axis> {
  const lengthMs = range.endMs - range.startMs;
  const two = (value: number): string => String(value).padStart(2, "0");
  const spellTime = (seconds: number): string => {
    const at = new Date(seconds * 1000);
    const clock = `${two(at.getHours())}:${two(at.getMinutes())}`;
    if (lengthMs <= 180_000) return `${clock}:${two(at.getSeconds())}`;
    return lengthMs > 86_400_000 ? `${two(at.getMonth() + 1)}-${two(at.getDate())} ${clock}` : clock;
  };
  return { values: (_, splits) => splits.map(spellTime) };
}
