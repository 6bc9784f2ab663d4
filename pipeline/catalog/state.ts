import type { CatalogChange, CatalogState, Consumed, LiveObject, Tombstone } from "./catalog.ts";
import { catalogError } from "./errors.ts";
import { LayeredMap } from "./layered-map.ts";

/*
 * The fold of the log: pure, so that every process that reads the same entries has the same state.
 */

/** The state with what only the log and the checkpoint need to see. */
export interface FoldedState extends CatalogState {
  readonly objects: LayeredMap<LiveObject>;
  readonly consumed: readonly Consumed[];
}

export const EMPTY_STATE: FoldedState = makeState({ version: 0, objects: LayeredMap.of<LiveObject>([]), tombstones: [], consumed: [] });

export function makeState(parts: Pick<FoldedState, "version" | "objects" | "tombstones" | "consumed">): FoldedState {
  const sequences = new Map(parts.consumed.map(({ stream, partition, sequence }) => [progressKey(stream, partition), sequence]));
  return { ...parts, consumedSequence: (stream, partition) => sequences.get(progressKey(stream, partition)) ?? 0 };
}

/**
 * Why a change cannot follow a state; undefined when it can. What it retires must be live, what it adds must be new, and no
 * sequence is consumed twice: of two workers with the same messages, the second one finds out here.
 */
export function conflictOf(state: FoldedState, change: CatalogChange): string | undefined {
  const retired = new Set<string>();
  for (const key of change.retired) {
    if (!state.objects.has(key)) return `object ${key} is not live`;
    if (retired.has(key)) return `object ${key} is retired twice`;
    retired.add(key);
  }
  const added = new Set<string>();
  for (const { key } of change.added) {
    if (state.objects.has(key) || added.has(key)) return `object ${key} is live already`;
    added.add(key);
  }
  for (const { stream, partition, sequence } of change.consumed) {
    const consumed = state.consumedSequence(stream, partition);
    if (sequence <= consumed) return `sequence ${sequence} of partition ${partition} is consumed already (up to ${consumed})`;
  }
  return undefined;
}

/** Errors: `catalog_conflict` when {@link conflictOf} says why. */
export function applyChange(state: FoldedState, change: CatalogChange): FoldedState {
  const conflict = conflictOf(state, change);
  if (conflict !== undefined) throw catalogError("catalog_conflict", conflict, { version: state.version });
  const dropped = new Set(change.tombstonesDropped);
  return makeState({
    version: state.version + 1,
    objects: state.objects.with({ add: change.added.map((object) => [object.key, object] as const), remove: change.retired }),
    tombstones: applyTombstones(state.tombstones, change.tombstonesAdded, dropped),
    consumed: change.consumed.length === 0 ? state.consumed : advance(state.consumed, change.consumed),
  });
}

function applyTombstones(old: readonly Tombstone[], added: readonly Tombstone[], dropped: ReadonlySet<string>): readonly Tombstone[] {
  if (added.length === 0 && dropped.size === 0) return old;
  return [...old, ...added].filter(({ id }) => !dropped.has(id));
}

function advance(old: readonly Consumed[], newer: readonly Consumed[]): readonly Consumed[] {
  const progress = new Map(old.map((entry) => [progressKey(entry.stream, entry.partition), entry]));
  for (const entry of newer) progress.set(progressKey(entry.stream, entry.partition), entry);
  return keepRecentStreams([...progress.values()]);
}

/** Generations of one stream name that are remembered: an old one's messages may still be in a worker's hands when the next has begun. */
const STREAM_GENERATIONS_MAX = 4;

/**
 * Each start of a single process is a new generation of its stream (`<name>@<creation>`): without an end to the old ones, the
 * catalog would grow with every restart.
 */
function keepRecentStreams(progress: readonly Consumed[]): readonly Consumed[] {
  const streams = new Set(progress.map(({ stream }) => stream));
  if (streams.size <= STREAM_GENERATIONS_MAX) return progress;
  const kept = new Set<string>();
  const byName = Map.groupBy(streams, (stream) => stream.slice(0, Math.max(0, stream.lastIndexOf("@"))));
  for (const generations of byName.values()) {
    for (const stream of generations.sort(byCreation).slice(-STREAM_GENERATIONS_MAX)) kept.add(stream);
  }
  return progress.filter(({ stream }) => kept.has(stream));
}

/** Creations are of one form per kind of queue: numbers of ms, or ISO times of equal length; shorter numbers are older. */
function byCreation(a: string, b: string): number {
  return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
}

function progressKey(stream: string, partition: number): string {
  return `${partition}\0${stream}`;
}
