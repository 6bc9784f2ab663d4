import { formatDuration } from "../format/units.ts";

/** A moment as the address spells it: `now`, `now-15m`, or ms since 1970. */
export type TimeWord = string;

export interface TimeRange {
  readonly startMs: number;
  readonly endMs: number;
}

const WORD = /^now(?:-(\d+)(s|m|h|d|w))?$/;
const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** The moment a word means at `nowMs`, in ms since 1970; undefined when it means nothing. */
export function momentOf(word: TimeWord, nowMs: number): number | undefined {
  const relative = WORD.exec(word.trim());
  if (relative !== null) return nowMs - Number(relative[1] ?? 0) * (UNIT_MS[relative[2] ?? "s"] ?? 0);
  if (/^\d{11,14}$/.test(word)) return Number(word);
  const parsed = word.trim() === "" ? Number.NaN : Date.parse(word);
  return Number.isNaN(parsed) ? undefined : parsed;
}

/** Both ends in ms; a range that is unreadable or upside down falls back to the last quarter of an hour. */
export function resolveRange(from: TimeWord, until: TimeWord, nowMs: number): TimeRange {
  const startMs = momentOf(from, nowMs);
  const endMs = momentOf(until, nowMs);
  if (startMs === undefined || endMs === undefined || startMs >= endMs) return { startMs: nowMs - 900_000, endMs: nowMs };
  return { startMs, endMs };
}

export function isRelative(word: TimeWord): boolean {
  return WORD.test(word);
}

/** Ranges one click away. The longest is the server's default limit of one query, 24 h. */
export const QUICK_RANGES: readonly { readonly from: TimeWord; readonly title: string }[] = [
  { from: "now-5m", title: "Last 5 minutes" },
  { from: "now-15m", title: "Last 15 minutes" },
  { from: "now-30m", title: "Last 30 minutes" },
  { from: "now-1h", title: "Last hour" },
  { from: "now-3h", title: "Last 3 hours" },
  { from: "now-6h", title: "Last 6 hours" },
  { from: "now-12h", title: "Last 12 hours" },
  { from: "now-24h", title: "Last 24 hours" },
];

export function titleOfRange(from: TimeWord, until: TimeWord, range: TimeRange): string {
  const quick = until === "now" ? QUICK_RANGES.find((candidate) => candidate.from === from) : undefined;
  if (quick !== undefined) return quick.title;
  if (until === "now" && isRelative(from)) return `Last ${formatDuration(range.endMs - range.startMs)}`;
  return `${formatMoment(range.startMs)} – ${formatMoment(range.endMs, range.startMs)}`;
}

/** Local time to the second; the day is left out when it is that of `besideMs`. */
export function formatMoment(atMs: number, besideMs?: number): string {
  const at = new Date(atMs);
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  if (besideMs !== undefined && new Date(besideMs).toDateString() === at.toDateString()) return time;
  return `${day} ${time}`;
}

/** What an `<input type="datetime-local">` takes. */
export function toInputMoment(atMs: number): string {
  return formatMoment(atMs).replace(" ", "T");
}

/** Moves a range by its own length: −1 earlier, +1 later. */
export function shiftRange(range: TimeRange, direction: -1 | 1): TimeRange {
  const lengthMs = range.endMs - range.startMs;
  return { startMs: range.startMs + direction * lengthMs, endMs: range.endMs + direction * lengthMs };
}

/** Twice as long around the same middle, never past `nowMs`. */
export function widenRange(range: TimeRange, nowMs: number): TimeRange {
  const halfMs = (range.endMs - range.startMs) / 2;
  const endMs = Math.min(range.endMs + halfMs, Math.max(nowMs, range.endMs));
  return { startMs: Math.round(endMs - 4 * halfMs), endMs: Math.round(endMs) };
}

/** Steps a timeline uses, in seconds: a profile arrives every 10–15 s, so finer steps would show holes. */
const STEPS_SECONDS = [15, 30, 60, 120, 300, 600, 900, 1_200, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400] as const;
/** About one point per 6 pixels of a wide screen. */
const POINTS_MAX = 200;

export function stepSecondsFor(range: TimeRange): number {
  const wanted = (range.endMs - range.startMs) / 1000 / POINTS_MAX;
  return STEPS_SECONDS.find((step) => step >= wanted) ?? 86_400;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}
