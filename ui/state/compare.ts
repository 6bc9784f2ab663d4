import type { TimeRange } from "./time-range.ts";

/** Windows the shown one can be compared with. */
export const COMPARISONS: readonly { readonly word: string; readonly title: string }[] = [
  { word: "", title: "No comparison" },
  { word: "previous", title: "Window before" },
  { word: "1h", title: "1 hour earlier" },
  { word: "1d", title: "1 day earlier" },
  { word: "6d", title: "6 days earlier" },
];

const OFFSETS_MS: Readonly<Record<string, number>> = { "1h": 3_600_000, "1d": 86_400_000, "6d": 518_400_000 };

/** The window a word means beside `range`; undefined when nothing is compared. */
export function baselineOf(word: string, range: TimeRange): TimeRange | undefined {
  if (word === "") return undefined;
  const offsetMs = word === "previous" ? range.endMs - range.startMs : OFFSETS_MS[word];
  if (offsetMs === undefined) return undefined;
  return { startMs: range.startMs - offsetMs, endMs: range.endMs - offsetMs };
}
