import type { ProfilingStackSpec } from "../types/profiling-stack.ts";
import { type Context, present } from "./context.ts";
import { durationSeconds } from "./duration.ts";
import { HTTP_PORT, hostOf, NATS_PORT, OTLP_GRPC_PORT, OTLP_HTTP_PORT, STATUS_PORT } from "./names.ts";
import { policiesInOrder } from "./policies.ts";

/** Where a server's pod finds its files. */
export const PATHS = {
  settings: "/etc/brazier/settings/brazier.yaml",
  data: "/var/lib/brazier",
  storageCa: "/etc/brazier/storage-ca",
  natsCa: "/etc/brazier/nats-ca",
  natsClient: "/etc/brazier/nats-client",
  natsUser: "/etc/brazier/nats-user",
  tokens: "/etc/brazier/tokens",
  tls: "/etc/brazier/tls",
} as const;

type Settings = Record<string, unknown>;

/** The server's configuration file, as a value. No secret is in it: those come as files and variables. */
export function serverSettings(context: Context): Settings {
  const { spec } = context;
  const { tls } = spec.expose;
  const { mode, tokensSecret } = spec.auth;
  const settings: Settings = present({
    data_dir: PATHS.data,
    http: present({
      port: HTTP_PORT,
      status_port: STATUS_PORT,
      tls: tls === undefined ? undefined : { cert_file: `${PATHS.tls}/tls.crt`, key_file: `${PATHS.tls}/tls.key` },
    }),
    otlp: { enabled: true, grpc_port: OTLP_GRPC_PORT, http_port: OTLP_HTTP_PORT },
    auth: present({ mode, tokens_file: tokensSecret === undefined ? undefined : `${PATHS.tokens}/${tokensSecret.key}` }),
    storage: storageSettings(spec),
    queue: queueSettings(context),
    limits: some(limitsOf(spec.limits ?? {})),
    limits_per_tenant: some(Object.fromEntries((spec.limits?.tenants ?? []).map((limits) => [limits.tenant, limitsOf(limits)]))),
    retention: retentionSettings(context),
    log: { format: "json" },
  });
  for (const [name, value] of Object.entries(spec.config ?? {})) assign(settings, name.split("."), value);
  return settings;
}

function storageSettings({ storage }: ProfilingStackSpec): Settings {
  const { s3, prefix } = storage;
  if (s3 === undefined) return present({ kind: "directory", prefix });
  const ways = { credentialsSecret: "static", webIdentity: "web_identity", instance: "instance" } as const;
  const way = (Object.keys(ways) as (keyof typeof ways)[]).find((name) => s3[name] !== undefined);
  return present({
    kind: "s3",
    prefix,
    s3: present({
      bucket: s3.bucket,
      endpoint: s3.endpoint,
      region: s3.region,
      path_style: s3.pathStyle ?? s3.endpoint !== undefined,
      credentials: way === undefined ? "auto" : ways[way],
      ca_file: s3.caSecret === undefined ? undefined : `${PATHS.storageCa}/${s3.caSecret.key}`,
      sse: s3.sse,
      sse_kms_key_id: s3.sseKmsKeyId,
    }),
  });
}

function queueSettings(context: Context): Settings {
  const { spec, isDemo, shares, key } = context;
  if (isDemo) return { kind: "memory" };
  const partitions = spec.queue?.partitions ?? shares.partitions;
  const external = spec.queue?.external;
  if (external !== undefined) {
    const { credentialsSecret, userSecret, tls } = external;
    return {
      kind: "nats",
      partitions,
      nats: present({
        servers: external.servers,
        stream: external.stream,
        replicas: external.replicas,
        credentials_file: credentialsSecret === undefined ? undefined : `${PATHS.natsUser}/${credentialsSecret.key}`,
        password_file: userSecret === undefined ? undefined : `${PATHS.natsUser}/${userSecret.passwordKey}`,
        tls:
          tls === undefined
            ? undefined
            : present({
                ca_file: tls.caSecret === undefined ? undefined : `${PATHS.natsCa}/${tls.caSecret.key}`,
                cert_file: tls.clientSecret === undefined ? undefined : `${PATHS.natsClient}/tls.crt`,
                key_file: tls.clientSecret === undefined ? undefined : `${PATHS.natsClient}/tls.key`,
              }),
      }),
    };
  }
  const nats = natsShape(context);
  return {
    kind: "nats",
    partitions,
    nats: present({
      servers: [`${nats.tls ? "tls" : "nats"}://${hostOf(key, "nats")}:${NATS_PORT}`],
      stream: "BRAZIER_PROFILES",
      replicas: Math.min(3, nats.replicas),
      // What is left of the volume holds the servers' own state, and room to come back from being full.
      max_bytes: Math.floor(quantityBytes(nats.volume) * 0.75),
      password_file: `${PATHS.natsUser}/password`,
      tls: nats.tls ? { ca_file: `${PATHS.natsCa}/ca.crt` } : undefined,
    }),
  };
}

export type NatsShape = { readonly replicas: number; readonly volume: string; readonly tls: boolean };

/** The stack's own cluster, from its spec and size. */
export function natsShape({ spec, shares }: Context): NatsShape {
  const nats = spec.queue?.nats;
  return {
    replicas: nats?.replicas ?? shares.nats.replicas,
    volume: nats?.storage?.size ?? shares.nats.volume,
    tls: nats?.tls ?? true,
  };
}

const QUANTITY_UNITS: Readonly<Record<string, number>> = {
  "": 1,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  Ki: 1024,
  Mi: 1024 ** 2,
  Gi: 1024 ** 3,
  Ti: 1024 ** 4,
  Pi: 1024 ** 5,
};

/** Bytes of a quantity that the API server has accepted. */
export function quantityBytes(quantity: string): number {
  const [, count = "0", unit = ""] = /^([0-9.]+)([A-Za-z]*)$/.exec(quantity) ?? [];
  return Math.floor(Number(count) * (QUANTITY_UNITS[unit] ?? 1));
}

type Limits = NonNullable<ProfilingStackSpec["limits"]>;

function limitsOf(limits: Omit<Limits, "tenants">): Settings {
  return present({
    ingestion_rate: limits.ingestionRate,
    ingestion_burst: limits.ingestionBurst,
    body_max: limits.bodyMax,
    profile_max: limits.profileMax,
    samples_max: limits.samplesMax,
    label_names_max: limits.labelNamesMax,
    stack_depth_max: limits.stackDepthMax,
    reject_older_than: limits.rejectOlderThan,
    reject_newer_than: limits.rejectNewerThan,
    query_length_max: limits.queryLengthMax,
    query_lookback_max: limits.queryLookbackMax,
  });
}

/** The stack's own word on a service wins over the one of its namespace's policy; of several policies, the one that keeps it longest. */
function retentionSettings({ spec, observed }: Context): Settings {
  const tenants: Record<string, { period?: string; services: Record<string, string> }> = {};
  const of = (tenant: string) => (tenants[tenant] ??= { services: {} });
  for (const { spec: asked } of policiesInOrder(observed.policies)) {
    if (asked.retention === undefined || asked.serviceName === undefined) continue;
    const { services } = of(spec.agent.tenant);
    const known = services[asked.serviceName];
    if (known === undefined || isLonger(asked.retention, known)) services[asked.serviceName] = asked.retention;
  }
  for (const { tenant, period, services = [] } of spec.retention.tenants ?? []) {
    const row = of(tenant);
    if (period !== undefined) row.period = period;
    for (const { service, period } of services) row.services[service] = period;
  }
  const perTenant = Object.fromEntries(
    Object.entries(tenants).map(([tenant, { period, services }]) => [tenant, present({ period, services: some(services) })]),
  );
  return present({ period: spec.retention.period, per_tenant: some(perTenant) });
}

/** `0` keeps for ever. */
function isLonger(period: string, other: string): boolean {
  const length = (text: string): number => durationSeconds(text) || Number.POSITIVE_INFINITY;
  return length(period) > length(other);
}

function some(values: Settings): Settings | undefined {
  return Object.keys(values).length === 0 ? undefined : values;
}

function assign(target: Settings, [step, ...rest]: readonly string[], value: string): void {
  if (step === undefined) return;
  if (rest.length === 0) target[step] = value;
  else {
    target[step] = { ...(target[step] as Settings | undefined) };
    assign(target[step] as Settings, rest, value);
  }
}
