import { CodedError, FaultKind, type FaultRecord, faultRecord, isCoded } from "../../base/errors.ts";
import { MIB } from "../../base/units.ts";
import { SEGMENT_COMPRESSION_LEVEL } from "../../block/compression.ts";
import { DatasetBuilder, type DatasetColumns } from "../../block/dataset-builder.ts";
import type { ObjectDirectory } from "../../block/directory.ts";
import { type ObjectBytes, ObjectWriter, writerMemory } from "../../block/writer.ts";
import type { QueuedProfile } from "../../profile/queued-profile.ts";
import { decodeQueuedProfile } from "../../profile/queued-profile-codec.ts";
import { Arena } from "../../symbols/arena.ts";
import { expectedSizes } from "../../symbols/symbol-table.ts";

/** A message that cannot become part of a segment, by its index in the batch. */
export type RejectedMessage = { readonly index: number; readonly fault: FaultRecord };

/** The outcome of a batch; bytes and directory are absent when every message was rejected. */
export type SegmentBytes = {
  readonly bytes: Uint8Array | undefined;
  readonly directory: ObjectDirectory | undefined;
  readonly rejected: readonly RejectedMessage[];
};

/**
 * Builds one segment, for all tenants and services, from the bytes of queued profiles. Pure.
 *
 * Errors: none thrown for the input: what cannot be decoded is in `rejected`, with code `queued_profile_corrupt`.
 */
export function buildSegmentFromMessages(messages: readonly Uint8Array[]): SegmentBytes {
  const profiles: QueuedProfile[] = [];
  const rejected: RejectedMessage[] = [];
  messages.forEach((message, index) => {
    try {
      profiles.push(decodeQueuedProfile(message));
    } catch (error) {
      const coded = isCoded(error) ? error : new CodedError("queued_profile_corrupt", FaultKind.Corrupt, String(error), { cause: error });
      rejected.push({ index, fault: faultRecord(coded) });
    }
  });
  const segment = profiles.length > 0 ? buildSegment(profiles) : undefined;
  return { bytes: segment?.bytes, directory: segment?.directory, rejected };
}

/** Builds one segment from at least one profile. Pure; the same profiles in another order give the same answers. */
export function buildSegment(profiles: readonly QueuedProfile[]): ObjectBytes {
  const byDataset = Map.groupBy(profiles, ({ tenant, service }) => `${tenant}\0${service}`);
  const writer = new ObjectWriter({ level: 0, compressionLevel: SEGMENT_COMPRESSION_LEVEL, memory: written });
  for (const key of [...byDataset.keys()].sort()) {
    const dataset = buildDataset(byDataset.get(key)!);
    if (dataset !== undefined) writer.add(dataset);
    arena.release();
  }
  return writer.finish();
}

/** Of this thread. The writer is done with a dataset before the next one is begun. */
const arena = new Arena(32 * MIB);
/** Of this thread. A segment is written at once, and leaves in memory of its own. */
const written = writerMemory();

function buildDataset(profiles: readonly QueuedProfile[]): DatasetColumns | undefined {
  const { tenant, service } = profiles[0]!;
  const builder = new DatasetBuilder(tenant, service, { sizes: expectedSizes(profiles), arena, scratch: arena });
  for (const { kind, samples } of profiles) builder.expect(kind, samples.count);
  builder.allocate();
  if (profiles.length === 1) builder.addOnlyProfile(profiles[0]!);
  else for (const profile of profiles) builder.addProfile(profile);
  return builder.finish();
}
