import type { Target } from "./targets.ts";

/** One line of a report. Without a target the figure is told for its own sake. */
export type Row = {
  readonly figure: string;
  readonly ours: number;
  readonly unit: string;
  readonly target?: Target;
  /** Throughput is better when larger; everything else when smaller. */
  readonly moreIsBetter?: boolean;
};

/** A Markdown table, readable as plain text too. */
export function table(rows: readonly Row[]): string {
  const cells = rows.map((row) => [
    row.figure,
    `${shown(row.ours)} ${row.unit}`.trim(),
    row.target === undefined ? "" : shown(row.target.floor),
    row.target === undefined ? "" : shown(row.target.goal),
    verdict(row),
  ]);
  const head = ["figure", "ours", "floor", "goal", "reached"];
  const widths = head.map((title, column) => Math.max(title.length, ...cells.map((row) => row[column]!.length)));
  const line = (row: readonly string[]): string => `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(" | ")} |`;
  return [line(head), `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`, ...cells.map(line)].join("\n");
}

export function verdict({ ours, target, moreIsBetter }: Row): string {
  if (target === undefined) return "";
  const reaches = (bound: number): boolean => (moreIsBetter === true ? ours >= bound : ours <= bound);
  if (reaches(target.goal)) return "goal";
  return reaches(target.floor) ? "floor" : "**missed**";
}

function shown(value: number): string {
  if (Number.isNaN(value)) return "?";
  if (value >= 1000) return Math.round(value).toLocaleString("en");
  return String(Number(value.toPrecision(3)));
}
