import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { ROOT } from "../tidy/repository.ts";

/*
 * TypeScript types of our own kinds, made of `crds/`. A field with a default is never absent: the API server fills it in before anybody
 * reads it.
 */

type Schema = {
  readonly type?: string;
  readonly description?: string;
  readonly enum?: readonly string[];
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly additionalProperties?: Schema;
  readonly "x-kubernetes-int-or-string"?: boolean;
};

type Definition = {
  readonly spec: {
    readonly names: { readonly kind: string };
    readonly versions: readonly { readonly schema: { readonly openAPIV3Schema: Schema } }[];
  };
};

const SOURCES = [
  { crd: "crds/profilingstacks.yaml", types: "operator/types/profiling-stack.ts" },
  { crd: "crds/profilingpolicies.yaml", types: "operator/types/profiling-policy.ts" },
] as const;

/** Path of each generated file, with its text. */
export function crdTypes(): ReadonlyMap<string, string> {
  return new Map(SOURCES.map(({ crd, types }) => [types, typesOf(crd, parse(readFileSync(join(ROOT, crd), "utf8")) as Definition)]));
}

function typesOf(source: string, { spec: { names, versions } }: Definition): string {
  const root = versions[0]?.schema.openAPIV3Schema.properties ?? {};
  const part = (name: "spec" | "status"): string => {
    const schema = root[name] ?? {};
    const title = name === "spec" ? "Spec" : "Status";
    return `${doc(schema, "")}export type ${names.kind}${title} = ${typeOf(schema, "")};\n`;
  };
  return `// Made of ${source} by hack/generate.ts; edit that file instead.\n\n${part("spec")}\n${part("status")}`;
}

function typeOf(schema: Schema, indent: string): string {
  if (schema["x-kubernetes-int-or-string"] === true) return "number | string";
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  switch (schema.type) {
    case "string":
      return "string";
    case "integer":
    case "number":
      return "number";
    case "boolean":
      return "boolean";
    case "array": {
      const item = typeOf(schema.items ?? {}, indent);
      return `readonly ${item.includes("|") && !item.startsWith("{") ? `(${item})` : item}[]`;
    }
    case "object":
      if (schema.properties !== undefined) return members(schema, indent);
      if (schema.additionalProperties !== undefined) return `{ readonly [name: string]: ${typeOf(schema.additionalProperties, indent)} }`;
      return "{ readonly [name: string]: unknown }";
    default:
      return "unknown";
  }
}

function members(schema: Schema, indent: string): string {
  const inner = `${indent}  `;
  const rows = Object.entries(schema.properties ?? {}).map(([name, value]) => {
    const always = schema.required?.includes(name) === true || value.default !== undefined;
    return `${doc(value, inner)}${inner}readonly ${name}${always ? "" : "?"}: ${typeOf(value, inner)};\n`;
  });
  return rows.length === 0 ? "Readonly<Record<string, never>>" : `{\n${rows.join("")}${indent}}`;
}

function doc({ description }: Schema, indent: string): string {
  return description === undefined ? "" : `${indent}/** ${description.replaceAll("*/", "* /")} */\n`;
}
