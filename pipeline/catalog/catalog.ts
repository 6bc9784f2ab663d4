import type { UnixMs } from "../base/units.ts";
import type { DatasetEntry } from "../block/directory.ts";

/*
 * Which objects are live. The log in the bucket is the truth: `catalog/<shard>/log/<20-digit version>`, each version
 * created once (if-none-match), folded in order; a checkpoint repeats the folded state every N entries.
 */

export type LiveObject = {
  readonly key: string;
  readonly sizeBytes: number;
  /** 0 for a segment, else how often it was compacted. */
  readonly level: number;
  readonly createdMs: UnixMs;
  readonly datasets: readonly DatasetEntry[];
};

/** Progress of a queue's partition: every sequence up to and including `sequence` of stream `stream` is in the bucket. */
export type Consumed = { readonly stream: string; readonly partition: number; readonly sequence: number };

/** A deletion that reads respect at once and compaction carries out. Times are inclusive. */
export type Tombstone = {
  readonly id: string;
  readonly tenant: string;
  /** Undefined: every service of the tenant. */
  readonly service: string | undefined;
  readonly minTimeNs: bigint;
  readonly maxTimeNs: bigint;
  /** Rows in objects created after this are not touched. */
  readonly createdMs: UnixMs;
};

/** One log entry: what changes. All of it becomes visible at once. */
export type CatalogChange = {
  readonly added: readonly LiveObject[];
  readonly retired: readonly string[];
  readonly consumed: readonly Consumed[];
  readonly tombstonesAdded: readonly Tombstone[];
  readonly tombstonesDropped: readonly string[];
};

/** The folded state, immutable: a new one per version. */
export interface CatalogState {
  readonly version: number;
  readonly objects: ReadonlyMap<string, LiveObject>;
  readonly tombstones: readonly Tombstone[];
  consumedSequence(stream: string, partition: number): number;
}

/**
 * Errors (CodedError): `catalog_conflict` (conflict): the change no longer makes sense (an object to retire is not
 * live, or a sequence is already consumed); `catalog_entry_corrupt` (corrupt).
 */
export interface Catalog {
  /** The newest state this process has seen. Readers never wait for the bucket. */
  readonly state: CatalogState;
  /** Looks for newer entries and folds them. */
  refresh(signal?: AbortSignal): Promise<CatalogState>;
  /**
   * Makes a change visible. `makeChange` is pure and is called again with the newer state after a lost race; it returns undefined when
   * there is nothing left to do. Resolves with the state that includes the change.
   */
  commit(makeChange: (state: CatalogState) => CatalogChange | undefined, signal?: AbortSignal): Promise<CatalogState>;
  /** Called after every new state. Returns the way to stop. */
  onChange(listener: (state: CatalogState) => void): () => void;
}
