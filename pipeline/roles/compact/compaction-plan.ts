import type { UnixMs } from "../../base/units.ts";
import type { ObjectBytes } from "../../block/writer.ts";
import type { MergeRequest } from "./merge.ts";

/** What to rewrite: the value between the planner, which reads only the catalog, and the merge, which reads only the inputs. */
export type CompactionPlan = {
  /** For logs and metrics. */
  readonly reason: "segments" | "erase" | "level" | "window";
  /** Objects that the outputs replace. */
  readonly inputKeys: readonly string[];
  readonly inputBytes: number;
  /** One per tenant. None when nothing of the inputs is kept. */
  readonly merges: readonly MergeRequest[];
  /** What the outputs count as created: tombstones before it are carried out by the merge, later ones still apply to their rows. */
  readonly outputCreatedMs: UnixMs;
};

/** Runs a merge, in production on a worker thread; gives each block as soon as it is complete. Errors: those of `mergeDatasets`. */
export type Merge = (request: MergeRequest, signal: AbortSignal) => AsyncIterable<ObjectBytes>;
