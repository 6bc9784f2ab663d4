import { move } from "piscina";
import { buildSegmentFromMessages, type SegmentBytes } from "./build.ts";

/** The thread entry of {@link buildSegmentFromMessages}. The segment's bytes are handed over, not copied. */
export default function build(messages: readonly Uint8Array[]): SegmentBytes {
  const built = buildSegmentFromMessages(messages);
  return built.bytes === undefined ? built : { ...built, bytes: handOver(built.bytes) };
}

function handOver(bytes: Uint8Array): Uint8Array {
  // ObjectWriter gives bytes in memory of their own, so the whole buffer may go.
  return move(bytes as Uint8Array<ArrayBuffer>) as unknown as Uint8Array;
}
