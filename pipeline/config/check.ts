import type { ConfigFault } from "./load.ts";
import type { Config } from "./schema.ts";
import { storageFaults } from "./storage-check.ts";

/** What fits each key but not together: errors stop the start, warnings explain what will happen. Pure. */
export function checkConfig(config: Config): { readonly errors: readonly ConfigFault[]; readonly warnings: readonly ConfigFault[] } {
  const errors: ConfigFault[] = [];
  const warnings: ConfigFault[] = [];
  const { auth, http, otlp, limits, retention, segment, self_profile, tracing } = config;
  errors.push(...roleFaults(config), ...natsFaults(config), ...storageFaults(config));
  if (config.data_dir_shared && config.role.includes("all") && config.queue.kind === "memory") {
    warnings.push({
      name: "data_dir_shared",
      message: "is on: nothing keeps a second process from the directory, and removed bytes stay for longer",
    });
  }

  if (auth.mode === "tokens" && auth.tokens_file === "") {
    errors.push({ name: "auth.tokens_file", message: "auth.mode tokens needs the file that says which token opens which tenants" });
  }
  if (auth.mode !== "tokens" && auth.tokens_file !== "") {
    warnings.push({ name: "auth.tokens_file", message: `is not read, since auth.mode is ${auth.mode}` });
  }
  const ports = (otlp.enabled ? [http.port, otlp.grpc_port, otlp.http_port] : [http.port]).filter((port) => port !== 0);
  if (new Set(ports).size < ports.length) {
    errors.push({
      name: "otlp",
      message: "http.port, otlp.grpc_port and otlp.http_port must differ; http.port takes OTLP too, so otlp.enabled: false is enough",
    });
  }
  if (http.status_port !== 0 && ports.includes(http.status_port)) {
    errors.push({ name: "http.status_port", message: "must differ from http.port, otlp.grpc_port and otlp.http_port" });
  }
  const { cert_file, key_file, client_ca_file } = http.tls;
  if ((cert_file === "") !== (key_file === "")) {
    const missing = cert_file === "" ? "cert_file" : "key_file";
    errors.push({ name: `http.tls.${missing}`, message: "TLS needs both http.tls.cert_file and http.tls.key_file" });
  }
  if (client_ca_file !== "" && cert_file === "" && key_file === "") {
    errors.push({
      name: "http.tls.client_ca_file",
      message: "asks clients for a certificate, which needs http.tls.cert_file and http.tls.key_file",
    });
  }
  for (const [name, url] of [
    ["self_profile.url", self_profile.url],
    ["tracing.endpoint", tracing.endpoint],
  ] as const) {
    if (url !== "" && !/^https?:\/\/[^/\s]+/.test(url)) errors.push({ name, message: "takes a URL that begins with http:// or https://" });
  }
  if (self_profile.url === "" && (self_profile.token_file !== "" || self_profile.ca_file !== "")) {
    warnings.push({ name: "self_profile.url", message: "is empty: token_file and ca_file are not read" });
  }
  if (auth.mode === "tokens" && cert_file === "" && http.host !== "127.0.0.1" && http.host !== "::1" && http.host !== "localhost") {
    warnings.push({
      name: "http.tls.cert_file",
      message: "is empty: tokens travel readable for all, unless something in front of this speaks TLS",
    });
  }
  if (limits.flamegraph_nodes_max > 0 && limits.flamegraph_nodes_default > limits.flamegraph_nodes_max) {
    errors.push({ name: "limits.flamegraph_nodes_default", message: "must not be above limits.flamegraph_nodes_max" });
  }
  if (limits.profile_max > limits.body_max && limits.body_max > 0) {
    warnings.push({ name: "limits.profile_max", message: "is above limits.body_max, which refuses such profiles before" });
  }
  if (limits.ingestion_rate > 0 && limits.ingestion_burst < limits.profile_max) {
    const message =
      "is below limits.profile_max: a profile larger than the burst waits for nothing and is still taken, but counts against the seconds that follow";
    if (limits.ingestion_rate + limits.ingestion_burst < limits.profile_max) warnings.push({ name: "limits.ingestion_burst", message });
  }
  if (retention.period > 0 && limits.query_lookback_max > retention.period) {
    warnings.push({ name: "limits.query_lookback_max", message: "reaches further back than retention.period keeps profiles" });
  }
  if (segment.idle_ms > segment.flush_interval_ms) {
    warnings.push({ name: "segment.idle_ms", message: "is above segment.flush_interval_ms and so never counts" });
  }
  if (!segment.fsync) {
    warnings.push({ name: "segment.fsync", message: "is off: a power cut can lose profiles that were acknowledged" });
  }
  return { errors, warnings };
}

/** Roles in processes of their own meet in the queue and in the bucket, so both must be where all of them reach. */
function roleFaults({ role, queue, storage, data_dir_shared }: Config): readonly ConfigFault[] {
  if (role.includes("all")) return [];
  const faults: ConfigFault[] = [];
  if (queue.kind === "memory") {
    faults.push({
      name: "queue.kind",
      message: `memory is a queue within one process, which role ${role.join(",")} cannot share: set queue.kind to nats, or role to all`,
    });
  }
  if (storage.kind === "directory" && !data_dir_shared) {
    faults.push({
      name: "data_dir",
      message: `is a directory of one process, which role ${role.join(",")} cannot share: set storage.kind to s3, data_dir_shared if all processes see this directory, or role to all`,
    });
  }
  return faults;
}

function natsFaults({ queue: { kind, nats } }: Config): readonly ConfigFault[] {
  if (kind !== "nats") return [];
  const faults: ConfigFault[] = [];
  if (nats.servers.length === 0) faults.push({ name: "queue.nats.servers", message: "queue.kind nats needs at least one server" });
  const ways = [
    ["credentials_file", nats.credentials_file],
    ["nkey_file", nats.nkey_file],
    ["user", nats.user],
  ].flatMap(([name, value]) => (value === "" ? [] : [`queue.nats.${name}`]));
  if (ways.length > 1) faults.push({ name: "queue.nats", message: `${ways.join(" and ")} exclude each other: leave one` });
  if (nats.password !== "" && nats.password_file !== "") {
    faults.push({ name: "queue.nats.password_file", message: "and queue.nats.password exclude each other: leave one" });
  }
  if (nats.user === "" && (nats.password !== "" || nats.password_file !== "")) {
    faults.push({ name: "queue.nats.user", message: "is missing: a password alone opens nothing" });
  }
  if ((nats.tls.cert_file === "") !== (nats.tls.key_file === "")) {
    faults.push({ name: "queue.nats.tls", message: "cert_file and key_file belong together: set both or none" });
  }
  return faults;
}
