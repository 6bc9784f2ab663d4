import { hashOf } from "../kube/hash.ts";
import type { KubeObject } from "../kube/object.ts";
import { type Context, imageName, present, stackObject } from "./context.ts";
import { CONFIG_HASH, labelsOf, NATS_MONITOR_PORT, NATS_PORT, NATS_ROUTE_PORT, NATS_SERVERS, objectName, selectorOf } from "./names.ts";
import { RESTRICTED_CONTAINER, RESTRICTED_POD } from "./pod.ts";
import { type NatsShape, natsShape, quantityBytes } from "./server-settings.ts";
import { disruptionBudget } from "./servers.ts";

const DEFAULT_IMAGE = { repository: "nats", tag: "2.15.0-scratch", pullPolicy: "IfNotPresent" } as const;

/** The stack's own NATS cluster; nothing where it uses another one, or none. */
export function buildNats(context: Context): readonly KubeObject[] {
  if (context.isDemo || context.spec.queue?.external !== undefined) return [];
  const shape = natsShape(context);
  return [
    secret(context, shape),
    stackObject(context, { apiVersion: "v1", kind: "ConfigMap", part: "nats" }, { data: { "nats.conf": serverFile(context, shape) } }),
    clientService(context),
    peerService(context),
    statefulSet(context, shape),
    ...disruptionBudget(context, "nats", undefined, shape.replicas),
  ];
}

function secret(context: Context, shape: NatsShape): KubeObject {
  const { nats } = context.observed;
  const base64 = (text: string): string => Buffer.from(text, "utf8").toString("base64");
  const values = {
    user: nats?.user,
    password: nats?.password,
    ...(shape.tls
      ? { "ca.crt": nats?.tls?.caCertificate, "ca.key": nats?.tls?.caKey, "tls.crt": nats?.tls?.certificate, "tls.key": nats?.tls?.key }
      : {}),
  };
  const data = Object.fromEntries(Object.entries(values).map(([key, value]) => [key, base64(value ?? "")]));
  return stackObject(context, { apiVersion: "v1", kind: "Secret", part: "nats" }, { type: "Opaque", data });
}

/** The servers' configuration. Passwords come from the environment: the file is no secret. */
function serverFile({ key }: Context, { replicas, tls, volume }: NatsShape): string {
  const name = objectName(key, "nats");
  const tlsBlock = (verify: boolean): string =>
    tls
      ? `  tls {\n    cert_file: /etc/nats/tls/tls.crt\n    key_file: /etc/nats/tls/tls.key\n    ca_file: /etc/nats/tls/ca.crt\n    verify: ${verify}\n    timeout: 10\n  }\n`
      : "";
  const routes = Array.from(
    { length: replicas },
    (_, at) => `    nats-route://${name}-${at}.${name}-peers.${key.namespace}.svc:${NATS_ROUTE_PORT}`,
  );
  // Routes are let in by their certificates: only the servers have one of this authority.
  const cluster =
    replicas === 1
      ? ""
      : `cluster {\n  name: ${name}\n  listen: 0.0.0.0:${NATS_ROUTE_PORT}\n${tlsBlock(true)}  routes: [\n${routes.join("\n")}\n  ]\n}\n`;
  const clientTls = tlsBlock(false).replace(/^ {2}/gm, "");
  return `server_name: $POD_NAME
listen: 0.0.0.0:${NATS_PORT}
http: 0.0.0.0:${NATS_MONITOR_PORT}
lame_duck_duration: 30s
lame_duck_grace_period: 5s
max_payload: 8MB
jetstream {
  store_dir: /data
  max_memory_store: 0
  max_file_store: ${Math.floor(quantityBytes(volume) * 0.9)}
}
authorization {
  users: [ { user: $NATS_USER, password: $NATS_PASSWORD } ]
}
${clientTls}${cluster}`;
}

function clientService(context: Context): KubeObject {
  return stackObject(
    context,
    { apiVersion: "v1", kind: "Service", part: "nats" },
    {
      spec: {
        type: "ClusterIP",
        selector: selectorOf(context.key, "nats"),
        ports: [
          { name: "client", port: NATS_PORT, targetPort: "client", protocol: "TCP" },
          { name: "monitor", port: NATS_MONITOR_PORT, targetPort: "monitor", protocol: "TCP" },
        ],
      },
    },
  );
}

/** Gives each server a name of its own, ready or not: they find each other before any is. */
function peerService(context: Context): KubeObject {
  return stackObject(
    context,
    { apiVersion: "v1", kind: "Service", part: "nats-peers", component: "nats" },
    {
      spec: {
        type: "ClusterIP",
        clusterIP: "None",
        publishNotReadyAddresses: true,
        selector: selectorOf(context.key, "nats"),
        ports: [{ name: "route", port: NATS_ROUTE_PORT, targetPort: "route", protocol: "TCP" }],
      },
    },
  );
}

function statefulSet(context: Context, shape: NatsShape): KubeObject {
  const { spec, key, shares, observed } = context;
  const own = spec.queue?.nats;
  const { cpu, memory } = shares.nats;
  const image = own?.image ?? DEFAULT_IMAGE;
  const name = objectName(key, "nats");
  const variable = (variableName: string, secretKey: string) => ({
    name: variableName,
    valueFrom: { secretKeyRef: { name, key: secretKey } },
  });
  const probe = (path: string, more: Readonly<Record<string, number>>) => ({
    httpGet: { path, port: "monitor", scheme: "HTTP" },
    timeoutSeconds: 5,
    ...more,
  });
  const labelSelector = { matchLabels: selectorOf(key, "nats") };
  return stackObject(
    context,
    { apiVersion: "apps/v1", kind: "StatefulSet", part: "nats", annotations: { [NATS_SERVERS]: String(shape.replicas) } },
    {
      spec: {
        replicas: shape.replicas,
        serviceName: `${name}-peers`,
        // They need each other to become ready. A restart goes one by one: the operator says which is next (decision 0113).
        podManagementPolicy: "Parallel",
        updateStrategy: { type: "OnDelete" },
        minReadySeconds: 10,
        revisionHistoryLimit: 3,
        selector: { matchLabels: selectorOf(key, "nats") },
        template: {
          metadata: {
            labels: labelsOf(key, "nats"),
            annotations: { [CONFIG_HASH]: hashOf([serverFile(context, shape), observed.nats]) },
          },
          spec: present({
            automountServiceAccountToken: false,
            enableServiceLinks: false,
            imagePullSecrets: spec.imagePullSecrets,
            securityContext: RESTRICTED_POD,
            terminationGracePeriodSeconds: 60,
            nodeSelector: own?.nodeSelector,
            tolerations: own?.tolerations,
            affinity: own?.affinity ?? {
              podAntiAffinity: {
                preferredDuringSchedulingIgnoredDuringExecution: [
                  { weight: 100, podAffinityTerm: { labelSelector, topologyKey: "kubernetes.io/hostname" } },
                ],
              },
            },
            priorityClassName: own?.priorityClassName,
            containers: [
              {
                name: "nats",
                image: imageName(image, image.tag),
                imagePullPolicy: image.pullPolicy,
                args: ["--config", "/etc/nats/settings/nats.conf"],
                env: [
                  { name: "POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
                  variable("NATS_USER", "user"),
                  variable("NATS_PASSWORD", "password"),
                ],
                ports: [
                  { name: "client", containerPort: NATS_PORT, protocol: "TCP" },
                  { name: "route", containerPort: NATS_ROUTE_PORT, protocol: "TCP" },
                  { name: "monitor", containerPort: NATS_MONITOR_PORT, protocol: "TCP" },
                ],
                // Ready is when the streams it holds are current: a restart waits for that before it takes the next server.
                startupProbe: probe("/healthz?js-server-only=true", { periodSeconds: 5, failureThreshold: 90 }),
                readinessProbe: probe("/healthz", { periodSeconds: 5, failureThreshold: 3 }),
                livenessProbe: probe("/healthz?js-enabled-only=true", { periodSeconds: 30, failureThreshold: 3 }),
                resources: own?.resources ?? { requests: { cpu, memory }, limits: { memory } },
                securityContext: RESTRICTED_CONTAINER,
                volumeMounts: [
                  { name: "data", mountPath: "/data" },
                  { name: "settings", mountPath: "/etc/nats/settings", readOnly: true },
                  ...(shape.tls ? [{ name: "tls", mountPath: "/etc/nats/tls", readOnly: true }] : []),
                ],
              },
            ],
            volumes: [
              { name: "settings", configMap: { name } },
              ...(shape.tls
                ? [
                    {
                      name: "tls",
                      secret: { secretName: name, items: ["ca.crt", "tls.crt", "tls.key"].map((item) => ({ key: item, path: item })) },
                    },
                  ]
                : []),
            ],
          }),
        },
        persistentVolumeClaimRetentionPolicy: { whenDeleted: "Delete", whenScaled: "Retain" },
        volumeClaimTemplates: [
          {
            // What the API server would add by itself is said here, so that nothing differs afterwards.
            apiVersion: "v1",
            kind: "PersistentVolumeClaim",
            metadata: { name: "data", labels: labelsOf(key, "nats") },
            spec: present({
              accessModes: ["ReadWriteOnce"],
              storageClassName: own?.storage?.storageClassName,
              resources: { requests: { storage: shape.volume } },
            }),
          },
        ],
      },
    },
  );
}
