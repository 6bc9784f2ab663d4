import { parseTimeNs } from "../../base/time-text.ts";
import type { UnixMs } from "../../base/units.ts";
import type { Label } from "../../profile/labels.ts";
import { parseAppName } from "./app-name.ts";
import { paramsFault } from "./params-fault.ts";

/** The query string of `/ingest`, read. timeGiven: the client said when, so that the same request means the same profile. */
export type IngestParams = {
  readonly app: string;
  readonly labels: readonly Label[];
  readonly fromNs: bigint;
  readonly untilNs: bigint;
  readonly timeGiven: boolean;
  readonly format: string;
  /** Samples a second, 0 when the sender says that values are no samples. */
  readonly sampleRate: number;
  readonly spyName: string;
};

const SAMPLE_RATE = 100;

/** Errors: `ingest_params`. */
export function parseIngestParams(query: string, nowMs: UnixMs): IngestParams {
  const params = new URLSearchParams(query);
  const { app, labels } = parseAppName(params.get("name") ?? "");
  const time = (name: string): bigint => {
    const text = params.get(name) ?? "";
    if (text === "") return BigInt(nowMs) * 1_000_000n;
    const timeNs = parseTimeNs(text, nowMs);
    if (timeNs === undefined)
      throw paramsFault(name, `is ${JSON.stringify(text)}, which is no time: give seconds, ms, µs or ns since 1970, or now-1h`);
    return timeNs;
  };
  const rate = params.get("sampleRate") ?? "";
  return {
    app,
    labels,
    fromNs: time("from"),
    untilNs: time("until"),
    timeGiven: /^\d+$/.test(params.get("from") ?? ""),
    format: params.get("format") ?? "",
    sampleRate: /^\d{1,9}$/.test(rate) ? Number(rate) : SAMPLE_RATE,
    spyName: params.get("spyName") || "unknown",
  };
}
