import { z } from "zod";
import { LOG_LEVELS } from "../base/log.ts";
import { DAY_MS, HOUR_MS, KIB, MIB, MINUTE_MS } from "../base/units.ts";
import { choice, choices, duration, integer, mapping, ratio, secret, size, text, toggle, type ValuesOf } from "./key.ts";
import { partialOf } from "./partial.ts";
import { QUEUE } from "./queue-keys.ts";
import { STORAGE } from "./storage-keys.ts";

/** What one tenant may send and ask. For every field 0 means no bound. The defaults are those of Pyroscope 2, but for the rate: decision 0007. */
const LIMITS = {
  ingestion_rate: size({ fallback: 64 * MIB, about: "Bytes of profiles and labels a second, uncompressed, over a longer time." }),
  ingestion_burst: size({ fallback: 128 * MIB, about: "Bytes that may come at once on top of the rate." }),
  body_max: size({ fallback: 256 * MIB, about: "One request, as received and decompressed." }),
  profile_max: size({ fallback: 4 * MIB, about: "One profile, uncompressed." }),
  samples_max: integer({ fallback: 16_000, min: 0, about: "Samples of one profile." }),
  sample_labels_max: integer({ fallback: 100, min: 0, about: "Labels of one sample." }),
  stack_depth_max: integer({ fallback: 1000, min: 0, unit: "frames", about: "Deeper stacktraces lose the frames of the leaf side." }),
  symbol_max: size({ fallback: 65_535, about: "Longer names of functions and files lose their head." }),
  label_names_max: integer({ fallback: 30, min: 0, about: "Labels of one series." }),
  label_name_max: size({ fallback: KIB, about: "The name of one label." }),
  label_value_max: size({ fallback: 2 * KIB, about: "The value of one label." }),
  sanitize_label_names: toggle({
    fallback: false,
    about: "Turns `.` of label names into `_` and refuses other characters than letters, digits and `_`.",
  }),
  sessions_per_series_max: integer({
    fallback: 0,
    min: 0,
    about: "Distinct `__session_id__` values kept for a series; 0 drops the label.",
  }),
  reject_newer_than: duration({ fallback: 10 * MINUTE_MS, about: "Profiles further in the future are refused." }),
  reject_older_than: duration({ fallback: HOUR_MS, about: "Profiles older than this are refused." }),
  query_length_max: duration({ fallback: DAY_MS, about: "The longest time range of one query." }),
  query_lookback_max: duration({
    fallback: 7 * DAY_MS,
    about: "How far back queries see; what is older is answered as if it were not there.",
  }),
  query_concurrency_max: integer({
    fallback: 64,
    min: 0,
    about: "Queries at once, running and waiting; one more is told to come back (429).",
  }),
  query_read_max: size({
    fallback: 1024 * MIB,
    about: "Bytes of the bucket that one query may read; one that would read more is refused.",
  }),
  flamegraph_nodes_default: integer({ fallback: 8192, min: 1, about: "Nodes of a flame graph when the question does not say." }),
  flamegraph_nodes_max: integer({ fallback: 1_048_576, min: 0, about: "Nodes of a flame graph that a question may ask for." }),
} as const;

const days = duration({ fallback: 0, about: "" }).schema;

const RETENTION_OF_TENANT = { period: days.optional(), services: z.record(z.string(), days).optional() };

/** What `overrides_file` may say of one tenant. */
export const TENANT_OVERRIDES = partialOf(LIMITS, { retention: z.strictObject(RETENTION_OF_TENANT).optional() });

/** Every setting. `docs/configuration.md` is made of it. */
export const CONFIG_KEYS = {
  role: choices(["all", "ingest", "segment", "compact", "query"], {
    fallback: ["all"],
    about: "What this process does. Anything but `all` needs a queue and a bucket that other processes reach too.",
  }),
  data_dir: text({ fallback: "data", takes: "a path", about: "The directory that is the bucket. Only one process at a time may use it." }),
  data_dir_shared: toggle({
    fallback: false,
    about:
      "Several processes use `data_dir`, on a file system with hard links that all of them see (NFS 4, a local disk): for roles in processes of their own.",
  }),
  storage: STORAGE,
  catalog: {
    poll: duration({
      fallback: 1_000,
      about: "How often to look for what other processes have stored, where no hint of NATS comes sooner.",
    }),
  },
  http: {
    host: text({
      fallback: "0.0.0.0",
      takes: "an address",
      about: "Where to listen; `127.0.0.1` for this machine only, `::` for IPv6 and IPv4.",
    }),
    port: integer({
      fallback: 4040,
      min: 0,
      max: 65_535,
      about: "Everything: pushes, queries, OTLP, the page, metrics. 0 takes any free port.",
    }),
    bodies_in_flight_max: size({
      fallback: 512 * MIB,
      about: "Bodies of all requests in progress together; above it senders are told to come back.",
    }),
    connections_max: integer({
      fallback: 10_000,
      min: 0,
      about: "Connections of one listener at the same time; more are closed at once. 0 is no bound.",
    }),
    request_timeout: duration({
      fallback: MINUTE_MS,
      about: "From the first byte of a request to its last; a sender that takes longer is dropped. Answers are not bounded by it.",
    }),
    status_port: integer({
      fallback: 0,
      min: 0,
      max: 65_535,
      about:
        "A second listener for `/ready`, `/healthz` and `/metrics` alone, without TLS and without tokens: for probes and Prometheus inside the cluster. 0 is none.",
    }),
    tls: {
      cert_file: text({
        fallback: "",
        takes: "a path to a PEM file",
        about: "The certificate of every listener, followed by those that lead to its authority. Empty is no TLS.",
      }),
      key_file: text({ fallback: "", takes: "a path to a PEM file", about: "The private key of `http.tls.cert_file`." }),
      client_ca_file: text({
        fallback: "",
        takes: "a path to a PEM file",
        about: "Mutual TLS: only clients with a certificate of these authorities are let in.",
      }),
    },
    shutdown_grace: duration({ fallback: 10_000, about: "How long requests in progress may take once the process has been told to stop." }),
  },
  otlp: {
    enabled: toggle({ fallback: true, about: "Listens on the ports that OpenTelemetry exporters use by default, beside `http.port`." }),
    grpc_port: integer({
      fallback: 4317,
      min: 0,
      max: 65_535,
      about: "OTLP over gRPC (and HTTP). Taken already: a warning, and the server goes on without.",
    }),
    http_port: integer({
      fallback: 4318,
      min: 0,
      max: 65_535,
      about: "OTLP over HTTP (and gRPC). Taken already: a warning, and the server goes on without.",
    }),
  },
  auth: {
    mode: choice(["none", "header", "tokens"], {
      fallback: "none",
      about:
        "`none`: one tenant, `anonymous`. `header`: trusts `X-Scope-OrgID`, for use behind a gateway that sets it. `tokens`: bearer or basic credentials open the tenants that `auth.tokens_file` says.",
    }),
    tokens_file: text({
      fallback: "",
      takes: "a path to a YAML file",
      about:
        "For `auth.mode: tokens`: a list `tokens` of `{ token | token_sha256, tenants: [...], rights: [read, write, operate] }`; `operate` opens metrics, settings and profiles of the process.",
    }),
  },
  limits: LIMITS,
  limits_per_tenant: mapping(partialOf(LIMITS), {
    takes: "tenant → any keys of `limits`",
    about: "Limits of single tenants, in place of the general ones.",
  }),
  overrides_file: text({
    fallback: "",
    takes: "a path to a YAML file",
    about:
      "Limits and retention of single tenants that may change while the process runs: `overrides: { tenant: { any keys of limits, retention: { period, services } } }`. They win over `limits_per_tenant` and `retention.per_tenant`.",
  }),
  reload_interval: duration({
    fallback: 10_000,
    about: "How often to look whether `overrides_file`, `auth.tokens_file` or a file of `http.tls` has changed.",
  }),
  retention: {
    period: duration({ fallback: 31 * DAY_MS, about: "Profiles older than this are deleted; `0s` keeps them for ever." }),
    per_tenant: mapping(z.strictObject(RETENTION_OF_TENANT), {
      takes: "tenant → `{ period, services: { name: period } }`",
      about: "Retention of single tenants, and of single services of theirs.",
    }),
  },
  ingest: {
    threads: integer({ fallback: 0, min: 0, max: 64, about: "Threads that decode profiles; 0 lets the number of cores decide." }),
  },
  queue: QUEUE,
  segment: {
    flush_interval_ms: integer({
      fallback: 200,
      min: 1,
      max: 60_000,
      unit: "milliseconds",
      about: "A segment is written at the latest this long after its first profile came.",
    }),
    idle_ms: integer({
      fallback: 15,
      min: 0,
      max: 60_000,
      unit: "milliseconds",
      about: "A segment is written when nothing more has come for this long.",
    }),
    segment_max: size({ fallback: 8 * MIB, about: "A segment is written when this much waits for it, in the form the queue carries." }),
    fsync: toggle({
      fallback: true,
      about:
        "Waits for the disk before a profile counts as stored. Off, a power cut can lose the last seconds; a crash of the process cannot.",
    }),
  },
  compact: {
    enabled: toggle({ fallback: true, about: "Merges segments into blocks, and blocks into larger ones." }),
    interval: duration({ fallback: 1_000, about: "How often to look for work." }),
    grace: duration({ fallback: 10_000, about: "Objects that nothing points to stay this long before they are removed." }),
  },
  query: {
    threads: integer({ fallback: 0, min: 0, max: 64, about: "Threads that compute answers; 0 lets the number of cores decide." }),
    timeout: duration({ fallback: 60_000, about: "A query that takes longer ends with an error." }),
    waiting_max: integer({
      fallback: 64,
      min: 1,
      about:
        "Queries of all tenants that may wait for their turn; more are told to come back (429), those of the tenant with the most first.",
    }),
    cache_dir: text({
      fallback: "",
      takes: "a path, or nothing",
      about: "A folder on a local disk for ranges of a bucket that is further away. Can be removed at any time; one for each process.",
    }),
    cache_disk_max: size({ fallback: 10 * 1024 * MIB, about: "Bytes kept in `query.cache_dir`." }),
    share_above: size({
      fallback: 32 * MIB,
      about: "With `queue.kind: nats`, a query that would read more than this is shared out to all queriers.",
    }),
    cache_max: size({ fallback: 64 * MIB, about: "Memory for parts of blocks that queries have read." }),
  },
  self_profile: {
    enabled: toggle({ fallback: true, about: "Profiles this process and stores the profiles as service `brazier`." }),
    interval: duration({ fallback: 15_000, about: "The time that one of its profiles covers." }),
    url: text({
      fallback: "",
      takes: "a URL such as `https://profiles.example:4040`",
      about: "A Brazier or Pyroscope that takes these profiles, in place of this process itself.",
    }),
    tenant: text({ fallback: "", takes: "a tenant", about: "Where to store them; at a `self_profile.url` it is sent as `X-Scope-OrgID`." }),
    token_file: text({
      fallback: "",
      takes: "a path to a file",
      about: "The bearer token for `self_profile.url`, read anew for every push.",
    }),
    ca_file: text({
      fallback: "",
      takes: "a path to a PEM file",
      about: "Authorities to trust for `self_profile.url`, in place of those of the system.",
    }),
  },
  tracing: {
    endpoint: text({
      fallback: "",
      takes: "a URL such as `http://collector:4318`",
      about: "Where spans go, as OTLP over HTTP (`/v1/traces` is added to an address without a path). Empty is no tracing.",
    }),
    sample_ratio: ratio({
      fallback: 0.1,
      about: "The part of requests to trace; one that comes with a trace of its own follows that.",
    }),
    headers: secret({
      takes: "headers as `name=value,name=value`",
      about: "Sent with the spans, for a collector that wants to know who sends.",
    }),
  },
  log: {
    level: choice(LOG_LEVELS, { fallback: "info", about: "The least important lines to write." }),
    format: choice(["auto", "text", "json"], { fallback: "auto", about: "`auto`: text at a terminal, else JSON." }),
  },
} as const;

export type Config = ValuesOf<typeof CONFIG_KEYS>;
export type TenantLimits = ValuesOf<typeof LIMITS>;
export type TenantOverrides = z.infer<typeof TENANT_OVERRIDES>;

/** The limits of one tenant: its own where it has some, else the general ones. */
export function limitsOf(config: Pick<Config, "limits" | "limits_per_tenant">, tenant: string): TenantLimits {
  const own = config.limits_per_tenant[tenant];
  return own === undefined ? config.limits : { ...config.limits, ...own };
}
