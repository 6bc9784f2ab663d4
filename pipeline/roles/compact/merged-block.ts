import type { ObjectDirectory } from "../../block/directory.ts";
import type { CompactionPlan } from "./compaction-plan.ts";

/** One output of a merge: a block of one tenant, all of its datasets. The bytes belong to the receiver. */
export type MergedBlock = { readonly tenant: string; readonly bytes: Uint8Array; readonly directory: ObjectDirectory };

/** Bytes [offset, offset + size) of an object. */
export type ReadRange = (key: string, offset: number, size: number) => Promise<Uint8Array>;

/**
 * Merges the inputs of a plan into blocks, one tenant after the other, holding one dataset in memory at a time. Rows of equal
 * series and ns timestamp within a service and kind are duplicates: one stays. Gives nothing when no row is left.
 *
 * Errors: those of reading; `block_checksum_mismatch` and the like name no key: the caller adds the plan's.
 */
export type MergeObjects = (plan: CompactionPlan, readRange: ReadRange, signal: AbortSignal) => AsyncIterable<MergedBlock>;
