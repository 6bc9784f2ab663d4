import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { seededRandom } from "../../pipeline/base/random.ts";
import { type PushedProfile, push } from "../harness/client.ts";
import { type Server, startServer } from "../harness/server.ts";
import { type RandomFleet, randomFleet } from "./random-fleet.ts";
import { type Snapshot, snapshot } from "./snapshot.ts";

/*
 * Goal: how profiles came and where they lie changes no answer of any RPC.
 * Method: the same random profiles over one push, over many, over restarts, and after compaction; all answers compared.
 */

const SEED = Number(process.env["SEED"] ?? 4711);
const PROFILES = 120;
const COMPACTION_MAX_MS = 120_000;

describe(`the same profiles in another layout (SEED=${SEED})`, () => {
  const folders: string[] = [];
  const servers: Server[] = [];
  let fleet: RandomFleet;
  let expected: Snapshot;

  const start = async (dataDir: string, compaction: boolean): Promise<Server> => {
    const server = await startServer({ dataDir, config: { compact: { enabled: compaction, grace: 0 }, limits: { ingestion_rate: 0 } } });
    servers.push(server);
    return server;
  };
  const folder = (): string => {
    const made = mkdtempSync(join(tmpdir(), "brazier-layout-"));
    folders.push(made);
    return made;
  };
  const stop = async (server: Server): Promise<void> => {
    servers.splice(servers.indexOf(server), 1);
    await server.stop();
  };

  beforeAll(async () => {
    fleet = randomFleet(SEED, Date.now(), PROFILES);
    const server = await start(folder(), false);
    await pushAll(server.url, [fleet.profiles]);
    expected = await snapshot(server.url, fleet);
    await stop(server);
  });
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.stop()));
    for (const dataDir of folders.splice(0)) rmSync(dataDir, { recursive: true, force: true });
  });

  it("is not empty", () => {
    expect(JSON.stringify(expected["0 tree process_cpu:cpu {}"])).toContain("f0");
    expect(JSON.stringify(expected["0 spans {}"])).toContain("main");
    expect(expected["GetProfileStats"]).toBe(true);
  });

  it("gives the same answers when each profile is pushed on its own", async () => {
    const server = await start(folder(), false);
    await pushAll(
      server.url,
      shuffled(fleet.profiles, SEED).map((profile) => [profile]),
    );
    expectEqual(await snapshot(server.url, fleet), expected);
  });

  it("gives the same answers when restarts lie between the pushes", async () => {
    const dataDir = folder();
    const random = seededRandom(SEED + 1);
    const rest = shuffled(fleet.profiles, SEED + 1);
    while (rest.length > 0) {
      const server = await start(dataDir, false);
      await pushAll(server.url, [rest.splice(0, 20 + Math.floor(random.next() * 30))]);
      await stop(server);
    }
    const server = await start(dataDir, false);
    expectEqual(await snapshot(server.url, fleet), expected);
  });

  it("gives the same answers after compaction, and after more pushes and compaction again", async () => {
    const dataDir = folder();
    const profiles = shuffled(fleet.profiles, SEED + 2);
    const server = await start(dataDir, true);
    await pushAll(
      server.url,
      profiles.slice(0, 60).map((profile) => [profile]),
    );
    await compacted(dataDir);
    await pushAll(
      server.url,
      profiles.slice(60).map((profile) => [profile]),
    );
    await compacted(dataDir);
    expectEqual(await snapshot(server.url, fleet), expected);
    await stop(server);
    const again = await start(dataDir, true);
    expectEqual(await snapshot(again.url, fleet), expected);
  });
});

/** One answer after the other: the whole would be a wall of text. */
function expectEqual(actual: Snapshot, expected: Snapshot): void {
  expect(Object.keys(actual)).toEqual(Object.keys(expected));
  for (const [name, answer] of Object.entries(expected)) expect(actual[name], name).toEqual(answer);
}

async function pushAll(url: string, batches: readonly (readonly PushedProfile[])[]): Promise<void> {
  const clients = 8;
  let next = 0;
  const client = async (): Promise<void> => {
    for (let at = next++; at < batches.length; at = next++) {
      const reply = await push(url, batches[at]!);
      expect(reply.status, reply.body.toString()).toBe(200);
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
}

/** Until no segment is left on disk. */
async function compacted(dataDir: string): Promise<void> {
  const deadline = performance.now() + COMPACTION_MAX_MS;
  const segments = join(dataDir, "segments");
  const left = (): number =>
    existsSync(segments) ? readdirSync(segments, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).length : 0;
  while (left() > 0) {
    expect(performance.now(), "segments are compacted in time").toBeLessThan(deadline);
    await new Promise((done) => setTimeout(done, 500));
  }
}

function shuffled<T>(list: readonly T[], seed: number): T[] {
  const random = seededRandom(seed);
  const copy = [...list];
  for (let at = copy.length - 1; at > 0; at--) {
    const other = Math.floor(random.next() * (at + 1));
    [copy[at], copy[other]] = [copy[other]!, copy[at]!];
  }
  return copy;
}
