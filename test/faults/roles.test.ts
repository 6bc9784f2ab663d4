import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { seededRandom } from "../../pipeline/base/random.ts";
import { type Installation, ROLE_NAMES, startInstallation } from "../harness/installation.ts";
import { NumberedLoad } from "../harness/numbered-load.ts";

/*
 * Goal: whichever process dies, every acknowledged profile is found, once.
 * Method: each role in processes of its own; clients push numbered profiles to whichever ingest process lives and send again until they are
 * acknowledged, while processes are killed with SIGKILL, one role after the other and then at random, NATS among them. Then acknowledged and found are compared, values included.
 */

const SEED = Number(process.env["SEED"] ?? 8231);
const CLIENTS = 8;
const RANDOM_LOAD_MS = 60_000;
const NONE = { lost: [], wrong: [] };

describe(`kill -9 of roles under load (SEED=${SEED})`, () => {
  const random = seededRandom(SEED);
  let installation: Installation;

  beforeAll(async () => {
    installation = await startInstallation({
      processes: { ingest: 2, segment: 2, compact: 1, query: 1 },
      nats: { cluster: 3 },
      stream: { replicas: 3 },
    });
  });

  afterAll(async () => {
    await installation?.stop();
  });

  let turn = 0;
  const newLoad = (service: string): NumberedLoad =>
    new NumberedLoad({ url: () => installation.url("ingest", turn++), clients: CLIENTS, service });

  for (const role of ROLE_NAMES) {
    it(`loses and doubles nothing when ${role} is killed`, async () => {
      const load = newLoad(`kill-${role}`);
      load.start();
      for (let round = 0; round < 2; round++) {
        await load.more(30);
        await installation.killAndReplace(role, round);
      }
      await load.more(30);
      await load.stop();
      expect(await load.faults(installation.url("query"))).toEqual(NONE);
    });
  }

  it("loses and doubles nothing when processes are killed at random", async () => {
    const load = newLoad("kill-any");
    load.start();
    const endMs = performance.now() + RANDOM_LOAD_MS;
    let kills = 0;
    while (performance.now() < endMs) {
      await new Promise((done) => setTimeout(done, 500 + random.next() * 2_500));
      kills++;
      const victim = Math.floor(random.next() * (ROLE_NAMES.length + 1));
      if (victim < ROLE_NAMES.length) {
        await installation.killAndReplace(ROLE_NAMES[victim]!, Math.floor(random.next() * 2));
      } else {
        const node = installation.nats.nodes[Math.floor(random.next() * 3)]!;
        await node.kill();
        await node.start();
      }
    }
    await load.more(30);
    await load.stop();
    expect(kills).toBeGreaterThan(5);
    expect(await load.faults(installation.url("query"))).toEqual(NONE);
  });
});
