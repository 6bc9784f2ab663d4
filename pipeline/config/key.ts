import { z } from "zod";
import { DAY_MS, HOUR_MS, KIB, MIB, MINUTE_MS, SECOND_MS } from "../base/units.ts";

/**
 * One setting: what it takes, what it is without being set, and a sentence that says what it does. The name of a key ends in its unit
 * unless its text carries one ("1h", "4MiB").
 */
export type Key<Value> = {
  readonly kind: "key";
  /** Takes what YAML gives and what a flag or variable gives (always text). */
  readonly schema: z.ZodType<Value>;
  readonly fallback: Value;
  /** As a person writes it. */
  readonly shown: (value: Value) => string;
  /** What may stand there, for the documentation. */
  readonly takes: string;
  readonly about: string;
  /** Its value opens something: no fault repeats it. */
  readonly isSecret?: boolean;
};

/** A key whose type of value does not matter here. */
export type AnyKey = {
  readonly kind: "key";
  readonly schema: z.ZodType;
  readonly fallback: unknown;
  readonly shown: (value: never) => string;
  readonly takes: string;
  readonly about: string;
  readonly isSecret?: boolean;
};

export type KeyTree = { readonly [name: string]: AnyKey | KeyTree };

/** What a tree of keys gives once every key has its value. */
export type ValuesOf<Tree> = {
  readonly [Name in keyof Tree]: Tree[Name] extends Key<infer Value> ? Value : ValuesOf<Tree[Name]>;
};

type Text<Value> = { readonly fallback: Value; readonly about: string };

export function integer(options: Text<number> & { readonly min: number; readonly max?: number; readonly unit?: string }): Key<number> {
  const max = options.max ?? Number.MAX_SAFE_INTEGER;
  const range = options.max === undefined ? `at least ${options.min}` : `${options.min} to ${max}`;
  const takes = `a whole number${options.unit === undefined ? "" : ` of ${options.unit}`}, ${range}`;
  return {
    kind: "key",
    schema: z.preprocess(numberOfText, z.number(takes).int(takes).min(options.min, takes).max(max, takes)),
    fallback: options.fallback,
    shown: String,
    takes,
    about: options.about,
  };
}

/** A part of a whole, 0 to 1. */
export function ratio(options: Text<number>): Key<number> {
  const takes = "a number from 0 to 1";
  const number = (value: unknown): unknown => (typeof value === "string" && value.trim() !== "" ? Number(value) : value);
  return {
    kind: "key",
    schema: z.preprocess(number, z.number(takes).min(0, takes).max(1, takes)),
    fallback: options.fallback,
    shown: String,
    takes,
    about: options.about,
  };
}

export function choice<const Value extends string>(values: readonly Value[], options: Text<NoInfer<Value>>): Key<Value> {
  const takes = values.map((value) => `\`${value}\``).join(", ");
  return {
    kind: "key",
    schema: z.enum(values as unknown as readonly [Value, ...Value[]], `one of ${values.join(", ")}`) as unknown as z.ZodType<Value>,
    fallback: options.fallback,
    shown: String,
    takes: `one of ${takes}`,
    about: options.about,
  };
}

/** Some of a few words, as a YAML list or as text with commas; in the order of `values`, each once. */
export function choices<const Value extends string>(
  values: readonly Value[],
  options: { readonly fallback: readonly NoInfer<Value>[]; readonly about: string },
): Key<readonly Value[]> {
  const schema = z
    .preprocess(listOfText, z.array(z.enum(values as unknown as readonly [Value, ...Value[]], `some of ${values.join(", ")}`)).min(1))
    .transform((chosen) => values.filter((value) => (chosen as readonly Value[]).includes(value)));
  return {
    kind: "key",
    schema: schema as unknown as z.ZodType<readonly Value[]>,
    fallback: options.fallback,
    shown: (chosen) => chosen.join(","),
    takes: `some of ${values.map((value) => `\`${value}\``).join(", ")}, with commas between`,
    about: options.about,
  };
}

/** Texts, as a YAML list or as one text with commas. */
export function texts(options: {
  readonly fallback: readonly string[];
  readonly takes: string;
  readonly about: string;
}): Key<readonly string[]> {
  return {
    kind: "key",
    schema: z.preprocess(listOfText, z.array(z.string(options.takes), options.takes)) as unknown as z.ZodType<readonly string[]>,
    fallback: options.fallback,
    shown: (values) => values.join(","),
    takes: options.takes,
    about: options.about,
  };
}

export function toggle(options: Text<boolean>): Key<boolean> {
  const takes = "true or false";
  const words: Readonly<Record<string, boolean>> = {
    true: true,
    yes: true,
    on: true,
    "1": true,
    false: false,
    no: false,
    off: false,
    "0": false,
  };
  return {
    kind: "key",
    schema: z.preprocess((value) => (typeof value === "string" ? (words[value.toLowerCase()] ?? value) : value), z.boolean(takes)),
    fallback: options.fallback,
    shown: String,
    takes,
    about: options.about,
  };
}

export function text(options: Text<string> & { readonly takes: string }): Key<string> {
  return {
    kind: "key",
    schema: z.string(options.takes),
    fallback: options.fallback,
    shown: (value) => value,
    takes: options.takes,
    about: options.about,
  };
}

/** How a secret is shown: wherever settings are printed, logged or served. */
export const SECRET_SHOWN = "***";

/**
 * Text that opens something, empty for none. It is shown as {@link SECRET_SHOWN}, which is not taken back: a printed configuration that is
 * loaded again would otherwise log in with three stars.
 */
export function secret(options: { readonly takes: string; readonly about: string }): Key<string> {
  const notShown = `${options.takes}; ${SECRET_SHOWN} only stands for it where settings are shown`;
  return {
    kind: "key",
    schema: z.string(options.takes).refine((value) => value !== SECRET_SHOWN, notShown),
    fallback: "",
    shown: (value) => (value === "" ? "" : SECRET_SHOWN),
    takes: options.takes,
    about: `${options.about} Never shown.`,
    isSecret: true,
  };
}

/** Milliseconds, written "90s", "1h30m", "31d"; a bare 0 is 0. */
export function duration(options: Text<number>): Key<number> {
  const takes = "a duration such as `0s`, `90s`, `1h30m`, `31d`";
  return {
    kind: "key",
    schema: parsed(parseDurationMs, takes),
    fallback: options.fallback,
    shown: showDurationMs,
    takes,
    about: options.about,
  };
}

/** Bytes, written "65535", "256KiB", "4MiB". */
export function size(options: Text<number>): Key<number> {
  const takes = "a size such as `65535`, `256KiB`, `4MiB`";
  return {
    kind: "key",
    schema: parsed(parseSizeBytes, takes),
    fallback: options.fallback,
    shown: showSizeBytes,
    takes,
    about: options.about,
  };
}

/** A mapping from names of the user's choice to values of one shape: only from the file. */
export function mapping<Value>(
  value: z.ZodType<Value>,
  options: { readonly takes: string; readonly about: string },
): Key<Readonly<Record<string, Value>>> {
  return {
    kind: "key",
    schema: z.record(z.string(), value),
    fallback: {},
    shown: (values) => JSON.stringify(values),
    takes: options.takes,
    about: options.about,
  };
}

function parsed(parse: (text: string) => number | undefined, takes: string): z.ZodType<number> {
  return z.unknown().transform((value, context) => {
    const number = typeof value === "string" || typeof value === "number" ? parse(String(value)) : undefined;
    if (number !== undefined) return number;
    context.addIssue({ code: "custom", message: takes.replaceAll("`", "") });
    return z.NEVER;
  });
}

function listOfText(value: unknown): unknown {
  if (typeof value !== "string") return value;
  return value
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

function numberOfText(value: unknown): unknown {
  return typeof value === "string" && /^-?\d+$/.test(value.trim()) ? Number(value) : value;
}

const DURATION_UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: SECOND_MS, m: MINUTE_MS, h: HOUR_MS, d: DAY_MS, w: 7 * DAY_MS };

/** Undefined when the text is no duration. */
export function parseDurationMs(text: string): number | undefined {
  const trimmed = text.trim();
  if (trimmed === "0") return 0;
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d|w))+$/.test(trimmed)) return undefined;
  let total = 0;
  for (const [, count, , unit] of trimmed.matchAll(/(\d+(\.\d+)?)(ms|s|m|h|d|w)/g)) {
    total += Number(count) * (DURATION_UNITS_MS[unit as string] as number);
  }
  return Number.isSafeInteger(Math.round(total)) ? Math.round(total) : undefined;
}

export function showDurationMs(durationMs: number): string {
  if (durationMs === 0) return "0s";
  let rest = durationMs;
  let shown = "";
  for (const unit of ["d", "h", "m", "s", "ms"]) {
    const unitMs = DURATION_UNITS_MS[unit] as number;
    const count = Math.floor(rest / unitMs);
    if (count > 0) shown += `${count}${unit}`;
    rest -= count * unitMs;
  }
  return shown;
}

const SIZE_UNITS_BYTES: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  kb: 1000,
  mb: 1000 ** 2,
  gb: 1000 ** 3,
  kib: KIB,
  mib: MIB,
  gib: KIB * MIB,
};

/** Undefined when the text is no size. */
export function parseSizeBytes(text: string): number | undefined {
  const [, count, unit] = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim()) ?? [];
  const unitBytes = SIZE_UNITS_BYTES[(unit ?? "").toLowerCase()];
  if (count === undefined || unitBytes === undefined) return undefined;
  const bytes = Math.round(Number(count) * unitBytes);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

export function showSizeBytes(bytes: number): string {
  for (const [unit, unitBytes] of [
    ["GiB", KIB * MIB],
    ["MiB", MIB],
    ["KiB", KIB],
  ] as const) {
    if (bytes >= unitBytes && bytes % unitBytes === 0) return `${bytes / unitBytes}${unit}`;
  }
  return String(bytes);
}
