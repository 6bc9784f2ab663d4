import { move, transferableSymbol, valueSymbol } from "piscina";
import { buildSegmentFromMessages } from "./build.ts";

/** The thread entry of {@link buildSegmentFromMessages}. The segment's bytes are in memory of their own and are handed over, not copied. */
export default function build(messages: readonly Uint8Array[]): unknown {
  const built = buildSegmentFromMessages(messages);
  if (built.bytes === undefined) return built;
  // The declaration of `move` names the one buffer it could take, and the run time takes this pair of symbols as well.
  return move({ [transferableSymbol]: built.bytes.buffer, [valueSymbol]: built } as unknown as Parameters<typeof move>[0]);
}
