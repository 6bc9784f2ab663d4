import type { DecodeInput } from "../decode-job.ts";
import type { Format, FormatContext, FormatItem } from "./format.ts";
import { ingestItems } from "./ingest.ts";
import { otlpToDecoded } from "./otlp.ts";
import { pprofItems } from "./pprof.ts";

/** Every way in, and what reads it. */
export const FORMATS: { readonly [Kind in DecodeInput["kind"]]: Format<Extract<DecodeInput, { kind: Kind }>> } = {
  pprof: pprofItems,
  ingest: ingestItems,
  otlp: otlpItems,
};

function* otlpItems({ body, encoding }: Extract<DecodeInput, { kind: "otlp" }>, { nowMs }: FormatContext): Iterable<FormatItem> {
  const nowNs = BigInt(nowMs) * 1_000_000n;
  for (const item of otlpToDecoded(body, encoding, { nowNs })) {
    yield item.ok ? { ...item, repeatable: item.decoded.timeNs !== nowNs } : item;
  }
}
