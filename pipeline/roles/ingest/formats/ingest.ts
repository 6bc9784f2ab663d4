import { CodedError, FaultKind } from "../../../base/errors.ts";
import { encodePprof, type PprofFrame, type PprofSample } from "../../../profile/pprof-writer.ts";
import { malformed } from "../../../profile/wire-cursor.ts";
import type { DecodeInput } from "../decode-job.ts";
import { discardFault } from "../discard.ts";
import { type IngestParams, parseIngestParams } from "../ingest-params.ts";
import type { FormatContext, FormatItem } from "./format.ts";
import { ingestLabels } from "./ingest-labels.ts";
import { multipartPprofItems, pprofBodyItems } from "./ingest-pprof.ts";
import { speedscopeProfiles } from "./speedscope.ts";
import { foldedStacks, lineStacks, type TextStack } from "./stack-text.ts";
import { type TextType, textType } from "./text-type.ts";
import { treeStacks, trieStacks } from "./transport-tree.ts";

type IngestInput = Extract<DecodeInput, { kind: "ingest" }>;

/**
 * `POST /ingest`: the body is told by the parameter `format` first, then by the content type, and is folded text if neither says.
 *
 * Errors: `ingest_params`, `unimplemented_format`, `unknown_profile_type`, `client_outdated`, and those of the formats.
 */
export async function* ingestItems({ query, contentType, body }: IngestInput, context: FormatContext): AsyncIterable<FormatItem> {
  const params = parseIngestParams(query, context.nowMs);
  if (params.format === "trie" || contentType === "binary/octet-stream+trie") yield* textItems(params, trieStacks(body), context);
  else if (params.format === "tree" || contentType === "binary/octet-stream+tree") yield* textItems(params, treeStacks(body), context);
  else if (params.format === "lines") yield* textItems(params, lineStacks(body), context);
  else if (params.format === "jfr") throw unimplemented("jfr", "convert to pprof or OTLP at the sender (Alloy's pyroscope.java does)");
  else if (params.format === "pprof") yield* pprofBodyItems(params, body, undefined, context);
  else if (params.format === "speedscope") yield* speedscopeItems(params, body, context);
  else if (contentType.includes("multipart/form-data")) yield* multipartPprofItems(params, contentType, body, context);
  else yield* textItems(params, foldedStacks(body), context);
}

function unimplemented(format: string, remedy: string): CodedError {
  return new CodedError("unimplemented_format", FaultKind.Unimplemented, `format ${format} is not supported: ${remedy}`, {
    facts: { format },
  });
}

/** Text is turned into pprof and read back: one way through the rest for a form that is not worth one of its own. */
function* textItems(params: IngestParams, stacks: Iterable<TextStack>, context: FormatContext): Iterable<FormatItem> {
  // Profiles of single requests, which old SDKs sent beside the real ones: they would count everything twice.
  if (params.labels.some(({ name, value }) => name === "profile_id" && value !== "")) return;
  yield* typedItems(params, textType(params.app, params.sampleRate), stacks, 0, context);
}

function* speedscopeItems(params: IngestParams, body: Uint8Array, context: FormatContext): Iterable<FormatItem> {
  for (const [index, { suffix, sampleRate, stacks }] of speedscopeProfiles(body).entries()) {
    yield* typedItems(params, textType(`${params.app}.${suffix}`, sampleRate ?? params.sampleRate), stacks, index, context);
  }
}

function* typedItems(
  params: IngestParams,
  type: TextType,
  stacks: Iterable<TextStack>,
  index: number,
  { reader, limits }: FormatContext,
): Iterable<FormatItem> {
  const header = {
    sampleTypes: [type.sampleType],
    periodType: type.periodType,
    period: type.period,
    timeNs: params.fromNs,
    durationNs: params.untilNs > params.fromNs ? params.untilNs - params.fromNs : 0n,
  };
  const bytes = encodePprof(header, textSamples(stacks, type.period === 0 ? 1 : type.period));
  if (limits.profileBytesMax !== 0 && bytes.length > limits.profileBytesMax) {
    throw discardFault(
      "profile_size_limit",
      `profile is larger than ${limits.profileBytesMax} bytes: profile for a shorter time or raise the limit`,
      { size_bytes: bytes.length },
    );
  }
  const labels = ingestLabels(params, type.app, type.metric);
  yield { ok: true, profile: index, labels, decoded: reader.read(bytes), sizeBytes: bytes.length, repeatable: params.timeGiven };
}

function* textSamples(stacks: Iterable<TextStack>, factor: number): Iterable<PprofSample> {
  const frames = new Map<string, PprofFrame>();
  const frame = (name: string): PprofFrame => {
    const known = frames.get(name) ?? { name };
    frames.set(name, known);
    return known;
  };
  for (const { stack, count } of stacks) {
    const value = count * factor;
    if (!Number.isSafeInteger(value)) throw malformed("has a value beyond 2^53 - 1");
    yield { stack: stack.split(";").reverse().map(frame), values: [value] };
  }
}
