import { OPTIONAL_KINDS } from "../desired/monitoring.ts";
import { type Kind, kindId } from "./object.ts";

/** A kind with its place in the API. */
export type Resource = Kind & { readonly plural: string; readonly namespaced: boolean; readonly optional: boolean };

const at = (apiVersion: string, kind: string, plural: string): Resource => ({
  apiVersion,
  kind,
  plural,
  namespaced: true,
  optional: false,
});
const optional = (kind: Kind, plural: string): Resource => ({ ...kind, plural, namespaced: true, optional: true });

/**
 * Every kind that a stack may own: what is watched, and what is removed when it is desired no longer. A test compares it with what the
 * builders make, and another one with the permissions that the chart grants.
 */
export const OWNED_KINDS: readonly Resource[] = [
  at("v1", "ConfigMap", "configmaps"),
  at("v1", "PersistentVolumeClaim", "persistentvolumeclaims"),
  at("v1", "Secret", "secrets"),
  at("v1", "Service", "services"),
  at("v1", "ServiceAccount", "serviceaccounts"),
  at("apps/v1", "DaemonSet", "daemonsets"),
  at("apps/v1", "Deployment", "deployments"),
  at("apps/v1", "StatefulSet", "statefulsets"),
  at("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers"),
  at("networking.k8s.io/v1", "Ingress", "ingresses"),
  at("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"),
  at("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets"),
  { ...at("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "clusterrolebindings"), namespaced: false },
  optional(OPTIONAL_KINDS.serviceMonitor, "servicemonitors"),
  optional(OPTIONAL_KINDS.prometheusRule, "prometheusrules"),
  optional(OPTIONAL_KINDS.grafanaDatasource, "grafanadatasources"),
  optional(OPTIONAL_KINDS.scaledObject, "scaledobjects"),
  optional(OPTIONAL_KINDS.httpRoute, "httproutes"),
];

export const STACKS: Resource = at("profiling.brazier.dev/v1alpha1", "ProfilingStack", "profilingstacks");
export const POLICIES: Resource = at("profiling.brazier.dev/v1alpha1", "ProfilingPolicy", "profilingpolicies");
export const LEASES: Resource = at("coordination.k8s.io/v1", "Lease", "leases");
export const EVENTS: Resource = at("v1", "Event", "events");
export const PODS: Resource = at("v1", "Pod", "pods");

const ALL: ReadonlyMap<string, Resource> = new Map(
  [...OWNED_KINDS, STACKS, POLICIES, LEASES, EVENTS, PODS].map((resource) => [kindId(resource), resource]),
);

export function resourceOf(kind: Kind): Resource {
  const found = ALL.get(kindId(kind));
  if (found === undefined) throw new Error(`the kind ${kindId(kind)} has no row in kinds.ts`);
  return found;
}

/** `/apis/apps/v1/namespaces/profiling/deployments`; without a namespace, those of all. */
export function collectionPath({ apiVersion, plural, namespaced }: Resource, namespace: string | undefined): string {
  const group = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  return `${group}${namespaced && namespace !== undefined ? `/namespaces/${namespace}` : ""}/${plural}`;
}
