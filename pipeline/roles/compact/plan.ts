import { DAY_MS, HOUR_MS, MIB, MINUTE_MS, SECOND_MS, type UnixMs } from "../../base/units.ts";
import type { CatalogState, LiveObject } from "../../catalog/catalog.ts";
import { touchesObject } from "../../catalog/tombstones.ts";
import type { CompactionPlan } from "./compaction-plan.ts";
import { MERGE_SERVICE_SAMPLE_ROWS_MAX } from "./merge.ts";
import { isWorthRewriting, type RetentionMs } from "./retention.ts";
import { rewrite } from "./rewrite.ts";

/** Sizes in bytes as stored. */
export type CompactionLimits = {
  /** The oldest segment waits this long for others to come. */
  readonly segmentAgeMs: number;
  /** When none came for this long, and there are some, they wait no longer. */
  readonly segmentQuietMs: number;
  readonly segmentsMax: number;
  readonly segmentBytes: number;
  /** Blocks of one level in one window that make one of the next. */
  readonly fanIn: number;
  readonly inputBytesMax: number;
  /** Sample rows of one service in one merge: what bounds its memory. A block with more than half of it is not merged any more. */
  readonly serviceRowsMax: number;
  /** A block of this size is not merged into larger ones. */
  readonly blockBytesMax: number;
};

/**
 * 15 s: half of what may pass until everything is compacted, the other half for the work. 64 MiB of segments are about 10 s of a full load. A fan-in
 * of 4 reads each byte three times until it is in a block of a day. An output is built in memory: 64 MiB of it is what a small machine can
 * spare, and 128 MiB of inputs shrink to less.
 */
export const COMPACTION_LIMITS: CompactionLimits = {
  segmentAgeMs: 15 * SECOND_MS,
  segmentQuietMs: 5 * SECOND_MS,
  segmentsMax: 512,
  segmentBytes: 64 * MIB,
  fanIn: 4,
  inputBytesMax: 256 * MIB,
  serviceRowsMax: MERGE_SERVICE_SAMPLE_ROWS_MAX,
  blockBytesMax: 256 * MIB,
};

export type PlanInput = {
  readonly state: CatalogState;
  readonly nowMs: UnixMs;
  readonly limits: CompactionLimits;
  readonly retentionMs: RetentionMs;
  /** Objects to leave alone for now: a merge of them failed. */
  readonly except: ReadonlySet<string>;
  /** Whether to look for what has expired: that looks at every dataset, and need not happen often. */
  readonly withExpired: boolean;
  readonly plansMax: number;
};

/**
 * What to compact now, most urgent first; no object is in two plans. Pure: the same state at the same time gives the same plans.
 */
export function planCompaction(input: PlanInput): readonly CompactionPlan[] {
  const { limits, nowMs, retentionMs, state } = input;
  const candidates: Candidate[] = [];
  const segments: LiveObject[] = [];
  const groups = new Map<string, LiveObject[]>();
  for (const object of state.objects.values()) {
    if (input.except.has(object.key)) continue;
    if (object.level === 0) segments.push(object);
    else if (needsRewriting(object, input)) candidates.push({ reason: "erase", level: object.level, objects: [object] });
    else if (object.sizeBytes < limits.blockBytesMax / 2) addToGroup(groups, object);
  }
  const due = dueSegments(segments, input);
  if (due.length > 0) candidates.push({ reason: "segments", level: 1, objects: due });
  for (const group of groups.values()) {
    const objects = dueBlocks(group, input);
    const { level } = group[0]!;
    if (objects.length > 1) candidates.push({ reason: isWindowOver(group[0]!, nowMs) ? "window" : "level", level: level + 1, objects });
  }
  return candidates
    .sort((a, b) => URGENCY[a.reason] - URGENCY[b.reason] || a.level - b.level)
    .slice(0, input.plansMax)
    .map(({ objects, ...candidate }) =>
      rewrite(objects, {
        ...candidate,
        objectBytesMax: limits.blockBytesMax,
        tombstones: state.tombstones,
        expiry: { nowMs, retentionMs },
      }),
    );
}

type Candidate = { readonly reason: CompactionPlan["reason"]; readonly level: number; readonly objects: readonly LiveObject[] };

/** Segments slow every query down; deletions were promised; the rest is tidiness. */
const URGENCY = { segments: 0, erase: 1, level: 2, window: 3 } as const satisfies Record<CompactionPlan["reason"], number>;

function dueSegments(segments: LiveObject[], { nowMs, limits }: PlanInput): readonly LiveObject[] {
  if (segments.length === 0) return [];
  let [bytes, oldestMs, newestMs] = [0, Number.POSITIVE_INFINITY, 0];
  for (const { sizeBytes, createdMs } of segments) {
    bytes += sizeBytes;
    oldestMs = Math.min(oldestMs, createdMs);
    newestMs = Math.max(newestMs, createdMs);
  }
  const isQuiet = nowMs - newestMs >= limits.segmentQuietMs && segments.length >= limits.fanIn;
  const isDue = isQuiet || nowMs - oldestMs >= limits.segmentAgeMs || segments.length >= limits.segmentsMax || bytes >= limits.segmentBytes;
  return isDue ? within(limits, segments.sort(byAge)) : [];
}

/** Small ones first: they cost the least and slow queries down as much as large ones. */
function dueBlocks(group: LiveObject[], { nowMs, limits }: PlanInput): readonly LiveObject[] {
  if (group.length < (isWindowOver(group[0]!, nowMs) ? 2 : limits.fanIn)) return [];
  return within(
    limits,
    group.sort((a, b) => a.sizeBytes - b.sizeBytes || byAge(a, b)),
  ).toSorted(byAge);
}

/**
 * As many of the first objects as a merge may take: by bytes, and by the sample rows of each service, which bound its memory. The first one
 * is always taken.
 */
function within(limits: CompactionLimits, objects: readonly LiveObject[]): readonly LiveObject[] {
  let bytes = 0;
  const rowsByService = new Map<string, number>();
  const end = objects.findIndex(({ sizeBytes, datasets }, index) => {
    bytes += sizeBytes;
    let rowsMax = 0;
    for (const { tenant, service, kinds } of datasets) {
      const key = `${tenant}\0${service}`;
      const rows = kinds.reduce((sum, { sampleRows }) => sum + sampleRows, rowsByService.get(key) ?? 0);
      rowsByService.set(key, rows);
      rowsMax = Math.max(rowsMax, rows);
    }
    return index > 0 && (bytes > limits.inputBytesMax || rowsMax > limits.serviceRowsMax);
  });
  return end === -1 ? objects : objects.slice(0, end);
}

function byAge(a: LiveObject, b: LiveObject): number {
  return a.createdMs - b.createdMs || (a.key < b.key ? -1 : 1);
}

function needsRewriting(object: LiveObject, { state, nowMs, retentionMs, withExpired }: PlanInput): boolean {
  if (state.tombstones.some((tombstone) => touchesObject(tombstone, object))) return true;
  return withExpired && object.datasets.some((entry) => isWorthRewriting(entry, { nowMs, retentionMs }));
}

/** Blocks that may become one: of one tenant and level, and near each other in time, so that a query of an hour need not open a block of a day. */
function addToGroup(groups: Map<string, LiveObject[]>, object: LiveObject): void {
  const { groupKey } = placeOf(object);
  const group = groups.get(groupKey);
  if (group === undefined) groups.set(groupKey, [object]);
  else group.push(object);
}

type Place = { readonly groupKey: string; readonly windowEndMs: number };

/** The datasets of an object never change: its place is found once. */
const places = new WeakMap<LiveObject, Place>();

function placeOf(object: LiveObject): Place {
  const known = places.get(object);
  if (known !== undefined) return known;
  let maxTimeNs = object.datasets[0]!.maxTimeNs;
  for (const entry of object.datasets) if (entry.maxTimeNs > maxTimeNs) maxTimeNs = entry.maxTimeNs;
  const lengthMs = windowMs(object.level + 1);
  const window = Math.floor(Number(maxTimeNs / 1_000_000n) / lengthMs);
  const place = { groupKey: `${object.level}/${window}/${object.datasets[0]!.tenant}`, windowEndMs: (window + 1) * lengthMs };
  places.set(object, place);
  return place;
}

/** How far apart in time the profiles of a block of this level may be, by their newest. */
function windowMs(level: number): number {
  return level <= 2 ? HOUR_MS : level === 3 ? 6 * HOUR_MS : DAY_MS;
}

/** Late profiles come within ten minutes of their window, or one by one. */
const LATE_MS = 10 * MINUTE_MS;

function isWindowOver(object: LiveObject, nowMs: UnixMs): boolean {
  return nowMs > placeOf(object).windowEndMs + LATE_MS;
}
