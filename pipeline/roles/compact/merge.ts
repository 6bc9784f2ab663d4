import { assert } from "../../base/assert.ts";
import { CodedError, isCoded } from "../../base/errors.ts";
import { inSteps, NO_PAUSE, type StepPace } from "../../base/steps.ts";
import { MIB } from "../../base/units.ts";
import { BLOCK_COMPRESSION_LEVEL } from "../../block/compression.ts";
import { DatasetBuilder } from "../../block/dataset-builder.ts";
import { type DecodedDataset, datasetRange, decodeDataset } from "../../block/dataset-reader.ts";
import type { DatasetEntry } from "../../block/directory.ts";
import { type ObjectBytes, ObjectWriter } from "../../block/writer.ts";
import { Arena } from "../../symbols/arena.ts";

/** A dataset to merge, and the times (ns since 1970, inclusive) whose rows are to be left out: deleted or expired. */
export type MergeInput = {
  readonly key: string;
  readonly dataset: DatasetEntry;
  readonly dropped: readonly { readonly minNs: bigint; readonly maxNs: bigint }[];
};

/** Plain data: it crosses to a worker thread. All inputs belong to one tenant. level: of what comes out. */
export type MergeRequest = { readonly level: number; readonly inputs: readonly MergeInput[]; readonly objectBytesMax: number };

/**
 * Sample rows of one service that a plan may merge. A row takes about 90 bytes while its service is merged (columns twice, once as they came and
 * once in order), so this is 90 MB: planners cut plans so that no service exceeds it, unless a single dataset does.
 */
export const MERGE_SERVICE_SAMPLE_ROWS_MAX = 1_000_000;

/** Of one merge, for the columns of a service: beyond it they are made anew. */
const ARENA_BYTES = 32 * MIB;
/** Of one merge, for what one input takes until it is added. */
const SCRATCH_BYTES = 8 * MIB;

/**
 * Merges datasets into blocks of one tenant: service after service, each read, merged and written before the next, so that memory is bounded by
 * the largest service of the plan, and in steps, between which `pace` lets others of the thread go on. A new block begins once one has reached `objectBytesMax`; a service is never split. Gives no block when every row was dropped.
 *
 * Errors: `block_…` (corrupt) naming the object; whatever `readRange` throws.
 */
export async function* mergeDatasets(
  request: MergeRequest,
  readRange: (key: string, offset: number, size: number) => Promise<Uint8Array>,
  pace: StepPace = NO_PAUSE,
): AsyncGenerator<ObjectBytes> {
  assert(new Set(request.inputs.map(({ dataset }) => dataset.tenant)).size <= 1, "a block belongs to one tenant");
  const newWriter = (): ObjectWriter => new ObjectWriter({ level: request.level, compressionLevel: BLOCK_COMPRESSION_LEVEL });
  const arena = new Arena(ARENA_BYTES);
  const scratch = new Arena(SCRATCH_BYTES);
  let writer = newWriter();
  for (const inputs of byService(request.inputs)) {
    const builder = new DatasetBuilder(inputs[0]!.dataset.tenant, inputs[0]!.dataset.service, { arena, scratch });
    for (const { dataset } of inputs) for (const { kind, sampleRows } of dataset.kinds) builder.expect(kind, sampleRows);
    builder.allocate();
    for (const { key, dataset, dropped } of inputs) {
      const { offset, sizeBytes } = datasetRange(dataset);
      const decoded = decodeNamed(key, await readRange(key, offset, sizeBytes), dataset, scratch);
      const keep = dropped.length === 0 ? undefined : (time: bigint) => !dropped.some(({ minNs, maxNs }) => time >= minNs && time <= maxNs);
      await inSteps(builder.addingDataset(decoded, keep), pace);
      scratch.release();
    }
    const merged = await inSteps(builder.finishing(), pace);
    if (merged !== undefined) await inSteps(writer.adding(merged), pace);
    arena.release();
    if (writer.sizeBytes < request.objectBytesMax) continue;
    yield writer.finish();
    writer = newWriter();
  }
  if (writer.datasetCount > 0) yield writer.finish();
}

/** The compactor leaves the damaged object alone, and needs its name for that. */
function decodeNamed(key: string, range: Uint8Array, dataset: DatasetEntry, memory: Arena): DecodedDataset {
  try {
    return decodeDataset(range, dataset, memory);
  } catch (error) {
    if (!isCoded(error)) throw error;
    throw new CodedError(error.code, error.kind, `${key}: ${error.rawMessage}`, { cause: error, facts: { ...error.facts, key } });
  }
}

/** Services in order, so that the same plan gives the same bytes. */
function byService(inputs: readonly MergeInput[]): readonly (readonly MergeInput[])[] {
  const groups = new Map<string, MergeInput[]>();
  for (const input of inputs) {
    const group = groups.get(input.dataset.service);
    if (group === undefined) groups.set(input.dataset.service, [input]);
    else group.push(input);
  }
  return [...groups.keys()].sort().map((service) => groups.get(service)!);
}
