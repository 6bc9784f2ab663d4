import { parse, stringify } from "yaml";
import { SECRET_VARIABLES } from "../../../operator/desired/pod.ts";
import { placedKeys } from "../../config/paths.ts";
import { CONFIG_KEYS } from "../../config/schema.ts";

/** Stands where something was that may be a secret. */
export const REDACTED = "(removed)";

const FROM_SECRETS: ReadonlySet<string> = new Set(Object.values(SECRET_VARIABLES));

/** Settings whose value opens something, or comes out of a Secret. */
const SECRET_SETTINGS: ReadonlySet<string> = new Set(
  placedKeys(CONFIG_KEYS)
    .filter(({ key, variable }) => key.isSecret === true || FROM_SECRETS.has(variable))
    .map(({ name }) => name),
);

/** Annotations that repeat an object as it was applied, and bookkeeping of field owners: long, and not covered by what is removed elsewhere. */
const REPEATING = ["kubectl.kubernetes.io/last-applied-configuration"];

/**
 * An object as it may leave the cluster: values of environment variables that are written out, secret settings and what is set by
 * arguments is removed. Secrets themselves are never read. Pure.
 */
export function redactObject(value: unknown, at = ""): unknown {
  if (Array.isArray(value)) {
    if (at === "args" || at === "extraArgs") return redactArguments(value.map(String));
    return value.map((item) => (at === "env" || at === "extraEnv" ? redactVariable(item) : redactObject(item)));
  }
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => name !== "managedFields" && !REPEATING.includes(name))
      .map(([name, inner]) => [name, redactField(at, name, inner)]),
  );
}

function redactField(at: string, name: string, value: unknown): unknown {
  if (at === "config" && SECRET_SETTINGS.has(name)) return REDACTED;
  if (at === "data" && name.endsWith(".yaml") && typeof value === "string") return redactSettings(value);
  return redactObject(value, name);
}

function redactVariable(variable: unknown): unknown {
  return typeof variable === "object" && variable !== null && "value" in variable ? { ...variable, value: REDACTED } : variable;
}

const SECRET_FLAG = /token|password|secret|header|credential/i;

/** What follows `--set=tracing.headers=`, `--token=` or `--token`, and what is like them. */
function redactArguments(args: readonly string[]): readonly string[] {
  return args.map((argument, at) => {
    const before = args[at - 1] ?? "";
    if (!argument.startsWith("-") && /^-+[^=]+$/.test(before) && SECRET_FLAG.test(before)) return REDACTED;
    const [, head = "", name = ""] = /^(-*(?:set=)?([^=]*)=)/.exec(argument) ?? [];
    return SECRET_SETTINGS.has(name) || SECRET_FLAG.test(name) ? head + REDACTED : argument;
  });
}

/** A file of settings, as a ConfigMap has it or a server shows it. */
export function redactSettings(text: string): string {
  const walk = (value: unknown, path: string): unknown => {
    if (SECRET_SETTINGS.has(path)) return REDACTED;
    if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, walk(inner, path === "" ? name : `${path}.${name}`)]));
  };
  return stringify(walk(parse(text), ""), { lineWidth: 0 });
}

/** Text as it may leave the cluster: what stands before the host of an address, and bearer tokens. Pure. */
export function redactText(text: string): string {
  return text.replace(/(\w+:\/\/)[^/@\s"']+@/g, `$1${REDACTED}@`).replace(/\b(bearer|basic)\s+[\w.~+/=-]{8,}/gi, `$1 ${REDACTED}`);
}
