import { CodedError, FaultKind, faultFromRecord, isCoded } from "../../base/errors.ts";
import type { ObjectDirectory } from "../../block/directory.ts";
import type { QueueMessage } from "../../queue/queue.ts";
import type { SegmentBytes } from "./build.ts";
import type { SegmentBatch } from "./segment-batch.ts";

/** Runs `buildSegmentFromMessages`, in production on a worker thread. */
export type Build = (messages: readonly Uint8Array[]) => Promise<SegmentBytes>;

/** A message that can be in no segment. */
export type DeadMessage = { readonly message: QueueMessage; readonly fault: CodedError };

/** A batch with its bytes, ready to be published. The object is absent when every message is dead. */
export type BuiltSegment = {
  readonly batch: SegmentBatch;
  readonly object: { readonly bytes: Uint8Array; readonly directory: ObjectDirectory } | undefined;
  readonly dead: readonly DeadMessage[];
};

/**
 * Builds the segment of a batch. One message that brings the build down must not take the others with it, nor come back for ever: when the
 * whole fails, each message is built alone, and those that fail again are dead.
 */
export async function buildBatch(batch: SegmentBatch, build: Build): Promise<BuiltSegment> {
  const dead: DeadMessage[] = batch.messages.flatMap((message) => (message.fault === undefined ? [] : [{ message, fault: message.fault }]));
  let alive = batch.messages.filter(({ fault }) => fault === undefined);
  if (alive.length === 0) return { batch, object: undefined, dead };
  let built: SegmentBytes;
  try {
    built = await build(alive.map(({ bytes }) => bytes));
  } catch {
    const faults = new Map<QueueMessage, CodedError>();
    for (const message of alive) await build([message.bytes]).catch((error: unknown) => faults.set(message, asFault(error)));
    for (const [message, fault] of faults) dead.push({ message, fault });
    alive = alive.filter((message) => !faults.has(message));
    built = alive.length > 0 ? await build(alive.map(({ bytes }) => bytes)) : { bytes: undefined, directory: undefined, rejected: [] };
  }
  for (const { index, fault } of built.rejected) dead.push({ message: alive[index]!, fault: faultFromRecord(fault) });
  const object =
    built.bytes !== undefined && built.directory !== undefined ? { bytes: built.bytes, directory: built.directory } : undefined;
  return { batch, object, dead };
}

function asFault(error: unknown): CodedError {
  if (isCoded(error)) return error;
  return new CodedError("segment_build_failed", FaultKind.Corrupt, `a message cannot be built into a segment: ${String(error)}`, {
    cause: error,
  });
}
