import type { DecodeInput } from "../decode-job.ts";
import { uncompressed } from "../uncompressed.ts";
import type { FormatContext, FormatItem } from "./format.ts";

/** pprof as Push carries it. Errors: `malformed_profile`, `profile_size_limit`. */
export function* pprofItems(
  { labels, raw }: Extract<DecodeInput, { kind: "pprof" }>,
  { reader, limits }: FormatContext,
): Iterable<FormatItem> {
  const bytes = uncompressed(raw, limits.profileBytesMax);
  const decoded = reader.read(bytes);
  yield { ok: true, profile: 0, labels, decoded, sizeBytes: bytes.length, repeatable: decoded.timeNs > 0n };
}
