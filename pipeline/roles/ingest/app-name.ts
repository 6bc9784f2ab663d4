import type { Label } from "../../profile/labels.ts";
import { paramsFault } from "./params-fault.ts";

const APP = /^[A-Za-z0-9_.\-/]+$/;
const LABEL = /^[A-Za-z0-9_.]+$/;

export type AppName = { readonly app: string; readonly labels: readonly Label[] };

/**
 * Reads the `name` parameter of `/ingest`: `app` or `app{label=value,other=value}`. Values run to the next `,` or `}`, unquoted.
 * Of a label given twice the last one counts; what follows the `}` is ignored.
 *
 * Errors: `ingest_params`.
 * Source: the label set syntax of the original Pyroscope API.
 */
export function parseAppName(name: string): AppName {
  const brace = name.indexOf("{");
  const app = (brace === -1 ? name : name.slice(0, brace)).trim();
  if (app === "") throw paramsFault("name", "is missing: give ?name=my.service{region=eu}");
  if (!APP.test(app))
    throw paramsFault("name", `has an application ${JSON.stringify(app)} with other characters than letters, digits, _ . - and /`);
  const labels = new Map<string, string>();
  if (brace === -1) return { app, labels: [] };
  const end = name.indexOf("}", brace);
  for (const pair of name.slice(brace + 1, end === -1 ? undefined : end).split(",")) {
    const equals = pair.indexOf("=");
    if (equals === -1) continue;
    const label = pair.slice(0, equals).trim();
    if (label === "__name__") throw paramsFault("name", "may not have a label __name__: the type of the profile is told by its content");
    if (!LABEL.test(label))
      throw paramsFault("name", `has a label ${JSON.stringify(label)} with other characters than letters, digits, _ and .`);
    labels.set(label, pair.slice(equals + 1).trim());
  }
  return { app, labels: [...labels].map(([label, value]) => ({ name: label, value })) };
}
