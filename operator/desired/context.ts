import type { KubeObject } from "../kube/object.ts";
import type { Observed } from "../observe/observed.ts";
import type { ProfilingStackSpec } from "../types/profiling-stack.ts";
import { API_VERSION, labelsOf, objectName, type StackKey } from "./names.ts";
import { type Role, SIZES, type SizeShares } from "./sizes.ts";

/** What the operator itself brings. */
export type Settings = {
  /** The version that stacks run when they say none. */
  readonly version: string;
};

/** What every builder gets: the observed world, and what follows from it for all of them. */
export type Context = {
  readonly observed: Observed;
  readonly spec: ProfilingStackSpec;
  readonly key: StackKey;
  readonly version: string;
  readonly isDemo: boolean;
  readonly shares: SizeShares;
};

export function contextOf(observed: Observed, settings: Settings): Context {
  const { spec, metadata } = observed.stack;
  return {
    observed,
    spec,
    key: { namespace: metadata.namespace, name: metadata.name },
    version: spec.version ?? settings.version,
    isDemo: spec.size === "demo",
    shares: SIZES[spec.size === "demo" ? "small" : spec.size],
  };
}

/** One namespaced object of the stack: named, labelled and owned. */
export function stackObject(
  context: Context,
  object: {
    readonly apiVersion: string;
    readonly kind: string;
    readonly part: string;
    /** Which component it belongs to; absent, the part is one. */
    readonly component?: string;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly labels?: Readonly<Record<string, string>>;
  },
  content: Readonly<Record<string, unknown>>,
): KubeObject {
  const { metadata } = context.observed.stack;
  const { annotations = {}, component = object.part } = object;
  return {
    apiVersion: object.apiVersion,
    kind: object.kind,
    metadata: {
      name: objectName(context.key, object.part),
      namespace: context.key.namespace,
      labels: { ...object.labels, ...labelsOf(context.key, component) },
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
      ownerReferences: [
        {
          apiVersion: API_VERSION,
          kind: "ProfilingStack",
          name: metadata.name,
          uid: metadata.uid,
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    ...content,
  };
}

export type ComponentSpec = NonNullable<ProfilingStackSpec["query"]>;

/** How many pods a role has at first, and whether somebody else decides afterwards. */
export function replicasOf({ spec, shares }: Context, role: Role): { readonly replicas: number; readonly autoscaled: boolean } {
  const component = spec[role];
  if (component?.autoscaling !== undefined) return { replicas: component.autoscaling.minReplicas, autoscaled: true };
  return { replicas: component?.replicas ?? shares[role].replicas, autoscaled: false };
}

/** `repository@digest`, else `repository:tag`. */
export function imageName(image: { readonly repository: string; readonly digest?: string }, tag: string): string {
  return image.digest === undefined ? `${image.repository}:${tag}` : `${image.repository}@${image.digest}`;
}

/** Leaves out what is undefined: to the API server, absent and null are different things. */
export function present(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
