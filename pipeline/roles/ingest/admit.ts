import type { UnixMs } from "../../base/units.ts";
import { type Label, type LabelSet, sortLabels } from "../../profile/labels.ts";
import { discardFault } from "./discard.ts";
import type { IngestLimits } from "./limits.ts";

/*
 * Who may come in: pure checks over labels and time. Faults carry the discard reason as their code.
 */

export const UNKNOWN_SERVICE = "unknown_service";
const LEGACY_LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const SESSION_ID = /^[0-9a-f]{16}$/i;

/**
 * The labels of a series as they go through normalisation: sanitised if the tenant wants it, with a service, its session bounded.
 *
 * Errors: `duplicate_label_names`, `invalid_labels`.
 */
export function prepareLabels(labels: readonly Label[], limits: IngestLimits): LabelSet {
  const sanitized = limits.sanitizeLabelNames ? labels.map(({ name, value }) => ({ name: sanitizedName(name), value })) : labels;
  const unique = new Map<string, string>();
  for (const { name, value } of sanitized) {
    const known = unique.get(name);
    if (known !== undefined && (known !== value || !limits.sanitizeLabelNames)) {
      throw discardFault("duplicate_label_names", `series has label ${quoted(name)} twice: send it once`, { label: name });
    }
    unique.set(name, value);
  }
  if ((unique.get("service_name") ?? "") === "") unique.set("service_name", UNKNOWN_SERVICE);
  const session = boundedSession(unique.get("__session_id__"), limits.sessionsPerSeriesMax);
  if (session === undefined) unique.delete("__session_id__");
  else unique.set("__session_id__", session);
  return sortLabels([...unique].map(([name, value]) => ({ name, value })));
}

/**
 * Refuses labels that a series may not have.
 *
 * Errors: `missing_labels`, `max_label_names_per_series`, `invalid_labels`, `label_name_too_long`, `label_value_too_long`.
 */
export function checkLabels(labels: LabelSet, limits: IngestLimits): void {
  if (labels.length === 0) throw discardFault("missing_labels", "profile has no labels: send at least __name__ and service_name");
  if (limits.labelNamesMax !== 0 && labels.length > limits.labelNamesMax) {
    throw discardFault(
      "max_label_names_per_series",
      `series has ${labels.length} labels, and ${limits.labelNamesMax} are allowed: drop some or raise the limit`,
      {
        labels: labels.length,
        labels_max: limits.labelNamesMax,
      },
    );
  }
  let metric = "";
  for (const { name, value } of labels) {
    if (name === "__name__") metric = value;
    if (exceeds(name, limits.labelNameBytesMax)) {
      throw discardFault("label_name_too_long", `label name ${quoted(name)} is longer than ${limits.labelNameBytesMax} bytes`, {
        name_bytes_max: limits.labelNameBytesMax,
      });
    }
    if (exceeds(value, limits.labelValueBytesMax)) {
      throw discardFault("label_value_too_long", `value of label ${quoted(name)} is longer than ${limits.labelValueBytesMax} bytes`, {
        label: name,
        value_bytes_max: limits.labelValueBytesMax,
      });
    }
    if (name === "" || !isPlainText(name)) throw discardFault("invalid_labels", `label name ${quoted(name)} is not valid`);
    if (!isPlainText(value))
      throw discardFault("invalid_labels", `value of label ${quoted(name)} is not valid UTF-8 text`, { label: name });
  }
  if (metric === "") throw discardFault("invalid_labels", "label __name__ is missing: it names the profile, process_cpu for example");
}

/**
 * Gives the time of a profile: its own, or now when it has none.
 *
 * Errors: `not_in_ingestion_window`. Units: the time in ns since 1970, now in ms.
 */
export function admitTimeNs(timeNs: bigint, nowMs: UnixMs, limits: IngestLimits): bigint {
  if (timeNs <= 0n) return BigInt(nowMs) * 1_000_000n;
  const timeMs = Number(timeNs / 1_000_000n);
  const newest = limits.rejectNewerThanMs === 0 ? Number.POSITIVE_INFINITY : nowMs + limits.rejectNewerThanMs;
  const oldest = limits.rejectOlderThanMs === 0 ? Number.NEGATIVE_INFINITY : nowMs - limits.rejectOlderThanMs;
  if (timeMs > oldest && timeMs < newest) return timeNs;
  const [fault, bound] = timeMs >= newest ? ["newer", newest] : ["older", oldest];
  throw discardFault(
    "not_in_ingestion_window",
    `profile of ${isoTime(timeMs)} is ${fault} than ${isoTime(bound)}: check the clock of the sender or widen the window`,
    {
      time_ms: timeMs,
      oldest_ms: oldest,
      newest_ms: newest,
    },
  );
}

function sanitizedName(name: string): string {
  const legacy = name.replaceAll(".", "_");
  if (!LEGACY_LABEL_NAME.test(legacy))
    throw discardFault("invalid_labels", `label name ${quoted(name)} has other characters than letters, digits, _ and .`, { label: name });
  return legacy;
}

/** A session id is 8 bytes in hex, little-endian; taking it modulo the bound keeps the number of series down. */
function boundedSession(session: string | undefined, sessionsMax: number): string | undefined {
  if (session === undefined || sessionsMax === 0 || !SESSION_ID.test(session)) return undefined;
  const bytes = Buffer.from(session, "hex");
  bytes.writeBigUInt64LE(bytes.readBigUInt64LE() % BigInt(sessionsMax));
  return bytes.toString("hex");
}

/** UTF-8 never needs more than 3 bytes a UTF-16 unit, so most texts are measured by their length. */
function exceeds(text: string, bytesMax: number): boolean {
  return bytesMax !== 0 && text.length * 3 > bytesMax && Buffer.byteLength(text) > bytesMax;
}

/** NUL is refused because keys of label sets are joined with it. */
function isPlainText(text: string): boolean {
  return text.isWellFormed() && !text.includes("\0");
}

const QUOTED_CHARS_MAX = 64;

function quoted(text: string): string {
  return JSON.stringify(text.length > QUOTED_CHARS_MAX ? `${text.slice(0, QUOTED_CHARS_MAX)}…` : text);
}

function isoTime(timeMs: number): string {
  return Math.abs(timeMs) <= 8.64e15 ? new Date(timeMs).toISOString() : `${timeMs} ms`;
}
