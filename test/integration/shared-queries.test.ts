import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ask, push } from "../harness/client.ts";
import { type Installation, startInstallation } from "../harness/installation.ts";
import { startServer } from "../harness/server.ts";
import { until } from "../harness/until.ts";
import { type RandomFleet, randomFleet } from "../properties/random-fleet.ts";
import { type Snapshot, snapshot } from "../properties/snapshot.ts";

/*
 * Goal: queriers that share a question over NATS answer as one does, and the death of one costs time, not an error.
 * Method: the same profiles in one process and in an installation whose queriers share whatever can be shared; answers of every RPC compared, and
 * asked again and again while queriers are killed.
 */

const SEED = Number(process.env["SEED"] ?? 815);
const QUERIERS = 3;
const CLIENTS = 6;

describe(`questions shared between queriers (SEED=${SEED})`, () => {
  let installation: Installation;
  let fleet: RandomFleet;
  let expected: Snapshot;

  const pushAll = async (url: string): Promise<void> => {
    for (let at = 0; at < fleet.profiles.length; at += 10) expect((await push(url, fleet.profiles.slice(at, at + 10))).status).toBe(200);
  };
  const seriesOf = (url: string, profileTypeID: string): Promise<unknown> =>
    ask(url, "SelectSeries", {
      start: String(fleet.startMs),
      end: String(fleet.endMs),
      profileTypeID,
      labelSelector: "{}",
      groupBy: ["service_name", "pod"],
      step: 15,
    });
  const timelines = async (url: string): Promise<string> =>
    JSON.stringify([
      await seriesOf(url, "process_cpu:cpu:nanoseconds:cpu:nanoseconds"),
      await seriesOf(url, "memory:inuse_space:bytes:space:bytes"),
    ]);

  beforeAll(async () => {
    fleet = randomFleet(SEED, Date.now(), 100);
    const config = { compact: { enabled: false }, limits: { ingestion_rate: 0 } };
    const alone = await startServer({ config });
    let stored: string;
    try {
      await pushAll(alone.url);
      expected = await snapshot(alone.url, fleet);
      stored = await timelines(alone.url);
    } finally {
      await alone.stop();
    }
    installation = await startInstallation({
      processes: { query: QUERIERS, compact: 0 },
      config: { ...config, query: { share_above: 1, threads: 1, cache_max: "1MiB" } },
    });
    await pushAll(installation.url("ingest"));
    for (const { url } of installation.of("query")) await until("all profiles", async () => (await timelines(url)) === stored);
  });
  afterAll(() => installation?.stop());

  it("have the same answers from every RPC, to which all queriers contribute", async () => {
    const queriers = installation.of("query");
    const before = await Promise.all(queriers.map(({ url }) => partsAnswered(url)));
    const actual = await snapshot(queriers[0]!.url, fleet);
    expect(Object.keys(actual)).toEqual(Object.keys(expected));
    for (const [name, answer] of Object.entries(expected)) expect(actual[name], name).toEqual(answer);
    for (const [at, { url }] of queriers.entries()) expect(await partsAnswered(url)).toBeGreaterThan(before[at]! + 10);
  });

  it("are answered without an error while queriers are killed", async () => {
    const [asked, ...peers] = installation.of("query");
    const right = await timelines(asked!.url);
    let answered = 0;
    let stopping = false;
    const client = async (): Promise<void> => {
      while (!stopping) {
        expect(await timelines(asked!.url)).toEqual(right);
        answered++;
      }
    };
    const clients = Promise.all(Array.from({ length: CLIENTS }, client));
    const more = async (count: number): Promise<void> => {
      const from = answered;
      await Promise.race([clients, until("more answers", () => answered >= from + count, { withinMs: 120_000 })]);
    };
    await more(10);
    for (const peer of peers) {
      await peer.kill();
      await more(10);
    }
    const late = await installation.add("query");
    await until("parts at the new querier", async () => (await partsAnswered(late.url)) > 0);
    stopping = true;
    await clients;
    expect(answered).toBeGreaterThanOrEqual(10 * QUERIERS);
  });
});

async function partsAnswered(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^brazier_query_parts_total\{side="answered",outcome="answered"\} (\d+)/m.exec(text)?.[1] ?? 0);
}
