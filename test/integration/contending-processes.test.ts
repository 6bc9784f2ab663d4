import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkCatalog } from "../../pipeline/catalog/check.ts";
import type { LogEntry } from "../../pipeline/catalog/codec.ts";
import { listEntries, readEntry } from "../../pipeline/catalog/log.ts";
import { openS3Store, type S3Store } from "../../pipeline/objects/s3.ts";
import { type Installation, type RoleName, startInstallation } from "../harness/installation.ts";
import { metricOf } from "../harness/metrics.ts";
import { NumberedLoad } from "../harness/numbered-load.ts";
import { type S3TestServer, startS3 } from "../harness/s3.ts";
import { until } from "../harness/until.ts";

/*
 * Goal: processes that commit to one catalog all the time lose no commit and make none twice. Method: many segment workers and compactors, each a process of its
 * own, on one bucket of a real S3 server, cutting segments as often as they can; then the log is read entry by entry and compared with what each process
 * says it has written, and what was acknowledged with what is found.
 */

const CLIENTS = 24;
const ACKNOWLEDGED = 600;
const COMMITTERS: readonly RoleName[] = ["segment", "compact"];

describe("four segment workers and three compactors on one catalog", () => {
  let s3: S3TestServer;
  let store: S3Store;
  let installation: Installation;

  beforeAll(async () => {
    s3 = await startS3();
    store = await openS3Store(s3.settings);
    const config = { storage: s3.storage, segment: { flush_interval_ms: 50, idle_ms: 10 } };
    installation = await startInstallation({ processes: { segment: 4, compact: 3 }, config });
  });
  afterAll(async () => {
    await installation?.stop();
    await store?.close();
    await s3?.stop();
  });

  const sumOf = async (roles: readonly RoleName[], line: string): Promise<number> => {
    const counts = await Promise.all(roles.flatMap((role) => installation.of(role).map(({ url }) => metricOf(url, line))));
    return counts.reduce((sum, count) => sum + count, 0);
  };

  /** Log entries stay for ten minutes, longer than this test needs. */
  const readLog = async (): Promise<LogEntry[]> => {
    const place = { store, shard: 0 };
    const entries = await Promise.all((await listEntries(place, 0)).map((version) => readEntry(place, version)));
    return entries.filter((entry) => entry !== undefined);
  };

  it("commit each change once", async () => {
    const load = new NumberedLoad({ url: () => installation.url("ingest"), clients: CLIENTS });
    load.start();
    await load.more(ACKNOWLEDGED);
    await until("compactions among it", async () => (await sumOf(["compact"], "brazier_catalog_commits_total")) > 0, { withinMs: 120_000 });
    await load.stop();
    expect(await load.faults(installation.url("query"))).toEqual({ lost: [], wrong: [] });
    // They did meet.
    expect(await sumOf(COMMITTERS, "brazier_catalog_conflicts_total")).toBeGreaterThan(0);

    const log = await until("a log that is as long as all say", async () => {
      const committed = await sumOf(COMMITTERS, "brazier_catalog_commits_total");
      const entries = await readLog();
      return entries.length === committed && (await sumOf(COMMITTERS, "brazier_catalog_commits_total")) === committed ? entries : undefined;
    });
    expect(log.map(({ version }) => version)).toEqual(log.map((_, i) => i + 1));
    expect(new Set(log.map(({ commitId }) => Buffer.from(commitId).toString("hex"))).size).toBe(log.length);

    const [added, retired] = [new Set<string>(), new Set<string>()];
    const consumed = new Map<string, number>();
    for (const { version, change } of log) {
      for (const { key } of change.added) {
        expect(added.has(key), `${key} is added once, in version ${version}`).toBe(false);
        added.add(key);
      }
      for (const key of change.retired) {
        expect([added.has(key), retired.has(key)], `${key} is retired once, in version ${version}`).toEqual([true, false]);
        retired.add(key);
      }
      for (const { stream, partition, sequence } of change.consumed) {
        const of = `${stream}/${partition}`;
        expect(sequence, `partition ${of} only goes on, in version ${version}`).toBeGreaterThan(consumed.get(of) ?? 0);
        consumed.set(of, sequence);
      }
    }
    // No message was part of two segments: a push that was sent again is another message.
    const messages = await sumOf(["segment"], "brazier_segment_messages_total");
    expect(messages).toBeGreaterThanOrEqual(load.acknowledged);
    expect(messages).toBeLessThanOrEqual(load.acknowledged + load.retries);
    expect((await checkCatalog({ store })).findings).toEqual([]);
  });
});
