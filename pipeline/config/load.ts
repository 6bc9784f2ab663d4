import { readFileSync } from "node:fs";
import { LineCounter, parseDocument } from "yaml";
import { CodedError, FaultKind } from "../base/errors.ts";
import type { KeyTree } from "./key.ts";
import { isKey, nearestName, type PlacedKey, placedKeys, VARIABLE_PREFIX } from "./paths.ts";
import { CONFIG_KEYS, type Config } from "./schema.ts";

export type Origin = "flag" | "environment" | "file" | "default";
export type ConfigFault = { readonly name: string; readonly message: string };

export type LoadedConfig = {
  readonly config: Config;
  /** Where each value came from, by the key's dotted name. */
  readonly origins: ReadonlyMap<string, Origin>;
  readonly warnings: readonly ConfigFault[];
};

export type ConfigSources = {
  /** By dotted name, as text: `{ "http.port": "4041" }`. */
  readonly flags: Readonly<Record<string, string>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Path of a YAML file, undefined for none. */
  readonly file: string | undefined;
};

/**
 * Resolves every key: flag, else environment, else file, else default.
 *
 * Errors: `config_unreadable`, `config_invalid` (invalid): all faults at once, each with its key and what it takes.
 */
export function loadConfig(sources: ConfigSources): LoadedConfig {
  const keys = placedKeys(CONFIG_KEYS);
  const faults: ConfigFault[] = [];
  const warnings: ConfigFault[] = [];
  const file = sources.file === undefined ? {} : readFile(sources.file);
  faults.push(...unknownKeys(CONFIG_KEYS, file, keys));
  warnings.push(...unknownVariables(sources.environment, keys));

  const config: Record<string, unknown> = {};
  const origins = new Map<string, Origin>();
  for (const placed of keys) {
    const { origin, value } = pick(placed, sources, file);
    origins.set(placed.name, origin);
    let resolved = placed.key.fallback;
    if (origin !== "default") {
      const parsed = placed.key.schema.safeParse(value);
      if (parsed.success) resolved = parsed.data;
      else for (const issue of parsed.error.issues) faults.push(valueFault(placed, origin, value, issue));
    }
    assign(config, placed.path, resolved);
  }
  if (faults.length > 0) {
    const lines = faults.map((fault) => `  ${fault.name}: ${fault.message}`).join("\n");
    throw new CodedError(
      "config_invalid",
      FaultKind.Invalid,
      `the configuration has ${faults.length === 1 ? "a fault" : `${faults.length} faults`}:\n${lines}`,
      {
        facts: { faults },
      },
    );
  }
  return { config: freezeDeep(config) as Config, origins, warnings };
}

function readFile(path: string): Readonly<Record<string, unknown>> {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new CodedError(
      "config_unreadable",
      FaultKind.Invalid,
      `cannot read the configuration file ${path}: ${(cause as Error).message}`,
      { cause },
    );
  }
  // A pretty error would quote the line, and the line may hold a secret.
  const lines = new LineCounter();
  const document = parseDocument(text, { prettyErrors: false, lineCounter: lines });
  const [error] = document.errors;
  if (error !== undefined) {
    const { line, col } = lines.linePos(error.pos[0]);
    throw new CodedError(
      "config_invalid",
      FaultKind.Invalid,
      `${path} is not YAML at line ${line}, column ${col} (${error.code.toLowerCase().replaceAll("_", " ")})`,
    );
  }
  const value: unknown = document.toJS() ?? {};
  if (!isMapping(value)) throw new CodedError("config_invalid", FaultKind.Invalid, `${path} must be a mapping of keys at its top`);
  return value;
}

function pick(
  { path, name, variable }: PlacedKey,
  sources: ConfigSources,
  file: unknown,
): { readonly origin: Origin; readonly value: unknown } {
  const flag = sources.flags[name];
  if (flag !== undefined) return { origin: "flag", value: flag };
  const environment = sources.environment[variable];
  if (environment !== undefined && environment !== "" && !isServiceVariable(environment))
    return { origin: "environment", value: environment };
  let value: unknown = file;
  for (const step of path) value = isMapping(value) ? value[step] : undefined;
  return value === undefined || value === null ? { origin: "default", value: undefined } : { origin: "file", value };
}

/** Kubernetes sets BRAZIER_PORT=tcp://… and the like in every pod beside a service named brazier. */
function isServiceVariable(value: string): boolean {
  return /^(tcp|udp|sctp):\/\//.test(value);
}

function unknownKeys(tree: KeyTree, value: unknown, keys: readonly PlacedKey[], at: readonly string[] = []): readonly ConfigFault[] {
  if (value === undefined || value === null) return [];
  if (!isMapping(value)) return [{ name: at.join("."), message: "must be a mapping of keys" }];
  return Object.entries(value).flatMap(([step, inner]) => {
    const entry = Object.hasOwn(tree, step) ? tree[step] : undefined;
    const path = [...at, step];
    if (entry === undefined) return [unknownKey(path.join("."), keys)];
    return isKey(entry) ? [] : unknownKeys(entry, inner, keys, path);
  });
}

function unknownKey(name: string, keys: readonly PlacedKey[]): ConfigFault {
  const sections = keys.map((key) => key.path[0] as string);
  const near = nearestName(name, [...keys.map((key) => key.name), ...sections]);
  return { name, message: near === undefined ? "is no key: docs/configuration.md lists them" : `is no key; did you mean ${near}?` };
}

/** The names that Kubernetes makes up for services end so. */
const SERVICE_VARIABLE = /_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$/;

/** Read elsewhere, before there is a configuration. */
const OTHER_VARIABLES: readonly string[] = ["CONFIG", "URL", "TOKEN", "CA_FILE"].map((name) => VARIABLE_PREFIX + name);

function unknownVariables(environment: ConfigSources["environment"], keys: readonly PlacedKey[]): readonly ConfigFault[] {
  const known = keys.map((key) => key.variable);
  return Object.entries(environment)
    .filter(([, value]) => !isServiceVariable(value ?? ""))
    .map(([name]) => name)
    .filter((name) => name.startsWith(VARIABLE_PREFIX) && !known.includes(name) && !OTHER_VARIABLES.includes(name))
    .filter((name) => !SERVICE_VARIABLE.test(name) && !name.startsWith(`${VARIABLE_PREFIX}TEST_`))
    .map((name) => {
      const near = nearestName(name, known);
      return { name, message: `this variable sets nothing${near === undefined ? "" : `; did you mean ${near}?`}` };
    });
}

function valueFault(
  placed: PlacedKey,
  origin: Origin,
  value: unknown,
  issue: { readonly path: PropertyKey[]; readonly message: string },
): ConfigFault {
  const name = [placed.name, ...issue.path.map(String)].join(".");
  const from = origin === "environment" ? ` (from ${placed.variable})` : origin === "flag" ? " (from a flag)" : "";
  const given = issue.path.length === 0 && typeof value !== "object" ? `, not '${String(value)}'` : "";
  if (placed.key.isSecret === true) return { name, message: `takes ${issue.message}${from}` };
  const expected = issue.path.length === 0 ? `takes ${placed.key.takes.replaceAll("`", "")}${given}` : issue.message;
  return { name, message: `${expected}${from}` };
}

function assign(target: Record<string, unknown>, path: readonly string[], value: unknown): void {
  let at = target;
  for (const step of path.slice(0, -1)) at = (at[step] ??= {}) as Record<string, unknown>;
  at[path.at(-1) as string] = value;
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function freezeDeep(value: unknown): unknown {
  if (typeof value === "object" && value !== null) {
    for (const inner of Object.values(value)) freezeDeep(inner);
    Object.freeze(value);
  }
  return value;
}
