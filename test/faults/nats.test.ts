import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { seededRandom } from "../../pipeline/base/random.ts";
import { type NatsTestServer, startNats } from "../harness/nats.ts";
import { NumberedLoad } from "../harness/numbered-load.ts";
import { type Server, startServer } from "../harness/server.ts";

/*
 * Goal: whatever happens to NATS or to the process, every acknowledged profile is found, once.
 * Method: the real program over a real cluster of three nats-servers; clients push numbered profiles and send again until they are
 * acknowledged, while neighbours are killed, restarted and stopped. Then acknowledged and found are compared, values included.
 */

const SEED = Number(process.env["SEED"] ?? 8231);
const CLIENTS = 8;
const NONE = { lost: [], wrong: [] };

describe(`the queue's faults under load (SEED=${SEED})`, () => {
  const random = seededRandom(SEED);
  let nats: NatsTestServer;
  let dataDir: string;
  let server: Server;
  let services = 0;

  const start = async (): Promise<Server> =>
    startServer({
      dataDir,
      config: { queue: { kind: "nats", nats: { servers: nats.urls, replicas: 3, max_bytes: "256MiB" } } },
      readyWithinMs: 60_000,
    });
  const newLoad = (): NumberedLoad => new NumberedLoad({ url: () => server.url, clients: CLIENTS, service: `s${++services}` });
  const aWhile = (ms: number) => new Promise((done) => setTimeout(done, ms * (0.5 + random.next() / 2)));

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "brazier-faults-"));
    nats = await startNats({ cluster: 3 });
    server = await start();
  });

  afterAll(async () => {
    await server?.stop();
    await nats?.stop();
    await rm(dataDir, { recursive: true, force: true });
  });

  it("loses and doubles nothing when the process is killed again and again", async () => {
    const load = newLoad();
    load.start();
    for (let round = 0; round < 3; round++) {
      await load.more(20);
      await aWhile(1_000);
      await server.kill();
      server = await start();
    }
    await load.more(20);
    await load.stop();
    expect(load.retries).toBeGreaterThan(0);
    expect(await load.faults(server.url)).toEqual(NONE);
  });

  it("loses and doubles nothing when each node of the cluster is killed in turn", async () => {
    const load = newLoad();
    load.start();
    for (const node of nats.nodes) {
      await load.more(20);
      await node.kill();
      await load.more(20); // two of three are enough
      await node.start();
    }
    await load.stop();
    expect(await load.faults(server.url)).toEqual(NONE);
  });

  it("loses and doubles nothing when the whole cluster is restarted", async () => {
    const load = newLoad();
    load.start();
    await load.more(20);
    await Promise.all(nats.nodes.map((node) => node.kill()));
    await aWhile(2_000);
    await Promise.all(nats.nodes.map((node) => node.start()));
    await load.more(20);
    await load.stop();
    expect(load.retries).toBeGreaterThan(0);
    expect(await load.faults(server.url)).toEqual(NONE);
  });

  it("loses and doubles nothing when NATS stands still for longer than anybody waits", async () => {
    const load = newLoad();
    load.start();
    await load.more(20);
    for (const { child } of nats.nodes) child.signal("SIGSTOP");
    try {
      await aWhile(20_000);
      const ready = await fetch(`${server.url}/ready`);
      expect(ready.status).toBe(503);
    } finally {
      for (const { child } of nats.nodes) child.signal("SIGCONT");
    }
    await load.more(20);
    await load.stop();
    expect(load.retries).toBeGreaterThan(0);
    expect(await load.faults(server.url)).toEqual(NONE);
  });
});
