import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { seededRandom } from "../../pipeline/base/random.ts";
import { type FaultProxy, startFaultProxy } from "../harness/fault-proxy.ts";
import { type Installation, ROLE_NAMES, startInstallation } from "../harness/installation.ts";
import { NumberedLoad } from "../harness/numbered-load.ts";
import { type S3TestServer, startS3 } from "../harness/s3.ts";

/*
 * Goal: whichever process dies, every acknowledged profile is found, once.
 * Method: each role in processes of its own, over three nats-servers and a real S3 server; clients push numbered profiles to whichever ingest process lives and send again until they are
 * acknowledged, while processes are killed with SIGKILL, one role after the other and then at random, with NATS killed
 * or stopped and S3 away among it. Then acknowledged and found are compared, values included.
 */

const SEED = Number(process.env["SEED"] ?? 8231);
const CLIENTS = 8;
/** More of it finds more: `BRAZIER_FAULT_SECONDS=1800 SEED=7 npm run test:faults roles`. */
const RANDOM_LOAD_MS = Number(process.env["BRAZIER_FAULT_SECONDS"] ?? 60) * 1_000;
const NONE = { lost: [], wrong: [] };

describe(`kill -9 of roles under load (SEED=${SEED})`, () => {
  const random = seededRandom(SEED);
  let s3: S3TestServer;
  let proxy: FaultProxy;
  let installation: Installation;

  beforeAll(async () => {
    s3 = await startS3();
    proxy = await startFaultProxy(s3.url);
    const storage = { ...s3.storage, s3: { ...(s3.storage["s3"] as object), endpoint: proxy.url } };
    installation = await startInstallation({
      processes: { ingest: 2, segment: 2, compact: 1, query: 1 },
      nats: { cluster: 3 },
      stream: { replicas: 3 },
      config: { storage },
    });
  });

  afterAll(async () => {
    await installation?.stop();
    await proxy?.stop();
    await s3?.stop();
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

  const aWhile = (fromMs: number, toMs: number) => new Promise((done) => setTimeout(done, fromMs + random.next() * (toMs - fromMs)));
  const anyNode = () => installation.nats.nodes[Math.floor(random.next() * 3)]!;

  /** What may happen at any moment, and is put right again by somebody. */
  const accidents = {
    ...Object.fromEntries(ROLE_NAMES.map((role) => [role, () => installation.killAndReplace(role, Math.floor(random.next() * 2))])),
    "NATS killed": async () => {
      const node = anyNode();
      await node.kill();
      await node.start();
    },
    "NATS stopped": async () => {
      const { child } = anyNode();
      child.signal("SIGSTOP");
      await aWhile(500, 5_000);
      child.signal("SIGCONT");
    },
    "S3 away": async () => {
      proxy.fault = () => "reset";
      await aWhile(500, 3_000);
      proxy.fault = () => "none";
    },
    "S3 without answers": async () => {
      proxy.fault = (method) => (method === "PUT" && random.next() < 0.5 ? "lost-answer" : "none");
      await aWhile(500, 3_000);
      proxy.fault = () => "none";
    },
  } as const;

  it(
    "loses and doubles nothing when accidents happen at random",
    async () => {
      const load = newLoad("kill-any");
      load.start();
      const kinds = Object.keys(accidents) as (keyof typeof accidents)[];
      const endMs = performance.now() + RANDOM_LOAD_MS;
      const happened: string[] = [];
      while (performance.now() < endMs) {
        await aWhile(500, 3_000);
        const kind = kinds[Math.floor(random.next() * kinds.length)]!;
        happened.push(kind);
        await accidents[kind]();
      }
      await load.more(30);
      await load.stop();
      expect(happened.length).toBeGreaterThan(5);
      expect(await load.faults(installation.url("query")), happened.join(", ")).toEqual(NONE);
    },
    RANDOM_LOAD_MS + 600_000,
  );
});
