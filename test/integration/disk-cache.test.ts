import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ask, push } from "../harness/client.ts";
import { makePprof } from "../harness/make-pprof.ts";
import { metricOf } from "../harness/metrics.ts";
import { type S3TestServer, startS3 } from "../harness/s3.ts";
import { type Server, startServer } from "../harness/server.ts";
import { until } from "../harness/until.ts";

/*
 * Goal: a querier with a disk before S3 answers as one without, whatever has become of the disk, and asks S3 for nothing that is there.
 * Method: a querier of its own over a bucket that others have filled, whose memory keeps nothing; its reads are counted by what it says of S3 and of its
 * disk. Between two of its lives the files are damaged, or the file system is full.
 */

const SERVICES = 40;
const range = { start: String(Date.now() - 1_800_000), end: String(Date.now() + 1_800_000) };
const wide = { ...range, profileTypeID: "process_cpu:cpu:nanoseconds:cpu:nanoseconds", labelSelector: "{}", maxNodes: 10_000 };

const folders: string[] = [];
const mounts: string[] = [];
const running: Server[] = [];
let s3: S3TestServer;
let right: unknown;

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "brazier-cache-"));
  folders.push(folder);
  return folder;
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

const sizeOf = (folder: string): number => filesIn(folder).reduce((sum, path) => sum + statSync(path).size, 0);

async function querier(query: Readonly<Record<string, unknown>>): Promise<Server> {
  const config = { storage: s3.storage, compact: { enabled: false }, query: { threads: 1, cache_max: 0, ...query } };
  const server = await startServer({ config, readyWithinMs: 60_000 });
  running.push(server);
  return server;
}

async function stop(server: Server): Promise<void> {
  running.splice(running.indexOf(server), 1);
  await server.stop();
}

/** The answer, and what it took. */
async function answerOf({ url }: Server): Promise<{ readonly answer: unknown; readonly reads: number; readonly hits: number }> {
  const reads = () => metricOf(url, 'brazier_s3_requests_total{operation="get",outcome="ok"}');
  const hits = () => metricOf(url, "brazier_query_disk_cache_hits_total");
  // Looks at the catalog's log find nothing, which is counted as `absent`.
  const before = [await reads(), await hits()] as const;
  const answer = await ask(url, "SelectMergeStacktraces", wide);
  return { answer, reads: (await reads()) - before[0], hits: (await hits()) - before[1] };
}

beforeAll(async () => {
  s3 = await startS3();
  const config = { storage: s3.storage, compact: { enabled: false } };
  const writer = await startServer({ config, readyWithinMs: 60_000 });
  try {
    const profiles = Array.from({ length: SERVICES }, (_, i) => ({
      labels: { service_name: `s${i}`, __name__: "process_cpu" },
      profile: makePprof({
        stacks: Object.fromEntries(Array.from({ length: 50 }, (_, k) => [`main;f${i};g${k}`, [1, 10]])),
        time: Date.now(),
      }),
    }));
    expect((await push(writer.url, profiles)).status).toBe(200);
    right = await ask(writer.url, "SelectMergeStacktraces", wide);
    expect(JSON.stringify(right)).toContain(`f${SERVICES - 1}`);
  } finally {
    await writer.stop();
  }
});
afterAll(async () => {
  await Promise.all(running.map((server) => server.stop()));
  await s3?.stop();
  for (const mount of mounts) spawnSync("umount", [mount]);
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

describe("a disk before S3", () => {
  it("is used by the next process, and what was damaged or cut on it is read from S3 again", async () => {
    const folder = temporaryFolder();
    let server = await querier({ cache_dir: folder });
    const cold = await answerOf(server);
    expect(cold).toMatchObject({ answer: right, hits: 0 });
    expect(cold.reads).toBeGreaterThanOrEqual(SERVICES);
    await stop(server);

    server = await querier({ cache_dir: folder });
    expect(await answerOf(server)).toEqual({ answer: right, reads: 0, hits: cold.reads });
    await stop(server);

    const files = filesIn(folder);
    const damaged = files.filter((_, i) => i % 2 === 0);
    for (const [i, path] of damaged.entries()) {
      const bytes = readFileSync(path);
      bytes[bytes.length >> 1]! ^= 0x10;
      writeFileSync(path, i % 2 === 0 ? bytes : bytes.subarray(0, bytes.length >> 1));
    }
    server = await querier({ cache_dir: folder });
    expect(await answerOf(server)).toEqual({ answer: right, reads: damaged.length, hits: files.length - damaged.length });
    expect(await answerOf(server)).toEqual({ answer: right, reads: 0, hits: cold.reads });
    await stop(server);
  });

  it("stays below its bound", async () => {
    const folder = temporaryFolder();
    const bytesMax = 20_000;
    const server = await querier({ cache_dir: folder, cache_disk_max: bytesMax });
    for (let i = 0; i < 3; i++) {
      expect(await answerOf(server)).toMatchObject({ answer: right });
      expect(sizeOf(folder)).toBeLessThanOrEqual(bytesMax);
    }
    // Most of it was used, and goes on to be used.
    expect(sizeOf(folder)).toBeGreaterThan(bytesMax / 2);
    await until(
      "room for what is asked next",
      async () => (await metricOf(server.url, "brazier_query_disk_cache_bytes")) < bytesMax * 0.95,
    );
    expect((await answerOf(server)).hits).toBeGreaterThan(0);
    await stop(server);
  });

  it("does no harm when it is full", async (test) => {
    const mount = temporaryFolder();
    const isMounted = process.getuid?.() === 0 && spawnSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", mount]).status === 0;
    if (!isMounted) return test.skip("mounting takes root");
    mounts.push(mount);
    const server = await querier({ cache_dir: mount });
    for (let i = 0; i < 2; i++) expect(await answerOf(server)).toMatchObject({ answer: right });
    // What could be written is whole.
    expect(await answerOf(server)).toMatchObject({ answer: right, hits: expect.toSatisfy((hits: number) => hits > 0) });
    await stop(server);
  });
});
