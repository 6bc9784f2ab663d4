import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { seededRandom } from "../../pipeline/base/random.ts";
import { ask, push } from "../harness/client.ts";
import { makePprof } from "../harness/make-pprof.ts";
import { type Server, startServer } from "../harness/server.ts";

/*
 * Goal: what was acknowledged before a crash is found after it, once; the directory opens again.
 * Method: clients push numbered profiles, the process is killed with SIGKILL at a random moment, and opened again. Each
 * profile is a series of its own with its own value, so that a lost one and a doubled one are both seen.
 */

const SEED = Number(process.env["SEED"] ?? 8231);
/** How long each round loads the server before the crash, at most, in ms after the first acknowledgement. The last one is long enough that compaction is hit. */
const ROUNDS_MS = [300, 1000, 1000, 12_000];
const CLIENTS = 16;

type Point = { readonly value: number };
type Series = { readonly labels?: readonly { readonly name: string; readonly value: string }[]; readonly points?: readonly Point[] };

describe(`kill -9 under load (SEED=${SEED})`, () => {
  const dataDir = mkdtempSync(join(tmpdir(), "brazier-crash-"));
  const random = seededRandom(SEED);
  const baseMs = Date.now() - 600_000;
  const acknowledged = new Set<number>();
  const sent = new Set<number>();
  let server: Server | undefined;
  let next = 0;

  afterAll(async () => {
    await server?.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });

  const pushNumbered = async (url: string, number: number): Promise<void> => {
    sent.add(number);
    const profile = makePprof({ stacks: { [`main;f${number % 7}`]: [1, number + 1] }, time: baseMs + number });
    const labels = { service_name: `crash-${number % 5}`, __name__: "process_cpu", n: String(number) };
    const { status } = await push(url, [{ labels, profile, id: "" }]);
    if (status === 200) acknowledged.add(number);
  };

  const found = async (url: string): Promise<ReadonlyMap<number, number>> => {
    const request = {
      start: String(baseMs - 60_000),
      end: String(Date.now() + 60_000),
      profileTypeID: "process_cpu:cpu:nanoseconds:cpu:nanoseconds",
      labelSelector: "{}",
      groupBy: ["n"],
      // A bucket's point stands at its end, and the last one before the end of the range.
      step: 15,
    };
    const { series = [] } = await ask<{ series?: readonly Series[] }>(url, "SelectSeries", request);
    return new Map(
      series.map(({ labels = [], points = [] }) => [Number(labels[0]?.value), points.reduce((sum, { value }) => sum + value, 0)]),
    );
  };

  for (const [round, loadMs] of ROUNDS_MS.entries()) {
    it(`finds everything acknowledged, each once, after crash ${round + 1}`, async () => {
      server = await startServer({ dataDir });
      const { url } = server;
      let crashed = false;
      const client = async (): Promise<void> => {
        while (!crashed) await pushNumbered(url, next++).catch(() => undefined);
      };
      const clients = Array.from({ length: CLIENTS }, client);
      const already = acknowledged.size;
      // A cold process takes its time for the first one, and a crash before that would show nothing.
      await expect.poll(() => acknowledged.size, { timeout: 20_000, interval: 5 }).toBeGreaterThan(already);
      await new Promise((done) => setTimeout(done, loadMs * random.next()));
      await server.kill();
      crashed = true;
      await Promise.all(clients);

      server = await startServer({ dataDir });
      const rows = await found(server.url);
      const lost = [...acknowledged].filter((number) => !rows.has(number));
      const wrong = [...rows].filter(([number, value]) => value !== number + 1 || !sent.has(number));
      expect({ lost, wrong }).toEqual({ lost: [], wrong: [] });

      // A client that never heard back tries again: what had been stored all the same must not count twice.
      const unheard = [...sent].filter((number) => !acknowledged.has(number));
      for (const number of unheard) await pushNumbered(server.url, number);
      const all = await found(server.url);
      expect([...all].filter(([number, value]) => value !== number + 1)).toEqual([]);
      expect(all.size).toBe(sent.size);
      const exit = await server.stop();
      expect(exit.code).toBe(0);
    });
  }
});
