import { CodedError, FaultKind } from "../../../base/errors.ts";
import type { DecodedProfile } from "../../../profile/decoded-profile.ts";
import { grown } from "../../../profile/pprof-tables.ts";
import { malformed } from "../../../profile/wire-cursor.ts";
import type { IngestParams } from "../ingest-params.ts";
import { uncompressed } from "../uncompressed.ts";
import type { FormatContext, FormatItem } from "./format.ts";
import { ingestLabels } from "./ingest-labels.ts";
import { multipartFields } from "./multipart.ts";

/** What a client says about a sample type; only the display name matters here. */
type SampleTypeConfig = Readonly<Record<string, { readonly "display-name"?: unknown } | undefined>>;

const DEFAULT_SAMPLE_TYPES: SampleTypeConfig = {
  samples: { "display-name": "cpu" },
  contentions: { "display-name": "mutex_count" },
  delay: { "display-name": "mutex_duration" },
  goroutine: { "display-name": "goroutines" },
};

const YEAR_1971_NS = 365n * 86_400_000_000_000n;
const SCRIPTING_SPIES = new Set(["pyspy", "rbspy", "scripting"]);

/** The form of the SDKs. Errors: `malformed_profile`, `profile_size_limit`, `client_outdated` (invalid). */
export async function* multipartPprofItems(
  params: IngestParams,
  contentType: string,
  body: Uint8Array,
  context: FormatContext,
): AsyncIterable<FormatItem> {
  const fields = await multipartFields(contentType, body);
  if (fields.has("prev_profile")) {
    throw new CodedError(
      "client_outdated",
      FaultKind.Invalid,
      "a profile with a previous one to subtract is not supported: update the client, which then sends differences",
    );
  }
  const profile = fields.get("profile");
  if (profile === undefined) return;
  yield* pprofBodyItems(params, profile, sampleTypeConfig(fields.get("sample_type_config")), context);
}

/** Raw pprof, gzip or plain; an empty body is no profile and no fault. Errors: `malformed_profile`, `profile_size_limit`. */
export function* pprofBodyItems(
  params: IngestParams,
  body: Uint8Array,
  config: SampleTypeConfig | undefined,
  { reader, limits }: FormatContext,
): Iterable<FormatItem> {
  if (body.length === 0) return;
  const bytes = uncompressed(body, limits.profileBytesMax);
  const dotnet = params.spyName === "dotnetspy" || (params.spyName === "unknown" && config?.["inuse-space"] !== undefined);
  const decoded = reader.read(bytes, { repairFunctionIds: dotnet });
  if (dotnet) decoded.sampleTypes = decoded.sampleTypes.map(({ type, unit }) => ({ type: type.replaceAll("-", "_"), unit }));
  // Old SDKs wrote microseconds here, which are a moment of 1970 when read as nanoseconds.
  const ownTime = decoded.timeNs >= YEAR_1971_NS;
  if (!ownTime) decoded.timeNs = params.fromNs;
  if (SCRIPTING_SPIES.has(params.spyName)) nameFunctionsByFile(decoded, params.spyName === "pyspy");
  const metric = metricName(decoded, config ?? DEFAULT_SAMPLE_TYPES);
  yield {
    ok: true,
    profile: 0,
    labels: ingestLabels(params, params.app, metric),
    decoded,
    sizeBytes: bytes.length,
    repeatable: ownTime || params.timeGiven,
  };
}

function sampleTypeConfig(field: Buffer | undefined): SampleTypeConfig | undefined {
  if (field === undefined) return undefined;
  try {
    const config: unknown = JSON.parse(field.toString("utf8"));
    if (config === null) return undefined;
    if (typeof config === "object" && !Array.isArray(config)) return config as SampleTypeConfig;
  } catch {
    // Told below, as for any other JSON that is no object.
  }
  throw malformed("comes with a sample_type_config that is no JSON object");
}

/** pprof does not say what kind of profile it is, so its sample types have to tell. */
function metricName({ sampleTypes }: DecodedProfile, config: SampleTypeConfig): string {
  if (sampleTypes.some(({ type }) => type === "wall")) return "wall";
  let name = "";
  for (const { type } of sampleTypes) {
    const display = Object.hasOwn(config, type) ? config[type]?.["display-name"] : undefined;
    name = typeof display === "string" && display !== "" ? display : type;
    if (name.includes("cpu")) return "process_cpu";
    if (name.includes("alloc_") || name.includes("inuse_") || name === "space" || name === "objects") return "memory";
    if (name.includes("mutex_")) return "mutex";
    if (name.includes("block_")) return "block";
    if (name.includes("goroutines")) return "goroutines";
  }
  return name;
}

/**
 * Functions of scripting languages share names across files (`<module>`, `run`), so the file becomes part of the name. Newer py-spy
 * sends absolute paths and full names, which are left alone.
 */
function nameFunctionsByFile({ strings, functions }: DecodedProfile, keepAbsolute: boolean): void {
  const text = (string: number): string => {
    const start = strings.starts[string] as number;
    return Buffer.from(strings.bytes.buffer, strings.bytes.byteOffset + start, strings.lengths[string]).toString("utf8");
  };
  const texts: Buffer[] = [Buffer.from(strings.bytes.buffer, strings.bytes.byteOffset, strings.bytes.byteLength)];
  let end = strings.bytes.length;
  const known = new Map<string, number>();
  for (let fn = 0; fn < functions.count; fn++) {
    const file = text(functions.fileName[fn] as number);
    if (keepAbsolute && file.startsWith("/")) continue;
    const name = `${file} ${text(functions.name[fn] as number)}`;
    let string = known.get(name);
    if (string === undefined) {
      const bytes = Buffer.from(name);
      texts.push(bytes);
      string = strings.count++;
      if (string >= strings.starts.length) {
        strings.starts = grown(strings.starts, 0);
        strings.lengths = grown(strings.lengths, 0);
      }
      strings.starts[string] = end;
      strings.lengths[string] = bytes.length;
      end += bytes.length;
      known.set(name, string);
    }
    functions.name[fn] = string;
  }
  if (texts.length > 1) strings.bytes = Buffer.concat(texts);
}
