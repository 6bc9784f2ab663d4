import { move, transferableSymbol, valueSymbol } from "piscina";
import { buildSegmentFromMessages } from "./build.ts";

/** The thread entry of {@link buildSegmentFromMessages}. The segment's bytes are handed over, not copied. */
export default function build(messages: readonly Uint8Array[]): unknown {
  const built = buildSegmentFromMessages(messages);
  if (built.bytes === undefined) return built;
  // ObjectWriter gives bytes in memory of their own, so the whole buffer may go.
  const { buffer } = built.bytes;
  const transferable = {
    get [transferableSymbol]() {
      return [buffer];
    },
    get [valueSymbol]() {
      return built;
    },
  };
  // move() marks what a task returns; only the outermost value counts. Its type knows buffers and ports only.
  return move(transferable as unknown as Parameters<typeof move>[0]);
}
