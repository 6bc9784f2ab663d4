import type { CatalogState, Consumed } from "../../catalog/catalog.ts";
import type { QueueMessage } from "../../queue/queue.ts";

/** Messages of one stream that become one segment, in the order they were pulled. */
export type SegmentBatch = { readonly stream: string; readonly messages: readonly QueueMessage[] };

/** Splits off what a committed segment counts already: delivered again after a crash, or taken by another owner meanwhile. */
export function splitConsumed(
  batch: SegmentBatch,
  state: CatalogState,
): { readonly fresh: SegmentBatch; readonly consumed: readonly QueueMessage[] } {
  const isConsumed = ({ partition, sequence }: QueueMessage): boolean => sequence <= state.consumedSequence(batch.stream, partition);
  const consumed = batch.messages.filter(isConsumed);
  return { fresh: { stream: batch.stream, messages: batch.messages.filter((message) => !isConsumed(message)) }, consumed };
}

/** The progress that a segment of this batch stands for. A partition is pulled in order, so its last message speaks for the earlier ones. */
export function progressOf(batch: SegmentBatch): readonly Consumed[] {
  const last = new Map<number, number>();
  for (const { partition, sequence } of batch.messages) last.set(partition, Math.max(sequence, last.get(partition) ?? 0));
  return [...last].map(([partition, sequence]) => ({ stream: batch.stream, partition, sequence }));
}
