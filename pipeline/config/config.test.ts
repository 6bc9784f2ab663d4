import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { type CodedError, isCoded } from "../base/errors.ts";
import { checkConfig } from "./check.ts";
import { configurationDocument } from "./document.ts";
import { parseDurationMs, parseSizeBytes, secret, showDurationMs, showSizeBytes } from "./key.ts";
import { type ConfigFault, type ConfigSources, loadConfig } from "./load.ts";
import { placedKeys } from "./paths.ts";
import { CONFIG_KEYS, type Config, limitsOf } from "./schema.ts";
import { showConfig } from "./show.ts";

const folder = mkdtempSync(join(tmpdir(), "brazier-config-"));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
function file(text: string): string {
  const path = join(folder, `${files++}.yaml`);
  writeFileSync(path, text);
  return path;
}

function load(sources: Partial<ConfigSources>) {
  return loadConfig({ flags: {}, environment: {}, file: undefined, ...sources });
}

function faultsOf(sources: Partial<ConfigSources>): readonly ConfigFault[] {
  try {
    load(sources);
  } catch (error) {
    if (isCoded(error, "config_invalid")) return (error as CodedError).facts["faults"] as readonly ConfigFault[];
    throw error;
  }
  return [];
}

describe("roles and the queue", () => {
  const errorsOf = (flags: Record<string, string>) => checkConfig(load({ flags }).config).errors.map(({ name }) => name);
  const nats = { "queue.kind": "nats", data_dir_shared: "true" };

  it("takes roles as text and as a list, each once", () => {
    expect(load({ flags: { role: "segment, ingest,segment" } }).config.role).toEqual(["ingest", "segment"]);
    expect(load({ file: file("role: [query]") }).config.role).toEqual(["query"]);
    expect(load({}).config.role).toEqual(["all"]);
    expect(faultsOf({ flags: { role: "ingst" } })).toEqual([
      { name: expect.stringContaining("role"), message: expect.stringContaining("ingest") },
    ]);
    expect(faultsOf({ flags: { role: "" } })).toHaveLength(1);
  });

  it.each([
    ["a role alone with a queue and a directory of its own", { role: "ingest" }, ["queue.kind", "data_dir"]],
    ["a role alone with what all share", { role: "ingest", ...nats }, []],
    ["a role alone with a bucket of S3", { role: "ingest", "queue.kind": "nats", "storage.kind": "s3", "storage.s3.bucket": "b" }, []],
    ["S3 without a bucket", { "storage.kind": "s3" }, ["storage.s3.bucket"]],
    [
      "an endpoint that is no address",
      { "storage.kind": "s3", "storage.s3.bucket": "b", "storage.s3.endpoint": "minio:9000" },
      ["storage.s3.endpoint"],
    ],
    [
      "static keys that are missing",
      { "storage.kind": "s3", "storage.s3.bucket": "b", "storage.s3.credentials": "static" },
      ["storage.s3.credentials"],
    ],
    [
      "keys that nobody reads",
      { "storage.kind": "s3", "storage.s3.bucket": "b", "storage.s3.access_key_id": "k" },
      ["storage.s3.credentials"],
    ],
    ["every role in one process", {}, []],
    ["no server", { ...nats, "queue.nats.servers": "" }, ["queue.nats.servers"]],
    ["two ways in", { ...nats, "queue.nats.user": "a", "queue.nats.nkey_file": "b" }, ["queue.nats"]],
    ["a password for nobody", { ...nats, "queue.nats.password_file": "a" }, ["queue.nats.user"]],
    [
      "two passwords",
      { ...nats, "queue.nats.user": "u", "queue.nats.password": "a", "queue.nats.password_file": "b" },
      ["queue.nats.password_file"],
    ],
    ["a certificate without its key", { ...nats, "queue.nats.tls.cert_file": "a" }, ["queue.nats.tls"]],
    ["settings of a queue that is not used", { "queue.nats.user": "a", "queue.nats.nkey_file": "b" }, []],
  ])("checks %s", (_, flags, errors) => {
    expect(errorsOf(flags)).toEqual(errors);
  });
});

describe("loading", () => {
  it("takes the flag, else the variable, else the file, else the default, and says which", () => {
    const path = file("http: { port: 1001, host: 127.0.0.1 }\nlog: { level: debug }\nlimits: { reject_older_than: 0s, body_max: 1MiB }\n");
    const { config, origins } = load({
      flags: { "http.port": "1003" },
      environment: { BRAZIER_HTTP_PORT: "1002", BRAZIER_LOG_LEVEL: "warn" },
      file: path,
    });
    expect([config.http.port, origins.get("http.port")]).toEqual([1003, "flag"]);
    expect([config.log.level, origins.get("log.level")]).toEqual(["warn", "environment"]);
    expect([config.http.host, origins.get("http.host")]).toEqual(["127.0.0.1", "file"]);
    expect([config.query.timeout, origins.get("query.timeout")]).toEqual([60_000, "default"]);
    expect([config.limits.reject_older_than, config.limits.body_max]).toEqual([0, 1024 * 1024]);
  });

  it.each([
    ["a typo in a section", "auht: { mode: header }", "auht", /auth/],
    ["a typo in a key", "http: { prot: 1 }", "http.prot", /http\.port/],
    ["a key in the wrong place", "grpc_port: 1", "grpc_port", /otlp\.grpc_port/],
    ["a value where a section belongs", "http: 4040", "http", /mapping/],
    ["a number beyond its range", "http: { port: 70000 }", "http.port", /65535/],
    ["a duration without a unit", "limits: { reject_older_than: 5 }", "limits.reject_older_than", /duration/],
    ["a choice that is none", "log: { level: loud }", "log.level", /debug/],
    ["a limit of a tenant that is none", "limits_per_tenant: { acme: { body_mx: 1 } }", "limits_per_tenant.acme", /body_mx/],
  ])("refuses %s", (_, text, name, message) => {
    expect(faultsOf({ file: file(text) })).toEqual([{ name, message: expect.stringMatching(message) }]);
  });

  it("gives all faults at once", () => {
    expect(faultsOf({ file: file("x: 1\nhttp: { port: -1 }"), environment: { BRAZIER_LOG_LEVEL: "loud" } })).toHaveLength(3);
  });

  it("leaves alone what Kubernetes sets for a service named brazier, and warns about the rest", () => {
    const { config, warnings } = load({
      environment: {
        BRAZIER_PORT: "tcp://10.0.0.1:4040",
        BRAZIER_HTTP_PORT: "tcp://10.0.0.1:4040",
        BRAZIER_SERVICE_HOST: "10.0.0.1",
        BRAZIER_PORT_4040_TCP_ADDR: "10.0.0.1",
        BRAZIER_LOG_LEVL: "debug",
      },
    });
    expect(config.http.port).toBe(4040);
    expect(warnings).toEqual([{ name: "BRAZIER_LOG_LEVL", message: expect.stringContaining("BRAZIER_LOG_LEVEL") }]);
  });

  it("gives a tenant its own limits where it has some", () => {
    const { config } = load({ file: file("limits: { samples_max: 5 }\nlimits_per_tenant: { acme: { body_max: 2MiB } }") });
    expect(limitsOf(config, "acme")).toMatchObject({ body_max: 2 * 1024 * 1024, samples_max: 5 });
    expect(limitsOf(config, "other").body_max).toBe(256 * 1024 * 1024);
  });
});

describe("showing", () => {
  it("gives a file that loads to the same values", () => {
    const loaded = load({
      file: file("limits: { body_max: 3MiB, reject_older_than: 36h }\nlimits_per_tenant: { acme: { samples_max: 7 } }"),
    });
    const again = load({ file: file(showConfig(loaded, "all", true)) });
    expect(again.config).toEqual(loaded.config);
  });

  it("shows only what differs from the defaults", () => {
    const loaded = load({ flags: { "http.port": "1" } });
    expect(showConfig(loaded, "diff", false)).toBe("http:\n  port: 1\n");
    expect(showConfig(load({}), "diff", false)).toBe("{}\n");
  });
});

describe("a secret", () => {
  const names = placedKeys(CONFIG_KEYS).filter(({ key }) => key.isSecret === true);

  it("is shown as three stars, wherever it came from", () => {
    expect(names.length).toBeGreaterThan(0);
    const flags = Object.fromEntries(names.map(({ name }) => [name, "hunter=2-hunter"]));
    for (const view of ["all", "diff", "default"] as const) {
      const shown = showConfig(load({ flags }), view, true);
      expect(shown).not.toContain("hunter");
      if (view !== "default") expect(shown.match(/\*\*\*/g)).toHaveLength(names.length);
    }
  });

  it("is never repeated by a fault", () => {
    const key = secret({ takes: "a password", about: "Opens the database." });
    expect(key.schema.safeParse("***").success).toBe(false);
    for (const { name, variable, path } of names) {
      const [section, ...rest] = path;
      const nested = rest.reduceRight<unknown>((inner, step) => ({ [step]: inner }), ["hunter"]);
      const faults = [
        ...faultsOf({ flags: { [name]: "***" } }),
        ...faultsOf({ environment: { [variable]: "***" } }),
        ...faultsOf({ file: file(JSON.stringify({ [section as string]: nested })) }),
      ];
      expect(faults).toHaveLength(3);
      expect(JSON.stringify(faults)).not.toContain("hunter");
    }
  });

  it("is not quoted by the fault of a file that is no YAML", () => {
    let message = "";
    try {
      load({ file: file("http:\n  port: 1\ntracing: { headers: hunter2, ]") });
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message).toMatch(/line 3, column \d+/);
    expect(message).not.toContain("hunter2");
  });
});

describe("checking", () => {
  const { config } = load({});
  const names = (faults: readonly ConfigFault[]): readonly string[] => faults.map((fault) => fault.name);

  const noTls = config.http.tls;

  it("has nothing to say about the defaults", () => {
    expect(checkConfig(config)).toEqual({ errors: [], warnings: [] });
  });

  it.each<[string, Partial<Config>, string]>([
    ["tokens without a file", { auth: { mode: "tokens", tokens_file: "" } }, "auth.tokens_file"],
    ["two listeners on one port", { otlp: { enabled: true, grpc_port: 4040, http_port: 4318 } }, "otlp"],
    ["a certificate without its key", { http: { ...config.http, tls: { ...noTls, cert_file: "c" } } }, "http.tls.key_file"],
    ["client certificates without TLS", { http: { ...config.http, tls: { ...noTls, client_ca_file: "c" } } }, "http.tls.client_ca_file"],
    ["a collector that is no address", { tracing: { ...config.tracing, endpoint: "collector:4318" } }, "tracing.endpoint"],
    ["a default above its maximum", { limits: { ...config.limits, flamegraph_nodes_max: 10 } }, "limits.flamegraph_nodes_default"],
  ])("stops at %s", (_, change, name) => {
    expect(names(checkConfig({ ...config, ...change }).errors)).toEqual([name]);
  });

  it("warns of tokens that travel readable for all", () => {
    const change: Partial<Config> = { auth: { mode: "tokens", tokens_file: "t" } };
    expect(names(checkConfig({ ...config, ...change }).warnings)).toEqual(["http.tls.cert_file"]);
    const tls = { cert_file: "c", key_file: "k", client_ca_file: "" };
    expect(checkConfig({ ...config, ...change, http: { ...config.http, tls } })).toEqual({ errors: [], warnings: [] });
  });

  it("warns of a disk that is not waited for", () => {
    expect(names(checkConfig({ ...config, segment: { ...config.segment, fsync: false } }).warnings)).toEqual(["segment.fsync"]);
  });
});

describe("durations and sizes", () => {
  it.each([
    ["0", 0],
    ["0s", 0],
    ["90s", 90_000],
    ["1h30m", 5_400_000],
    ["31d", 2_678_400_000],
    ["250ms", 250],
    ["1.5h", 5_400_000],
    ["5", undefined],
    ["-1h", undefined],
    ["1y", undefined],
  ])("reads %s as %s ms", (text, durationMs) => {
    expect(parseDurationMs(text)).toBe(durationMs);
  });

  it.each([
    ["0", 0],
    ["65535", 65_535],
    ["4MiB", 4 * 1024 * 1024],
    ["4mb", 4_000_000],
    ["1.5 KiB", 1536],
    ["4 apples", undefined],
  ])("reads %s as %s bytes", (text, bytes) => {
    expect(parseSizeBytes(text)).toBe(bytes);
  });

  it.each([0, 1, 999, 60_000, 5_400_001, 2_678_400_000])("reads what it shows: %i", (number) => {
    expect(parseDurationMs(showDurationMs(number))).toBe(number);
    expect(parseSizeBytes(showSizeBytes(number))).toBe(number);
  });
});

describe("docs/configuration.md", () => {
  it("is what the schema says", () => {
    const path = new URL("../../docs/configuration.md", import.meta.url);
    if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(path, configurationDocument());
    expect(readFileSync(path, "utf8")).toBe(configurationDocument());
  });
});
