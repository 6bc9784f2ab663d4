import type { Clock } from "../../base/clock.ts";
import type { Random } from "../../base/random.ts";
import { inSpan } from "../../base/trace.ts";
import type { Catalog, CatalogState, LiveObject } from "../../catalog/catalog.ts";
import { catalogError } from "../../catalog/errors.ts";
import { newObjectId } from "../../objects/object-id.ts";
import type { ObjectStore } from "../../objects/object-store.ts";
import { blockKey } from "../../objects/paths.ts";
import type { CompactionPlan, Merge } from "./compaction-plan.ts";
import { missesDeletion } from "./rewrite.ts";
import type { Sweeper } from "./sweep.ts";

export type CarryOutDeps = {
  readonly store: ObjectStore;
  readonly catalog: Catalog;
  readonly merge: Merge;
  readonly clock: Clock;
  readonly random: Random;
  readonly sweeper: Sweeper;
};

export type Compacted = { readonly writtenBytes: number; readonly blocks: number };

/**
 * Merges, puts the blocks, and swaps them for the inputs in one commit.
 *
 * Errors: `catalog_conflict` when an input is no longer live or a deletion came in between: the outputs are thrown away and the next plan
 * does better; those of reading, merging and writing.
 */
export async function carryOut(plan: CompactionPlan, planned: CatalogState, deps: CarryOutDeps, signal: AbortSignal): Promise<Compacted> {
  const { store, catalog, merge, clock, random, sweeper } = deps;
  const outputs: LiveObject[] = [];
  let committing = false;
  let refused = false;
  const refuse = (message: string, facts?: { readonly key: string }): never => {
    refused = true;
    throw catalogError("catalog_conflict", message, facts);
  };
  try {
    await inSpan("merge", { merges: plan.merges.length }, async () => {
      for (const request of plan.merges) {
        for await (const { bytes, directory } of merge(request, signal)) {
          const key = blockKey(request.inputs[0]!.dataset.tenant, newObjectId(clock, random));
          sweeper.begin(key);
          outputs.push({
            key,
            sizeBytes: bytes.byteLength,
            level: directory.level,
            createdMs: plan.outputCreatedMs,
            datasets: directory.datasets,
          });
          await store.create(key, bytes);
        }
        // An aborted merge ends early without an error; what it gave is not the whole.
        signal.throwIfAborted();
      }
    });
    committing = true;
    const { version } = await inSpan("commit", { blocks: outputs.length }, () =>
      catalog.commit((state) => {
        const added = outputs.filter(({ key }) => !state.objects.has(key));
        // Only after an attempt that had its effect, whose answer was lost: then all of it is there.
        if (outputs.length > 0 && added.length === 0) return undefined;
        const lost = plan.inputKeys.find((key) => !state.objects.has(key));
        if (lost !== undefined) return refuse(`${lost} was replaced by somebody else meanwhile`, { key: lost });
        if (missesDeletion(plan, planned.tombstones, state)) return refuse("profiles were deleted meanwhile");
        return { added, retired: plan.inputKeys, consumed: [], tombstonesAdded: [], tombstonesDropped: [] };
      }),
    );
    sweeper.retired(plan.inputKeys, version);
  } catch (error) {
    // After any other failure of a commit only the sweeper can tell whether the outputs are garbage: the catalog itself has a conflict, too, when this process
    // slept after an append that counts.
    if (!committing || refused) await Promise.allSettled(outputs.map(({ key }) => store.delete(key)));
    throw error;
  } finally {
    for (const { key } of outputs) sweeper.end(key);
  }
  return { writtenBytes: outputs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0), blocks: outputs.length };
}
