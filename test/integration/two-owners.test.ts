import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../pipeline/base/clock.ts";
import type { Running } from "../../pipeline/base/lifecycle.ts";
import { silentLog } from "../../pipeline/base/log.ts";
import { createRegistry } from "../../pipeline/base/metrics.ts";
import { seededRandom, systemRandom } from "../../pipeline/base/random.ts";
import { openCatalog } from "../../pipeline/catalog/bucket-catalog.ts";
import { MemoryStore } from "../../pipeline/objects/memory.ts";
import { encodeQueuedProfile } from "../../pipeline/profile/queued-profile-codec.ts";
import { testQueuedProfile } from "../../pipeline/profile/testing/test-queued-profile.ts";
import { type JetStreamQueue, openJetStreamQueue } from "../../pipeline/queue/jetstream.ts";
import { buildSegmentFromMessages } from "../../pipeline/roles/segment/build.ts";
import { startSegmentRole } from "../../pipeline/roles/segment/segment.ts";
import { type NatsTestServer, startNats } from "../harness/nats.ts";
import { until } from "../harness/until.ts";
import { askForRows } from "../simulation/ask.ts";
import { SERVICES, START_MS, TENANTS } from "../simulation/scenario.ts";
import { link, PARTITIONS } from "./queue-world.ts";

/*
 * Goal: owners that know nothing of each other count each message once. Method: two real segment roles over one real stream and one bucket,
 * each told that every partition is its own; then every row is counted.
 */

const SEED = Number(process.env["SEED"] ?? 8231);
const PROFILES = 400;
const [TENANT] = TENANTS;

describe(`two owners of every partition (SEED=${SEED})`, () => {
  const store = new MemoryStore();
  const random = seededRandom(SEED);
  let server: NatsTestServer;
  const stops: Running[] = [];

  beforeAll(async () => {
    server = await startNats();
  });

  afterAll(async () => {
    for (const each of stops.reverse()) await each.stop();
    await server.stop();
  });

  async function openQueue(worker?: { readonly subject: string; readonly seed: number }): Promise<JetStreamQueue> {
    const nats = await link({ servers: server.urls });
    const catalog = await openCatalog({ store, clock: systemClock, random: seededRandom(worker?.seed ?? 0) });
    const registry = createRegistry();
    const parts = { store, clock: systemClock, random: systemRandom, log: silentLog };
    const queue = await openJetStreamQueue({
      ...parts,
      nats,
      stream: { name: "TWO", partitions: PARTITIONS, replicas: 1, bytesMax: 0, ageMsMax: 0, duplicateWindowMs: 120_000 },
      bytesMax: 8 * 1024 * 1024,
      ...(worker === undefined
        ? {}
        : {
            worker: {
              subject: worker.subject,
              listenMs: 50,
              onFenced: (fault) => {
                throw fault;
              },
              committed: async (stream) => {
                const state = await catalog.refresh();
                return (partition) => state.consumedSequence(stream, partition);
              },
            },
          }),
    });
    stops.push({ stop: () => queue.close().then(() => nats.close()) });
    if (worker !== undefined) {
      const build = async (messages: readonly Uint8Array[]) => buildSegmentFromMessages(messages);
      stops.push(startSegmentRole({ ...parts, queue, catalog, registry, build, limits: { messagesMax: 20 } }));
      lostRaces.push(async () => (await registry.getSingleMetric("brazier_segment_lost_races_total")!.get()).values[0]?.value ?? 0);
      repeated.push(async () => (await registry.getSingleMetric("brazier_segment_repeated_messages_total")!.get()).values[0]?.value ?? 0);
    }
    return queue;
  }
  const lostRaces: (() => Promise<number>)[] = [];
  const repeated: (() => Promise<number>)[] = [];

  it("counts each message once", async () => {
    const publisher = await openQueue();
    await openQueue({ subject: "brazier.workers.left", seed: 1 });
    await openQueue({ subject: "brazier.workers.right", seed: 2 });
    const expected = new Map<string, number>();
    for (let number = 1; number <= PROFILES; number++) {
      const value = 1 + Math.floor(random.next() * 1000);
      const timeNs = BigInt(START_MS + number) * 1_000_000n;
      const profile = testQueuedProfile({
        tenant: TENANT,
        service: SERVICES[number % 3]!,
        timeNs,
        idSeed: number,
        stacks: [`main;f ${value}`],
      });
      expected.set(Buffer.from(profile.id).toString("hex"), value);
      await publisher.publish(number % PARTITIONS, { id: `${number}`, bytes: encodeQueuedProfile(profile) });
      if (random.next() < 0.1) await systemClock.sleep((random.next() * 40) as never);
    }
    const catalog = await openCatalog({ store, clock: systemClock, random });
    let rows: ReadonlyMap<string, number> = new Map();
    await until("every profile stored", async () => {
      rows = await askForRows({ state: await catalog.refresh(), store, clock: systemClock, tenant: TENANT });
      return rows.size >= PROFILES;
    });
    expect(new Map([...rows].sort())).toEqual(new Map([...expected].sort()));
    // Rows are told apart by their ids, so a profile stored twice would not show there: it does in what the objects hold.
    const stored = [...catalog.state.objects.values()].flatMap(({ datasets }) => datasets);
    expect(stored.reduce((sum, dataset) => sum + dataset.kinds.reduce((all, kind) => all + kind.profileRows, 0), 0)).toBe(PROFILES);
    // They really were in each other's way.
    const struggles = await Promise.all([...lostRaces, ...repeated].map((count) => count()));
    expect(struggles.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(0);
  });
});
