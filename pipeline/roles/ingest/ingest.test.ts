import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../base/clock.ts";
import { isCoded } from "../../base/errors.ts";
import { createRegistry } from "../../base/metrics.ts";
import { seededRandom } from "../../base/random.ts";
import type { TenantId } from "../../base/units.ts";
import { encodePprof } from "../../profile/pprof-writer.ts";
import type { QueuedProfile } from "../../profile/queued-profile.ts";
import { decodeQueuedProfile } from "../../profile/queued-profile-codec.ts";
import { queuedProfileText } from "../../profile/testing/test-queued-profile.ts";
import type { OutgoingMessage, Queue } from "../../queue/queue.ts";
import { createDecodePool, type DecodePool } from "./decode-pool.ts";
import { runDecodeJob } from "./decode-task.ts";
import { createIngest } from "./ingest.ts";
import type { Ingest } from "./ingest-door.ts";
import { DEFAULT_LIMITS, type IngestLimits } from "./limits.ts";
import { createIngestMetrics } from "./metrics.ts";

const TENANT = "acme" as TenantId;
const inline: DecodePool = { run: runDecodeJob, close: async () => {} };
const LABELS = [
  { name: "__name__", value: "process_cpu" },
  { name: "service_name", value: "shop" },
];

describe("ingest", () => {
  it("publishes what a push holds under the partition of its service", async () => {
    const { ingest, published } = start();
    await ingest.push(TENANT, [{ labels: LABELS, samples: [{ raw: gzipSync(cpuProfile(["main", "work"], 3)), id: "" }] }]);
    expect(published).toHaveLength(1);
    const profile = published[0]?.profile as QueuedProfile;
    expect([profile.tenant, profile.service, profile.kind.name]).toEqual(["acme", "shop", "process_cpu"]);
    expect(queuedProfileText(profile)).toEqual(["main;work 3"]);
  });

  it("stores the good profiles of a push and fails it because of the others", async () => {
    const { ingest, published } = start();
    const samples = [Buffer.from("garbage"), cpuProfile(["main"], 1)].map((raw) => ({ raw, id: "" }));
    expect(await faultCode(ingest.push(TENANT, [{ labels: LABELS, samples }]))).toBe("malformed_profile");
    expect(published.map(({ profile }) => queuedProfileText(profile))).toEqual([["main 1"]]);
  });

  it("refuses a push without profiles", async () => {
    expect(await faultCode(start().ingest.push(TENANT, [{ labels: LABELS, samples: [] }]))).toBe("no_profiles");
  });

  it("gives a repeated profile the same message id, and a changed one another", async () => {
    const { ingest, published } = start();
    const push = (value: number): Promise<void> =>
      ingest.push(TENANT, [{ labels: LABELS, samples: [{ raw: cpuProfile(["main"], value), id: "" }] }]);
    await push(1);
    await push(1);
    await push(2);
    const [first, second, third] = published.map(({ id }) => id);
    expect(second).toBe(first);
    expect(third).not.toBe(first);
  });

  it("gives equal profiles of one push the same message id", async () => {
    const { ingest, published } = start();
    const sample = { raw: cpuProfile(["main"], 1), id: "" };
    await ingest.push(TENANT, [{ labels: LABELS, samples: [sample, sample] }]);
    expect(new Set(published.map(({ id }) => id)).size).toBe(1);
  });

  it("keeps overlapping requests of one thread apart", async () => {
    const { ingest, published } = start();
    const send = async (value: number): Promise<void> => {
      const form = new FormData();
      form.set("profile", new Blob([cpuProfile([`f${value}`], value)]), "profile.pprof");
      const { contentType, body } = await encoded(form);
      await ingest.ingest(TENANT, { query: `name=app${value}`, contentType, body });
    };
    await Promise.all(Array.from({ length: 20 }, (_, index) => send(index + 1)));
    const texts = published.map(({ profile }) => `${profile.service} ${queuedProfileText(profile)[0]}`).sort();
    expect(texts).toEqual(
      Array.from({ length: 20 }, (_, index) => `app${index + 1} f${index + 1} ${index + 1} pyroscope_spy=unknown`).sort(),
    );
  });

  it("gives profiles without a time different message ids, since each is of its own moment", async () => {
    const { ingest, published } = start();
    const raw = encodePprof({ sampleTypes: [{ type: "cpu", unit: "nanoseconds" }] }, [{ stack: [{ name: "main" }], values: [1] }]);
    await ingest.push(TENANT, [{ labels: LABELS, samples: [{ raw, id: "" }] }]);
    await ingest.push(TENANT, [{ labels: LABELS, samples: [{ raw, id: "" }] }]);
    expect(published[0]?.id).not.toBe(published[1]?.id);
  });

  it("answers 429 with the seconds to wait when a tenant sends too fast", async () => {
    const { ingest, metrics } = start({ ingestionRateBytesPerSecond: 100, ingestionBurstBytes: 100 });
    const push = (): Promise<void> => ingest.push(TENANT, [{ labels: LABELS, samples: [{ raw: cpuProfile(["main"], 1), id: "" }] }]);
    await push();
    const fault = await push().catch((error: unknown) => error);
    expect(isCoded(fault, "rate_limited") && (fault.facts["retryAfterSeconds"] as number) > 0).toBe(true);
    expect(await metrics()).toContain('pyroscope_discarded_samples_total{reason="rate_limited",tenant="acme"} 1');
  });

  it("counts refused profiles by reason", async () => {
    const { ingest, metrics } = start({ samplesMax: 1 });
    const raw = encodePprof({ sampleTypes: [{ type: "cpu", unit: "nanoseconds" }] }, [
      { stack: [{ name: "a" }], values: [1] },
      { stack: [{ name: "b" }], values: [1] },
    ]);
    expect(await faultCode(ingest.push(TENANT, [{ labels: LABELS, samples: [{ raw, id: "" }] }]))).toBe("samples_limit");
    expect(await metrics()).toContain('pyroscope_discarded_samples_total{reason="samples_limit",tenant="acme"} 1');
  });

  it("refuses a request that is too large as it came, and one that is too large uncompressed", async () => {
    const { ingest } = start({ bodyBytesMax: 2000 });
    const large = encodePprof({ sampleTypes: [{ type: "cpu", unit: "nanoseconds" }] }, [
      { stack: [{ name: "a".repeat(1500) }], values: [1] },
    ]);
    const push = (raw: Uint8Array, count: number): Promise<unknown> =>
      ingest
        .push(TENANT, [{ labels: LABELS, samples: Array.from({ length: count }, () => ({ raw, id: "" })) }])
        .catch((error: unknown) => error);
    expect(await push(gzipSync(large), 1)).toBeUndefined();
    expect(await push(large, 2)).toMatchObject({ code: "body_size_limit_exceeded", kind: "too_large" });
    expect(await push(gzipSync(large), 2)).toMatchObject({ code: "body_size_limit_exceeded", kind: "invalid" });
  });

  it("tells senders to come again when more is in work than fits into memory", async () => {
    let decodeOn = (): void => {};
    const pool: DecodePool = {
      run: async (job) => new Promise((resolve) => (decodeOn = () => resolve(runDecodeJob(job)))),
      close: async () => {},
    };
    const { ingest, published } = start({}, pool, 10);
    const push = (): Promise<void> => ingest.push(TENANT, [{ labels: LABELS, samples: [{ raw: cpuProfile(["main"], 1), id: "" }] }]);
    const first = push();
    expect(await push().catch((error: unknown) => error)).toMatchObject({
      code: "ingest_busy",
      kind: "limited",
      facts: { retryAfterSeconds: 1 },
    });
    decodeOn();
    await first;
    expect(published).toHaveLength(1);
  });

  it("decodes on threads", async () => {
    const pool = createDecodePool({ threads: 1 });
    const { ingest, published } = start({}, pool);
    const raw = gzipSync(cpuProfile(["main", "work"], 3));
    await Promise.all([1, 2, 3].map(() => ingest.push(TENANT, [{ labels: LABELS, samples: [{ raw, id: "" }] }])));
    expect(raw.length).toBeGreaterThan(0);
    expect(published.map(({ profile }) => queuedProfileText(profile))).toEqual(Array(3).fill(["main;work 3"]));
    expect(await faultCode(ingest.push(TENANT, [{ labels: LABELS, samples: [{ raw: Buffer.from("x"), id: "" }] }]))).toBe(
      "malformed_profile",
    );
    await pool.close();
  });
});

describe("/ingest", () => {
  it("takes folded text as CPU samples of the given rate", async () => {
    const { ingest, published } = start();
    await ingest.ingest(TENANT, {
      query: "name=app{region=eu}&from=1700000000&until=1700000010&sampleRate=100",
      contentType: "",
      body: Buffer.from("a;b 2\na;c 1\n"),
    });
    const profile = published[0]?.profile as QueuedProfile;
    expect(queuedProfileText(profile)).toEqual([
      "a;b 20000000 pyroscope_spy=unknown region=eu",
      "a;c 10000000 pyroscope_spy=unknown region=eu",
    ]);
    expect([profile.kind.name, profile.kind.sampleTypes, profile.timeNs, profile.durationNs]).toEqual([
      "process_cpu",
      [{ type: "cpu", unit: "nanoseconds" }],
      1_700_000_000_000_000_000n,
      10_000_000_000n,
    ]);
  });

  it("takes the form of the SDKs, gzip inside or not", async () => {
    const { ingest, published } = start();
    for (const raw of [cpuProfile(["main"], 1), gzipSync(cpuProfile(["main"], 1))]) {
      const form = new FormData();
      form.set("profile", new Blob([raw]), "profile.pprof");
      form.set("sample_type_config", new Blob(['{"cpu":{"display-name":"cpu"}}']), "sample_type_config.json");
      const { contentType, body } = await encoded(form);
      await ingest.ingest(TENANT, { query: "name=app&spyName=gospy&from=1700000000000000000", contentType, body });
    }
    expect(published.map(({ profile }) => [profile.service, profile.kind.name, ...queuedProfileText(profile)])).toEqual(
      Array(2).fill(["app", "process_cpu", "main 1 pyroscope_spy=gospy"]),
    );
  });

  it("says which parameter is wrong", async () => {
    const { ingest } = start();
    const code = (query: string): Promise<string> => faultCode(ingest.ingest(TENANT, { query, contentType: "", body: Buffer.from("a 1") }));
    expect(await code("")).toBe("ingest_params");
    expect(await code("name=a b")).toBe("ingest_params");
    expect(await code("name=app{__name__=x}")).toBe("ingest_params");
    expect(await code("name=app&from=yesterday")).toBe("ingest_params");
    expect(await code("name=app.foo")).toBe("unknown_profile_type");
    expect(await code("name=app&format=jfr")).toBe("unimplemented_format");
  });

  it("takes an empty pprof for no profile", async () => {
    const { ingest, published } = start();
    await ingest.ingest(TENANT, { query: "name=app&format=pprof", contentType: "", body: new Uint8Array(0) });
    expect(published).toEqual([]);
  });
});

function start(
  limits: Partial<IngestLimits> = {},
  pool: DecodePool = inline,
  bytesInFlightMax?: number,
): {
  ingest: Ingest;
  published: { partition: number; id: string; profile: QueuedProfile }[];
  metrics: () => Promise<string>;
} {
  const published: { partition: number; id: string; profile: QueuedProfile }[] = [];
  const queue: Pick<Queue, "publish"> = {
    publish: async (partition: number, { id, bytes }: OutgoingMessage) => {
      published.push({ partition, id, profile: decodeQueuedProfile(bytes) });
    },
  };
  const registry = createRegistry();
  const ingest = createIngest({
    queue: queue as Queue,
    partitions: 8,
    pool,
    clock: systemClock,
    random: seededRandom(published.length + 7),
    limitsOf: () => ({ ...DEFAULT_LIMITS, rejectOlderThanMs: 0, ...limits }),
    metrics: createIngestMetrics(registry),
    ...(bytesInFlightMax === undefined ? {} : { bytesInFlightMax }),
  });
  return { ingest, published, metrics: () => registry.metrics() };
}

function cpuProfile(framesRootFirst: string[], value: number): Uint8Array<ArrayBuffer> {
  const header = {
    sampleTypes: [{ type: "cpu", unit: "nanoseconds" }],
    periodType: { type: "cpu", unit: "nanoseconds" },
    period: 1,
    timeNs: 1_700_000_000_000_000_000n,
  };
  return encodePprof(header, [{ stack: framesRootFirst.map((name) => ({ name })).reverse(), values: [value] }]);
}

async function encoded(form: FormData): Promise<{ contentType: string; body: Uint8Array }> {
  const request = new Request("http://127.0.0.1/", { method: "POST", body: form });
  return { contentType: request.headers.get("content-type") ?? "", body: new Uint8Array(await request.arrayBuffer()) };
}

async function faultCode(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (isCoded(error)) return error.code;
    throw error;
  }
  return "no fault";
}
