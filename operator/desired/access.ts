import type { KubeObject } from "../kube/object.ts";
import { type Context, present, stackObject } from "./context.ts";
import { HTTP_PORT, NATS_PORT, NATS_ROUTE_PORT, objectName, selectorOf } from "./names.ts";

/** What goes to the pods that take profiles in; everything else is a question. */
const PUSH_PATHS = [
  "/ingest",
  "/push.v1.PusherService/",
  "/v1development/profiles",
  "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/",
];

/** Ways in from outside, and who may not come in. */
export function buildAccess(context: Context): readonly KubeObject[] {
  const { ingress, httpRoute } = context.spec.expose;
  return [
    ...(ingress === undefined ? [] : [buildIngress(context, ingress)]),
    ...(httpRoute === undefined ? [] : [buildHttpRoute(context, httpRoute)]),
    ...(context.spec.networkPolicy.enabled ? networkPolicies(context) : []),
  ];
}

function buildIngress(context: Context, ingress: NonNullable<Context["spec"]["expose"]["ingress"]>): KubeObject {
  const { host, className, annotations, tlsSecretName } = ingress;
  const path = (prefix: string, role: string) => ({
    path: prefix,
    pathType: "Prefix",
    backend: { service: { name: objectName(context.key, role), port: { name: "http" } } },
  });
  return stackObject(
    context,
    { apiVersion: "networking.k8s.io/v1", kind: "Ingress", part: "http", ...(annotations === undefined ? {} : { annotations }) },
    {
      spec: present({
        ingressClassName: className,
        tls: tlsSecretName === undefined ? undefined : [{ hosts: [host], secretName: tlsSecretName }],
        rules: [{ host, http: { paths: [...PUSH_PATHS.map((prefix) => path(prefix, "ingest")), path("/", "query")] } }],
      }),
    },
  );
}

function buildHttpRoute(context: Context, route: NonNullable<Context["spec"]["expose"]["httpRoute"]>): KubeObject {
  const rule = (prefixes: readonly string[], role: string) => ({
    matches: prefixes.map((value) => ({ path: { type: "PathPrefix", value: value.length > 1 ? value.replace(/\/$/, "") : value } })),
    backendRefs: [{ group: "", kind: "Service", name: objectName(context.key, role), port: HTTP_PORT, weight: 1 }],
  });
  return stackObject(
    context,
    { apiVersion: "gateway.networking.k8s.io/v1", kind: "HTTPRoute", part: "http" },
    {
      spec: present({
        parentRefs: route.parentRefs.map((parent) => ({ group: "gateway.networking.k8s.io", kind: "Gateway", ...parent })),
        hostnames: route.hostnames,
        rules: [rule(PUSH_PATHS, "ingest"), rule(["/"], "query")],
      }),
    },
  );
}

function networkPolicies(context: Context): readonly KubeObject[] {
  const { key, isDemo, spec } = context;
  if (isDemo || spec.queue?.external !== undefined) return [];
  const servers = {
    podSelector: {
      matchExpressions: [
        { key: "app.kubernetes.io/instance", operator: "In", values: [key.name] },
        { key: "app.kubernetes.io/component", operator: "In", values: ["ingest", "segment", "compact", "query"] },
      ],
    },
  };
  const port = (number: number) => ({ port: number, protocol: "TCP" });
  return [
    stackObject(
      context,
      { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", part: "nats" },
      {
        spec: {
          podSelector: { matchLabels: selectorOf(key, "nats") },
          policyTypes: ["Ingress"],
          ingress: [
            { from: [servers], ports: [port(NATS_PORT)] },
            { from: [{ podSelector: { matchLabels: selectorOf(key, "nats") } }], ports: [port(NATS_PORT), port(NATS_ROUTE_PORT)] },
          ],
        },
      },
    ),
  ];
}
