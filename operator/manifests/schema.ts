import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";

/** The part of an OpenAPI schema that our kinds use. */
export type Schema = {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly pattern?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly additionalProperties?: Schema;
  readonly "x-kubernetes-preserve-unknown-fields"?: boolean;
};

const CRDS = join(import.meta.dirname, "../../crds");

export async function readSchema(file: "profilingstacks.yaml" | "profilingpolicies.yaml"): Promise<Schema> {
  const definition = parse(await readFile(join(CRDS, file), "utf8")) as {
    readonly spec: { readonly versions: readonly { readonly schema: { readonly openAPIV3Schema: Schema } }[] };
  };
  return definition.spec.versions[0]?.schema.openAPIV3Schema ?? {};
}

/** Fills in defaults from the outside to the inside, as the API server does. */
export function withDefaults(schema: Schema, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => withDefaults(schema.items ?? {}, item));
  if (typeof value !== "object" || value === null) return value;
  const filled: Record<string, unknown> = { ...value };
  for (const [name, inner] of Object.entries(schema.properties ?? {})) {
    const given = filled[name] ?? inner.default;
    if (given !== undefined) filled[name] = withDefaults(inner, given);
  }
  return filled;
}

/** What a value has that its form does not allow; rules across fields are the API server's. */
export function schemaFaults(schema: Schema, value: unknown, path = ""): readonly string[] {
  const at = path === "" ? "the object" : path;
  if (schema.enum !== undefined && !schema.enum.includes(value))
    return [`${at}: takes one of ${schema.enum.join(", ")}, not ${JSON.stringify(value)}`];
  switch (schema.type) {
    case "object":
      return objectFaults(schema, value, path);
    case "array":
      if (!Array.isArray(value)) return [`${at}: takes a list`];
      return value.flatMap((item, index) => schemaFaults(schema.items ?? {}, item, `${path}[${index}]`));
    case "integer":
      if (typeof value !== "number" || !Number.isInteger(value)) return [`${at}: takes a whole number, not ${JSON.stringify(value)}`];
      if (value < (schema.minimum ?? value) || value > (schema.maximum ?? value))
        return [`${at}: takes ${schema.minimum} to ${schema.maximum}`];
      return [];
    case "boolean":
      return typeof value === "boolean" ? [] : [`${at}: takes true or false, not ${JSON.stringify(value)}`];
    case "string":
      if (typeof value !== "string") return [`${at}: takes text, not ${JSON.stringify(value)}`];
      return schema.pattern === undefined || new RegExp(schema.pattern).test(value)
        ? []
        : [`${at}: ${JSON.stringify(value)} does not have the form ${schema.pattern}`];
    default:
      return [];
  }
}

function objectFaults(schema: Schema, value: unknown, path: string): readonly string[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [`${path === "" ? "the object" : path}: takes a mapping`];
  const inside = (name: string): string => (path === "" ? name : `${path}.${name}`);
  const missing = (schema.required ?? []).filter((name) => !(name in value)).map((name) => `${inside(name)}: is required`);
  const { properties, additionalProperties } = schema;
  return [
    ...missing,
    ...Object.entries(value).flatMap(([name, inner]) => {
      if (properties !== undefined && name in properties) return schemaFaults(properties[name] as Schema, inner, inside(name));
      if (additionalProperties !== undefined) return schemaFaults(additionalProperties, inner, inside(name));
      if (properties === undefined || schema["x-kubernetes-preserve-unknown-fields"] === true) return [];
      return [`${inside(name)}: is no field; there are ${Object.keys(properties).join(", ")}`];
    }),
  ];
}
