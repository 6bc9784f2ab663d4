import type { Scope, ScopeCounts, StoredRange } from "../engine-interface.ts";
import { ProtoWriter } from "./proto-writer.ts";

/** types.v1.GetProfileStatsResponse. */
export function encodeProfileStats(stored: StoredRange | undefined): Uint8Array {
  const writer = new ProtoWriter(32);
  if (stored !== undefined) {
    writer.bool(1, true);
    writer.uint(2, stored.oldestMs);
    writer.uint(3, stored.newestMs);
  }
  return writer.finish();
}

/** querier.v1.AnalyzeQueryResponse: what a query would read, by where it lies. */
export function encodeAnalyzeQuery({ segments, blocks }: Scope): Uint8Array {
  const writer = new ProtoWriter(256);
  encodeScope(writer, "fresh segments", segments);
  encodeScope(writer, "compacted blocks", blocks);
  const bytes = [segments, blocks].reduce((sum, one) => sum + one.indexBytes + one.profileBytes + one.symbolBytes, 0);
  const seriesCount = segments.seriesCount + blocks.seriesCount;
  if (bytes > 0 || seriesCount > 0) {
    const mark = writer.begin(2);
    writer.uint(2, bytes);
    writer.uint(3, seriesCount);
    // Retried pushes can lie in several segments until compaction drops the copies.
    writer.bool(4, segments.objectCount > 0);
    writer.end(mark);
  }
  return writer.finish();
}

function encodeScope(writer: ProtoWriter, component: string, counts: ScopeCounts): void {
  if (counts.objectCount === 0) return;
  const mark = writer.begin(1);
  writer.string(1, component);
  writer.uint(2, 1);
  writer.uint(3, counts.objectCount);
  writer.uint(4, counts.seriesCount);
  writer.uint(5, counts.profileCount);
  writer.uint(6, counts.sampleCount);
  writer.uint(7, counts.indexBytes);
  writer.uint(8, counts.profileBytes);
  writer.uint(9, counts.symbolBytes);
  writer.end(mark);
}
