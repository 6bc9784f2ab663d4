import type { KubeObject } from "../kube/object.ts";
import { decisionOf } from "../scaling/counted-part.ts";
import { COUNTED_PARTS } from "../scaling/counted-parts.ts";
import { IN_FLIGHT_METRIC, inFlightTarget } from "../scaling/in-flight.ts";
import { type ComponentSpec, type Context, present, replicasOf, stackObject } from "./context.ts";
import { durationSeconds } from "./duration.ts";
import { HTTP_PORT, OTLP_GRPC_PORT, OTLP_HTTP_PORT, objectName, STATUS_PORT, selectorOf } from "./names.ts";
import { serverPod } from "./pod.ts";
import { replicasUntilTaken } from "./replicas.ts";
import { scaledObject } from "./scaled-object.ts";
import { DEMO, type Role } from "./sizes.ts";

/** Readers first: what is new is read before it is written. */
const ROLES: readonly Role[] = ["query", "compact", "segment", "ingest"];

/** The roles of the server: each a Deployment with its Service, autoscaler and disruption budget; a demo is one process with all of them. */
export function buildServers(context: Context): readonly KubeObject[] {
  const account = stackObject(
    context,
    {
      apiVersion: "v1",
      kind: "ServiceAccount",
      part: "server",
      annotations: webIdentity(context),
    },
    // The servers never talk to the API server.
    { automountServiceAccountToken: false },
  );
  return [account, ...(context.isDemo ? buildDemo(context) : ROLES.flatMap((role) => buildRole(context, role)))];
}

function webIdentity({ spec }: Context): Readonly<Record<string, string>> {
  const role = spec.storage.s3?.webIdentity?.roleArn;
  return role === undefined ? {} : { "eks.amazonaws.com/role-arn": role };
}

function buildRole(context: Context, role: Role): readonly KubeObject[] {
  const spec = context.spec[role] as ComponentSpec | undefined;
  const { cpu, memory } = context.shares[role];
  const { replicas, autoscaled } = replicasOf(context, role);
  const counted = COUNTED_PARTS.find(({ component }) => component === role);
  const decided = counted === undefined ? undefined : decisionOf(counted, context);
  const byOthers = autoscaled && decided === undefined;
  const byKeda = byOthers && role === "segment";
  const pod = serverPod(context, {
    component: role,
    roles: role,
    spec,
    resources: { requests: { cpu, memory }, limits: { memory } },
    data: { emptyDir: {} },
  });
  const deployment = stackObject(
    context,
    { apiVersion: "apps/v1", kind: "Deployment", part: role },
    {
      spec: present({
        replicas: byOthers ? replicasUntilTaken(context, role) : (decided?.replicas ?? replicas),
        revisionHistoryLimit: 3,
        selector: { matchLabels: selectorOf(context.key, role) },
        strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
        template: pod,
      }),
    },
  );
  return [
    deployment,
    ...roleServices(context, role, role),
    ...(byKeda ? [scaledObject(context)] : byOthers ? [autoscaler(context, role, spec)] : []),
    ...disruptionBudget(context, role, spec, autoscaled ? (spec?.autoscaling?.minReplicas ?? 1) : replicas),
  ];
}

/** `pods` is the component that answers: in a demo one for all. */
function roleServices(context: Context, role: Role, pods: string): readonly KubeObject[] {
  const entrance = role === "ingest" || role === "query";
  const { type, annotations, loadBalancerClass } = context.spec.expose.service;
  const port = (name: string, number: number, appProtocol?: string) =>
    present({ name, port: number, targetPort: name, protocol: "TCP", appProtocol });
  const status = port("status", STATUS_PORT);
  // Who may come in from outside has no business with metrics.
  const isInside = !entrance || type === "ClusterIP";
  const service = stackObject(
    context,
    { apiVersion: "v1", kind: "Service", part: role, ...(entrance && annotations !== undefined ? { annotations } : {}) },
    {
      spec: present({
        type: entrance ? type : "ClusterIP",
        loadBalancerClass: entrance ? loadBalancerClass : undefined,
        selector: selectorOf(context.key, pods),
        ports: [
          port("http", HTTP_PORT),
          ...(role === "ingest" ? [port("otlp-grpc", OTLP_GRPC_PORT, "kubernetes.io/h2c"), port("otlp-http", OTLP_HTTP_PORT)] : []),
          ...(isInside ? [status] : []),
        ],
      }),
    },
  );
  const statusService = stackObject(
    context,
    { apiVersion: "v1", kind: "Service", part: `${role}-status`, component: role },
    { spec: { type: "ClusterIP", selector: selectorOf(context.key, pods), ports: [status] } },
  );
  return isInside ? [service] : [service, statusService];
}

function autoscaler(context: Context, role: Role, spec: ComponentSpec | undefined): KubeObject {
  const inFlight = role === "query" ? inFlightTarget(context) : undefined;
  const scaling = spec?.autoscaling ?? { minReplicas: 1, maxReplicas: 1, targetCpuPercent: 70, scaleDownStabilization: "300s" };
  return stackObject(
    context,
    { apiVersion: "autoscaling/v2", kind: "HorizontalPodAutoscaler", part: role },
    {
      spec: {
        scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: objectName(context.key, role) },
        minReplicas: scaling.minReplicas,
        maxReplicas: scaling.maxReplicas,
        metrics: [
          { type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: scaling.targetCpuPercent } } },
          // The autoscaler takes the metric that asks for most.
          ...(inFlight === undefined
            ? []
            : [
                {
                  type: "Pods",
                  pods: { metric: { name: IN_FLIGHT_METRIC }, target: { type: "AverageValue", averageValue: String(inFlight) } },
                },
              ]),
        ],
        behavior: {
          scaleDown: {
            stabilizationWindowSeconds: Math.min(3600, durationSeconds(scaling.scaleDownStabilization)),
            selectPolicy: "Max",
            policies: [{ type: "Percent", value: 50, periodSeconds: 60 }],
          },
          scaleUp: {
            stabilizationWindowSeconds: 0,
            selectPolicy: "Max",
            policies: [
              { type: "Percent", value: 100, periodSeconds: 30 },
              { type: "Pods", value: 2, periodSeconds: 30 },
            ],
          },
        },
      },
    },
  );
}

export function disruptionBudget(
  context: Context,
  component: string,
  spec: { readonly disruptionBudget: boolean } | undefined,
  replicas: number,
): readonly KubeObject[] {
  // A pod that does nothing for us may go at any time. For a single pod a budget would only keep its node from ever being drained.
  if (spec?.disruptionBudget === false || replicas < 2) return [];
  return [
    stackObject(
      context,
      { apiVersion: "policy/v1", kind: "PodDisruptionBudget", part: component },
      {
        spec: {
          maxUnavailable: 1,
          unhealthyPodEvictionPolicy: "AlwaysAllow",
          selector: { matchLabels: selectorOf(context.key, component) },
        },
      },
    ),
  ];
}

function buildDemo(context: Context): readonly KubeObject[] {
  const { directory } = context.spec.storage;
  const claim =
    directory === undefined
      ? []
      : [
          stackObject(
            context,
            { apiVersion: "v1", kind: "PersistentVolumeClaim", part: "data", component: "all" },
            {
              spec: present({
                accessModes: ["ReadWriteOnce"],
                storageClassName: directory.storageClassName,
                resources: { requests: { storage: directory.size ?? "10Gi" } },
              }),
            },
          ),
        ];
  const data = directory === undefined ? { emptyDir: {} } : { persistentVolumeClaim: { claimName: objectName(context.key, "data") } };
  const pod = serverPod(context, {
    component: "all",
    roles: "all",
    spec: context.spec.query,
    resources: { requests: { cpu: DEMO.cpu, memory: DEMO.memory }, limits: { memory: DEMO.memory } },
    data,
  });
  const deployment = stackObject(
    context,
    { apiVersion: "apps/v1", kind: "Deployment", part: "all" },
    {
      spec: {
        replicas: 1,
        revisionHistoryLimit: 3,
        selector: { matchLabels: selectorOf(context.key, "all") },
        // Only one process at a time may use the directory.
        strategy: { type: "Recreate" },
        template: pod,
      },
    },
  );
  return [...claim, deployment, ...roleServices(context, "ingest", "all"), ...roleServices(context, "query", "all")];
}
