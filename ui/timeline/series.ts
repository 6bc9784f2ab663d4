import type { TimeRange } from "../state/time-range.ts";

/** One line: a label value (or everything) and its raw sums per step, as the server sends them. */
export interface Series {
  readonly label: string;
  readonly points: readonly { readonly atMs: number; readonly value: number }[];
}

/** What uPlot takes: x in seconds, and per line one value per x. */
export interface Aligned {
  readonly xSeconds: number[];
  readonly lines: (number | null | undefined)[][];
}

/**
 * Puts all lines on the server's grid: buckets end at start, start + step, …
 * A single empty bucket is bridged (profiles that arrive every 15 s sometimes miss a 15 s bucket); a longer gap stays open,
 * because a service that was down is news.
 */
export function alignSeries(series: readonly Series[], range: TimeRange, stepSeconds: number, scale: (sum: number) => number): Aligned {
  const stepMs = stepSeconds * 1000;
  const count = Math.floor((range.endMs - range.startMs) / stepMs) + 1;
  const xSeconds = Array.from({ length: count }, (_, i) => (range.startMs + i * stepMs) / 1000);
  const lines = series.map(({ points }) => {
    const line: (number | null | undefined)[] = new Array<number | null | undefined>(count).fill(null);
    for (const { atMs, value } of points) {
      const at = Math.round((atMs - range.startMs) / stepMs);
      if (at >= 0 && at < count) line[at] = scale(value);
    }
    for (let i = 1; i + 1 < count; i++)
      if (line[i] === null && typeof line[i - 1] === "number" && typeof line[i + 1] === "number") line[i] = undefined;
    return line;
  });
  return { xSeconds, lines };
}

/** The same lines later by `shiftMs`: an earlier window laid over the shown one. */
export function shiftSeries(series: readonly Series[], shiftMs: number): Series[] {
  return series.map(({ label, points }) => ({ label, points: points.map(({ atMs, value }) => ({ atMs: atMs + shiftMs, value })) }));
}
