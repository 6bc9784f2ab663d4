import type { UnixMs } from "../../base/units.ts";
import type { DatasetEntry } from "../../block/directory.ts";

/** What to rewrite: the value between the planner, which reads only the catalog, and the merge, which reads only the inputs. */
export type CompactionPlan = {
  /** For logs and metrics. */
  readonly reason: "segments" | "level" | "window" | "erase";
  /** Of the outputs. */
  readonly level: number;
  readonly inputs: readonly CompactionInput[];
  /** A dataset that would make an output larger starts another one (unless it is the only one in it). */
  readonly blockBytesMax: number;
  /** What the outputs count as created: tombstones up to here are carried out by the merge, later ones still apply to its rows. */
  readonly outputCreatedMs: UnixMs;
  /** Ids of the tombstones that the merge carries out. */
  readonly tombstoneIds: readonly string[];
};

export type CompactionInput = {
  readonly key: string;
  readonly sizeBytes: number;
  /** What to take over; datasets of the object that are not listed are gone with it. */
  readonly datasets: readonly PlannedDataset[];
};

export type PlannedDataset = {
  readonly entry: DatasetEntry;
  /** Profile rows in any of these ranges are left out. */
  readonly erase: readonly TimeRange[];
};

/** Nanoseconds since 1970, both inclusive. */
export type TimeRange = { readonly minTimeNs: bigint; readonly maxTimeNs: bigint };
