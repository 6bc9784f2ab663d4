import type { DecodeInput } from "../decode-job.ts";
import type { Format, FormatContext, FormatItem } from "./format.ts";
import { pprofItems } from "./pprof.ts";

type Input<Kind extends DecodeInput["kind"]> = Extract<DecodeInput, { kind: Kind }>;

/**
 * Every way in, and what reads it. The less common ones are loaded by a thread when it first meets them: they bring libraries along
 * that would double the memory of every thread.
 */
export const FORMATS: { readonly [Kind in DecodeInput["kind"]]: Format<Input<Kind>> } = {
  pprof: pprofItems,
  ingest: ingestItems,
  otlp: otlpItems,
};

async function* ingestItems(input: Input<"ingest">, context: FormatContext): AsyncIterable<FormatItem> {
  const format = await import("./ingest.ts");
  yield* format.ingestItems(input, context);
}

async function* otlpItems({ body, encoding }: Input<"otlp">, { nowMs }: FormatContext): AsyncIterable<FormatItem> {
  const { otlpToDecoded } = await import("./otlp.ts");
  const nowNs = BigInt(nowMs) * 1_000_000n;
  for (const item of otlpToDecoded(body, encoding, { nowNs })) {
    yield item.ok ? { ...item, repeatable: item.decoded.timeNs !== nowNs } : item;
  }
}
