import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../pipeline/base/clock.ts";
import { systemRandom } from "../../pipeline/base/random.ts";
import { openCatalog } from "../../pipeline/catalog/bucket-catalog.ts";
import { openS3Store } from "../../pipeline/objects/s3.ts";
import { type Installation, startInstallation } from "../harness/installation.ts";
import { NumberedLoad } from "../harness/numbered-load.ts";
import { type S3TestServer, startS3 } from "../harness/s3.ts";
import type { Server } from "../harness/server.ts";
import { until } from "../harness/until.ts";

/*
 * Goal: several compactors share the work, and nobody who asks notices. Method: real processes on a real S3 server; a querier that is asked all the time while
 * blocks are swapped under it, and the compactors' own counts of what they did.
 */

const WHOLE = { lost: [], wrong: [] };
/** Enough for more than one to have had its turn. */
const MERGES = 6;

/** Compactions by outcome. */
async function compactions(servers: readonly Server[], outcome: "done" | "overtaken" | "failed"): Promise<number[]> {
  return Promise.all(
    servers.map(async ({ url }) => {
      const text = await (await fetch(`${url}/metrics`)).text();
      const lines = text.matchAll(/^brazier_compactions_total\{(.*)\} (\d+)$/gm);
      return [...lines].reduce((sum, [, labels, count]) => (labels!.includes(`outcome="${outcome}"`) ? sum + Number(count) : sum), 0);
    }),
  );
}

const sum = (counts: readonly number[]): number => counts.reduce((a, b) => a + b, 0);

describe("three compactors on one S3 bucket", () => {
  let s3: S3TestServer;
  let installation: Installation;

  beforeAll(async () => {
    s3 = await startS3();
    // Segments of a fifth of a second each: many small ones, so that there is much to merge.
    const config = { storage: s3.storage, segment: { flush_interval_ms: 200, idle_ms: 100 } };
    installation = await startInstallation({ processes: { segment: 2, compact: 3 }, config });
  });

  afterAll(async () => {
    await installation?.stop();
    await s3?.stop();
  });

  const liveSegments = async (): Promise<number> => {
    const store = await openS3Store(s3.settings);
    try {
      const catalog = await openCatalog({ store, clock: systemClock, random: systemRandom });
      const levels = [...catalog.state.objects.values()].map(({ level }) => level);
      await catalog.close();
      return levels.filter((level) => level === 0).length;
    } finally {
      await store.close();
    }
  };

  it("merge each object once, share the work, and change no answer; what a killed one had claimed others do", async () => {
    const query = installation.url("query");
    const early = new NumberedLoad({ url: () => installation.url("ingest"), clients: 4, service: "early" });
    early.start();
    await early.more(100);
    await early.stop();
    expect(await early.faults(query)).toEqual(WHOLE);

    const late = new NumberedLoad({ url: () => installation.url("ingest"), clients: 4, service: "late" });
    late.start();
    const different: unknown[] = [];
    let [asked, isOver] = [0, false];
    const asking = (async () => {
      const expected = await early.found(query);
      for (; !isOver; asked++) {
        const found = await early.found(query);
        if (JSON.stringify([...found].sort()) !== JSON.stringify([...expected].sort())) different.push([...found]);
      }
    })();
    try {
      await until(
        "merges by more than one",
        async () => {
          const done = await compactions(installation.of("compact"), "done");
          return sum(done) >= MERGES && done.filter((count) => count > 0).length > 1;
        },
        { withinMs: 240_000, everyMs: 500 },
      );
      expect(await compactions(installation.of("compact"), "overtaken")).toEqual([0, 0, 0]);
      await installation.killAndReplace("compact");
      await late.more(100);
    } finally {
      await late.stop();
      isOver = true;
      await asking;
    }
    expect(different).toEqual([]);
    expect(asked).toBeGreaterThan(20);

    // Also what the killed one may have held: its lease is over after half a minute.
    await until("every segment in a block", async () => (await liveSegments()) === 0, { withinMs: 240_000, everyMs: 1_000 });
    expect(sum(await compactions(installation.of("compact"), "overtaken"))).toBe(0);
    expect(sum(await compactions(installation.of("compact"), "failed"))).toBe(0);
    for (const load of [early, late]) expect(await load.faults(query)).toEqual(WHOLE);
  }, 600_000);
});
