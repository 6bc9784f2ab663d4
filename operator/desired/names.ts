/** Every name and label of what a stack owns. Nothing else spells one. */

export const API_GROUP = "profiling.brazier.dev";
export const API_VERSION = `${API_GROUP}/v1alpha1`;
export const MANAGED_BY = "brazier-operator";
/** Who has set a field, as the API server notes it down. */
export const FIELD_MANAGER = "brazier-operator";

export const CONFIG_HASH = `${API_GROUP}/config-hash`;
/** On the StatefulSet of NATS: how many servers it was made for, whoever scales it by hand. */
export const NATS_SERVERS = `${API_GROUP}/servers`;
/** Labels, because owner references do not reach from a namespace to objects of the whole cluster. */
export const STACK_NAMESPACE = `${API_GROUP}/stack-namespace`;
export const STACK_NAME = `${API_GROUP}/stack`;

/** Shipped with the operator's own permissions; the agents of every stack are bound to it. */
export const AGENT_CLUSTER_ROLE = "brazier-agent";

export const HTTP_PORT = 4040;
export const OTLP_GRPC_PORT = 4317;
export const OTLP_HTTP_PORT = 4318;
export const AGENT_PORT = 4041;
/** Probes and metrics of servers, without TLS and without tokens: never part of what is exposed. */
export const STATUS_PORT = 4042;
export const NATS_PORT = 4222;
export const NATS_ROUTE_PORT = 6222;
export const NATS_MONITOR_PORT = 8222;

export type StackKey = { readonly namespace: string; readonly name: string };

export function objectName(stack: StackKey, part: string): string {
  return `${stack.name}-${part}`;
}

/** What a Service or a Deployment finds pods by; never changes. */
export function selectorOf(stack: StackKey, component: string): Readonly<Record<string, string>> {
  return { "app.kubernetes.io/name": "brazier", "app.kubernetes.io/instance": stack.name, "app.kubernetes.io/component": component };
}

export function labelsOf(stack: StackKey, component: string): Readonly<Record<string, string>> {
  return {
    ...selectorOf(stack, component),
    "app.kubernetes.io/managed-by": MANAGED_BY,
    "app.kubernetes.io/part-of": "brazier",
    [STACK_NAME]: stack.name,
    [STACK_NAMESPACE]: stack.namespace,
  };
}

/** Finds everything of one stack. */
export function stackSelector(stack: StackKey): string {
  return selectorText({ "app.kubernetes.io/managed-by": MANAGED_BY, [STACK_NAME]: stack.name, [STACK_NAMESPACE]: stack.namespace });
}

/** Labels as a selector says them: `a=1,b=2`. */
export function selectorText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(",");
}

export function hostOf(stack: StackKey, part: string): string {
  return `${objectName(stack, part)}.${stack.namespace}.svc`;
}
