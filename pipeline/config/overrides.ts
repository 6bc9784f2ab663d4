import { readFileSync } from "node:fs";
import { LineCounter, parseDocument } from "yaml";
import { z } from "zod";
import { CodedError, FaultKind } from "../base/errors.ts";
import { nearestName } from "./paths.ts";
import { type Config, limitsOf, TENANT_OVERRIDES, type TenantLimits, type TenantOverrides } from "./schema.ts";

export type Overrides = Readonly<Record<string, TenantOverrides>>;

export const NO_OVERRIDES: Overrides = {};

/** What holds for single tenants: asked for at each use, so that a change is in force with the next request. */
export interface TenantSettings {
  limitsOf(tenant: string): TenantLimits;
  /** Of a service, else of its tenant, else of all. 0 is for ever. */
  retentionMs(tenant: string, service: string): number;
  /** The content of the overrides file. */
  overrides(): Overrides;
}

/** The overrides file wins over the configuration, the tenant's own values over the general ones. */
export function tenantSettings(config: Config, overrides: () => Overrides): TenantSettings {
  // Merged once per tenant and version of the file: the limits are asked for with every push.
  let mergedFrom: Overrides | undefined;
  let merged = new Map<string, TenantLimits>();
  return {
    overrides,
    limitsOf: (tenant) => {
      const current = overrides();
      if (current !== mergedFrom) [mergedFrom, merged] = [current, new Map()];
      const own = Object.hasOwn(current, tenant) ? current[tenant] : undefined;
      if (own === undefined) return limitsOf(config, tenant);
      let limits = merged.get(tenant);
      if (limits === undefined) {
        const { retention, ...ownLimits } = own;
        limits = { ...limitsOf(config, tenant), ...ownLimits };
        merged.set(tenant, limits);
      }
      return limits;
    },
    retentionMs: (tenant, service) => {
      const { retention } = config;
      const all = [overrides()[tenant]?.retention, retention.per_tenant[tenant]];
      for (const own of all) {
        const ofService = own?.services !== undefined && Object.hasOwn(own.services, service) ? own.services[service] : undefined;
        const period = ofService ?? own?.period;
        if (period !== undefined) return period;
      }
      return retention.period;
    },
  };
}

const FILE = z.strictObject({ overrides: z.record(z.string(), TENANT_OVERRIDES.nullable()).nullish() });

/**
 * Reads the file of `overrides_file`: `overrides: { acme: { ingestion_rate: 10MiB, retention: { period: 14d } } }`.
 *
 * Errors: `overrides_unreadable`, `overrides_invalid` (invalid): all faults at once, each with its place.
 */
export function readOverridesFile(path: string): Overrides {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new CodedError("overrides_unreadable", FaultKind.Invalid, `cannot read overrides_file ${path}: ${(cause as Error).message}`, {
      cause,
    });
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { prettyErrors: false, lineCounter: lines });
  const [error] = document.errors;
  if (error !== undefined) throw invalid(path, [`line ${lines.linePos(error.pos[0]).line}: ${error.message}`]);
  const parsed = FILE.safeParse(document.toJS() ?? {});
  if (!parsed.success) throw invalid(path, parsed.error.issues.map(faultOf));
  const { overrides } = parsed.data;
  return Object.fromEntries(Object.entries(overrides ?? {}).map(([tenant, own]) => [tenant, own ?? {}]));
}

function faultOf(issue: z.core.$ZodIssue): string {
  const place = issue.path.map(String).join(".");
  if (issue.code !== "unrecognized_keys") return `${place}: takes ${issue.message.replaceAll("`", "")}`;
  const known = issue.path.length === 0 ? ["overrides"] : issue.path.length === 2 ? OVERRIDE_KEYS : ["period", "services"];
  return issue.keys
    .map((key) => {
      const near = nearestName(key, known);
      return `${[...issue.path.map(String), key].join(".")}: is no key${near === undefined ? "" : `; did you mean ${near}?`}`;
    })
    .join("\n  ");
}

const OVERRIDE_KEYS = Object.keys((TENANT_OVERRIDES as unknown as z.ZodObject).shape);

function invalid(path: string, faults: readonly string[]): CodedError {
  return new CodedError("overrides_invalid", FaultKind.Invalid, `overrides_file ${path} has faults:\n  ${faults.join("\n  ")}`);
}
