import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Child, startChild } from "../harness/child.ts";
import { ask, push } from "../harness/client.ts";
import { type NatsTestServer, startNats } from "../harness/nats.ts";
import { startServer } from "../harness/server.ts";
import { until } from "../harness/until.ts";
import { type RandomFleet, randomFleet } from "../properties/random-fleet.ts";
import { type Snapshot, snapshot } from "../properties/snapshot.ts";

/*
 * Goal: queriers that share a question over NATS answer as one does, and the death of one costs time, not an error.
 * Method: profiles stored by the real server; then three queriers in processes of their own over what it left, on a real NATS server, that share
 * whatever can be shared; answers of every RPC compared, and asked again and again while peers are killed.
 */

const SEED = Number(process.env["SEED"] ?? 815);
const CLIENTS = 6;
const PROGRAM = fileURLToPath(new URL("querier-process.ts", import.meta.url));

type Querier = { readonly child: Child; readonly url: string };

describe(`questions shared between queriers (SEED=${SEED})`, () => {
  const folder = mkdtempSync(join(tmpdir(), "brazier-shared-"));
  const dataDir = join(folder, "data");
  const queriers: Querier[] = [];
  let nats: NatsTestServer;
  let fleet: RandomFleet;
  let expected: Snapshot;

  const startQuerier = async (): Promise<Querier> => {
    const portFile = join(folder, `port-${queriers.length}`);
    const child = startChild(process.execPath, [PROGRAM, dataDir, nats.url, portFile, "1"]);
    const url = await until("the querier's port", () => {
      if (child.exit !== undefined) throw new Error(child.logs());
      return `http://127.0.0.1:${readFileSync(portFile, "utf8")}`;
    });
    const querier = { child, url };
    queriers.push(querier);
    return querier;
  };

  beforeAll(async () => {
    nats = await startNats();
    fleet = randomFleet(SEED, Date.now(), 100);
    const server = await startServer({ dataDir, config: { compact: { enabled: false }, limits: { ingestion_rate: 0 } } });
    try {
      for (let at = 0; at < fleet.profiles.length; at += 10) {
        expect((await push(server.url, fleet.profiles.slice(at, at + 10))).status).toBe(200);
      }
      expected = await snapshot(server.url, fleet);
    } finally {
      await server.stop();
    }
    for (let i = 0; i < 3; i++) await startQuerier();
  });
  afterAll(async () => {
    await Promise.all(queriers.map(({ child }) => child.end("SIGKILL")));
    await nats?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it("have the same answers from every RPC, to which all queriers contribute", async () => {
    const actual = await snapshot(queriers[0]!.url, fleet);
    expect(Object.keys(actual)).toEqual(Object.keys(expected));
    for (const [name, answer] of Object.entries(expected)) expect(actual[name], name).toEqual(answer);
    for (const { url } of queriers) expect(await partsAnswered(url)).toBeGreaterThan(10);
  });

  it("are answered without an error while queriers are killed", async () => {
    const [asked, ...peers] = queriers as [Querier, ...Querier[]];
    const request = {
      start: String(fleet.startMs),
      end: String(fleet.endMs),
      profileTypeID: "process_cpu:cpu:nanoseconds:cpu:nanoseconds",
      labelSelector: "{}",
      groupBy: ["pod"],
      step: 15,
    };
    const right = await ask(asked.url, "SelectSeries", request);
    let answered = 0;
    let stopping = false;
    const client = async (): Promise<void> => {
      while (!stopping) {
        expect(await ask(asked.url, "SelectSeries", request)).toEqual(right);
        answered++;
      }
    };
    const clients = Promise.all(Array.from({ length: CLIENTS }, client));
    const more = async (count: number): Promise<void> => {
      const from = answered;
      await Promise.race([clients, until("more answers", () => answered >= from + count, { withinMs: 120_000 })]);
    };
    await more(20);
    for (const peer of peers) {
      await peer.child.end("SIGKILL");
      await more(20);
    }
    const late = await startQuerier();
    await until("parts at the new querier", async () => (await partsAnswered(late.url)) > 0);
    stopping = true;
    await clients;
    expect(answered).toBeGreaterThanOrEqual(60);
  });
});

async function partsAnswered(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^brazier_query_parts_total\{side="answered",outcome="answered"\} (\d+)/m.exec(text)?.[1] ?? 0);
}
