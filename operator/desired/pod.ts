import { hashOf } from "../kube/hash.ts";
import { type ComponentSpec, type Context, imageName, present } from "./context.ts";
import { CONFIG_HASH, HTTP_PORT, labelsOf, OTLP_GRPC_PORT, OTLP_HTTP_PORT, objectName, STATUS_PORT, selectorOf } from "./names.ts";
import { tagOf } from "./rollout.ts";
import { PATHS, serverSettings } from "./server-settings.ts";

/** What Kubernetes' `restricted` profile asks for, and a root file system that nobody writes to. */
export const RESTRICTED_CONTAINER = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ["ALL"] },
} as const;

/** The user of the images: nobody. */
export const RESTRICTED_POD = {
  runAsNonRoot: true,
  runAsUser: 65532,
  runAsGroup: 65532,
  fsGroup: 65532,
  fsGroupChangePolicy: "OnRootMismatch",
  seccompProfile: { type: "RuntimeDefault" },
} as const;

/** Settings of the server that come out of Secrets, by the variable that brings them. */
export const SECRET_VARIABLES = {
  accessKeyId: "BRAZIER_STORAGE_S3_ACCESS_KEY_ID",
  secretAccessKey: "BRAZIER_STORAGE_S3_SECRET_ACCESS_KEY",
  sessionToken: "BRAZIER_STORAGE_S3_SESSION_TOKEN",
  natsUser: "BRAZIER_QUEUE_NATS_USER",
} as const;

type Mounted = { readonly name: string; readonly path: string; readonly source: Readonly<Record<string, unknown>> };

/** The pod of a server's role; `roles` is what `--role` takes. */
export function serverPod(
  context: Context,
  options: {
    readonly component: string;
    readonly roles: string;
    readonly spec: ComponentSpec | undefined;
    readonly resources: Readonly<Record<string, unknown>>;
    readonly data: Readonly<Record<string, unknown>>;
  },
): Record<string, unknown> {
  const { spec, key } = context;
  const { component, spec: own = { disruptionBudget: true, topologySpread: true } } = options;
  const mounts = mountsOf(context, options.data);
  const scheme = spec.expose.tls === undefined ? "HTTP" : "HTTPS";
  const probe = (path: string, more: Readonly<Record<string, number>>) => ({
    httpGet: { path, port: "http", scheme },
    timeoutSeconds: 5,
    ...more,
  });
  return {
    metadata: {
      labels: { ...own.podLabels, ...labelsOf(key, component) },
      annotations: { ...own.podAnnotations, [CONFIG_HASH]: configHash(context) },
    },
    spec: present({
      serviceAccountName: objectName(key, "server"),
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      imagePullSecrets: spec.imagePullSecrets,
      securityContext: RESTRICTED_POD,
      terminationGracePeriodSeconds: 60,
      nodeSelector: own.nodeSelector,
      tolerations: own.tolerations,
      affinity: own.affinity,
      priorityClassName: own.priorityClassName,
      topologySpreadConstraints: own.topologySpread && own.affinity === undefined ? spread(context, component) : undefined,
      containers: [
        present({
          name: "brazier",
          image: imageName(spec.image, tagOf(context, component)),
          imagePullPolicy: spec.image.pullPolicy,
          args: ["serve", `--config=${PATHS.settings}`, `--role=${options.roles}`, ...(own.extraArgs ?? [])],
          env: [...secretVariables(context), ...(own.extraEnv ?? [])],
          ports: [
            { name: "http", containerPort: HTTP_PORT, protocol: "TCP" },
            { name: "status", containerPort: STATUS_PORT, protocol: "TCP" },
            { name: "otlp-grpc", containerPort: OTLP_GRPC_PORT, protocol: "TCP" },
            { name: "otlp-http", containerPort: OTLP_HTTP_PORT, protocol: "TCP" },
          ],
          // Alive is not ready: a bucket that is away must not restart the process that waits for it.
          startupProbe: probe("/healthz", { periodSeconds: 2, failureThreshold: 60 }),
          livenessProbe: probe("/healthz", { periodSeconds: 10, failureThreshold: 6 }),
          readinessProbe: probe("/ready", { periodSeconds: 5, failureThreshold: 2 }),
          // Requests still come for a moment after a pod is told to stop: until everybody has heard.
          lifecycle: { preStop: { sleep: { seconds: 5 } } },
          resources: own.resources ?? options.resources,
          securityContext: RESTRICTED_CONTAINER,
          volumeMounts: [...mounts.map(({ name, path }) => ({ name, mountPath: path, ...(isWritable(path) ? {} : { readOnly: true }) }))],
        }),
      ],
      volumes: mounts.map(({ name, source }) => ({ name, ...source })),
    }),
  };
}

/** Pods are made anew when a setting or a Secret that they read at their start is another one. */
export function configHash(context: Context): string {
  const { secrets, nats } = context.observed;
  const read = [...secrets].sort(([left], [right]) => (left < right ? -1 : 1));
  // The servers' own certificate is not among what a client reads.
  return hashOf([serverSettings(context), read, nats?.user, nats?.password, nats?.tls?.caCertificate]);
}

function isWritable(path: string): boolean {
  return path === PATHS.data || path === "/tmp";
}

function spread({ key }: Context, component: string): readonly unknown[] {
  const labelSelector = { matchLabels: selectorOf(key, component) };
  return ["kubernetes.io/hostname", "topology.kubernetes.io/zone"].map((topologyKey) => ({
    maxSkew: 1,
    topologyKey,
    whenUnsatisfiable: "ScheduleAnyway",
    labelSelector,
  }));
}

function secretVariables({ spec, key, isDemo }: Context): readonly unknown[] {
  const from = (name: string, secret: string, secretKey: string) => ({
    name,
    valueFrom: { secretKeyRef: { name: secret, key: secretKey } },
  });
  const credentials = spec.storage.s3?.credentialsSecret;
  const user = isDemo
    ? undefined
    : spec.queue?.external === undefined
      ? { name: objectName(key, "nats"), userKey: "user" }
      : spec.queue.external.userSecret;
  return [
    ...(credentials === undefined
      ? []
      : [
          from(SECRET_VARIABLES.accessKeyId, credentials.name, credentials.accessKeyIdKey),
          from(SECRET_VARIABLES.secretAccessKey, credentials.name, credentials.secretAccessKeyKey),
          ...(credentials.sessionTokenKey === undefined
            ? []
            : [from(SECRET_VARIABLES.sessionToken, credentials.name, credentials.sessionTokenKey)]),
        ]),
    ...(user === undefined ? [] : [from(SECRET_VARIABLES.natsUser, user.name, user.userKey)]),
  ];
}

function mountsOf(context: Context, data: Readonly<Record<string, unknown>>): readonly Mounted[] {
  const { spec, key, isDemo } = context;
  const secret = (name: string, path: string, secretName: string | undefined, items?: readonly string[]): readonly Mounted[] =>
    secretName === undefined
      ? []
      : [{ name, path, source: { secret: present({ secretName, items: items?.map((item) => ({ key: item, path: item })) }) } }];
  const external = spec.queue?.external;
  const own = isDemo || external !== undefined ? undefined : objectName(key, "nats");
  return [
    { name: "settings", path: "/etc/brazier/settings", source: { configMap: { name: objectName(key, "settings") } } },
    { name: "data", path: PATHS.data, source: data },
    { name: "tmp", path: "/tmp", source: { emptyDir: {} } },
    ...secret("storage-ca", PATHS.storageCa, spec.storage.s3?.caSecret?.name),
    ...secret("tokens", PATHS.tokens, spec.auth.tokensSecret?.name),
    ...secret("tls", PATHS.tls, spec.expose.tls?.secretName),
    ...secret("nats-user", PATHS.natsUser, own, ["password"]),
    ...secret("nats-user", PATHS.natsUser, external?.credentialsSecret?.name ?? external?.userSecret?.name),
    ...secret("nats-ca", PATHS.natsCa, own !== undefined && (spec.queue?.nats?.tls ?? true) ? own : undefined, ["ca.crt"]),
    ...secret("nats-ca", PATHS.natsCa, external?.tls?.caSecret?.name),
    ...secret("nats-client", PATHS.natsClient, external?.tls?.clientSecret?.name),
  ];
}
