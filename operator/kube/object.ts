/** Any object of the Kubernetes API, as JSON. Builders make them, `apply/` sends them; nobody changes one in place. */
export type KubeObject = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Metadata;
  readonly [field: string]: unknown;
};

export type Metadata = {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly generation?: number;
  readonly resourceVersion?: string;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly OwnerReference[];
};

export type OwnerReference = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
};

export type Kind = { readonly apiVersion: string; readonly kind: string };

/** One object's identity: `apps/v1/Deployment profiling/main-query`. */
export function idOf({ apiVersion, kind, metadata }: Pick<KubeObject, "apiVersion" | "kind" | "metadata">): string {
  return `${kindId({ apiVersion, kind })} ${metadata.namespace ?? ""}/${metadata.name}`;
}

export function kindId({ apiVersion, kind }: Kind): string {
  return `${apiVersion}/${kind}`;
}

/** A value deep inside an object that came over the wire; undefined where the way ends. */
export function valueAt(value: unknown, ...path: readonly (string | number)[]): unknown {
  let at = value;
  for (const step of path) {
    if (typeof at !== "object" || at === null) return undefined;
    at = (at as Record<string | number, unknown>)[step];
  }
  return at;
}

/** What an object's status says under a type of condition. */
export function conditionAt(object: unknown, type: string): unknown {
  const conditions = valueAt(object, "status", "conditions");
  return Array.isArray(conditions) ? conditions.find((one) => textAt(one, "type") === type) : undefined;
}

export function numberAt(value: unknown, ...path: readonly (string | number)[]): number | undefined {
  const found = valueAt(value, ...path);
  return typeof found === "number" ? found : undefined;
}

export function textAt(value: unknown, ...path: readonly (string | number)[]): string | undefined {
  const found = valueAt(value, ...path);
  return typeof found === "string" ? found : undefined;
}
