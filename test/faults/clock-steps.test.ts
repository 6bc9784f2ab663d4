import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkCatalog } from "../../pipeline/catalog/check.ts";
import { objectIdTimeMs } from "../../pipeline/objects/object-id.ts";
import { BLOCKS_PREFIX, objectIdOfKey, SEGMENTS_PREFIX } from "../../pipeline/objects/paths.ts";
import { openS3Store } from "../../pipeline/objects/s3.ts";
import { type Installation, ROLE_NAMES, type RoleName, startInstallation } from "../harness/installation.ts";
import { NumberedLoad } from "../harness/numbered-load.ts";
import { type S3TestServer, startS3 } from "../harness/s3.ts";
import { until } from "../harness/until.ts";

/*
 * Goal: a process whose wall clock steps by an hour loses, doubles and moves nothing. Method: roles in processes of their own over NATS and a real S3
 * server, each with a clock that a test can set; under load one process after the other steps forward, back behind the others, and home. The names of
 * objects, which begin with the time, tell that the clocks did step.
 */

const HOUR_MS = 3_600_000;
const STEPS_MS = [HOUR_MS, -HOUR_MS, 0];
const CLIENTS = 6;
const NONE = { lost: [], wrong: [] };

describe("clocks that step by an hour", () => {
  const folder = mkdtempSync(join(tmpdir(), "brazier-clocks-"));
  const clocks = new Map<RoleName, string[]>();
  let s3: S3TestServer;
  let installation: Installation;

  const env = (role: RoleName): Record<string, string> => {
    const of = clocks.get(role) ?? [];
    const file = join(folder, `${role}-${of.length}`);
    writeFileSync(file, "0");
    clocks.set(role, [...of, file]);
    return { STEPPED_CLOCK_FILE: file, NODE_OPTIONS: `--import=${new URL("../harness/stepped-clock.ts", import.meta.url).href}` };
  };

  beforeAll(async () => {
    s3 = await startS3();
    // What is too old or too new is a matter of the ingest process' clock, and a refusal no loss.
    const limits = { reject_older_than: "0s", reject_newer_than: "0s" };
    installation = await startInstallation({
      processes: { segment: 2, compact: 2 },
      config: { storage: s3.storage, limits, segment: { flush_interval_ms: 200, idle_ms: 100 } },
      env,
    });
  });
  afterAll(async () => {
    await installation?.stop();
    await s3?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** By how many hours the names of objects are off, as far as there are any that are. */
  const hoursOff = async (prefix: string): Promise<ReadonlySet<number>> => {
    const store = await openS3Store(s3.settings);
    const hours = new Set<number>();
    for await (const { key } of store.list(prefix)) hours.add(Math.round((objectIdTimeMs(objectIdOfKey(key)!) - Date.now()) / HOUR_MS));
    await store.close();
    return hours;
  };

  it.each(ROLE_NAMES)("of one %s process lose, double and move nothing", async (role) => {
    const load = new NumberedLoad({ url: () => installation.url("ingest"), clients: CLIENTS, service: `step-${role}` });
    load.start();
    const [file] = clocks.get(role)!;
    for (const offsetMs of STEPS_MS) {
      await load.more(30);
      writeFileSync(file!, String(offsetMs));
      await load.more(60);
      if (role === "segment" && offsetMs !== 0) {
        const hours = offsetMs / HOUR_MS;
        await until(`segments of a clock that is ${hours} h off`, async () => (await hoursOff(SEGMENTS_PREFIX)).has(hours));
      }
    }
    await load.stop();
    expect(await load.faults(installation.url("query"))).toEqual(NONE);
  });

  it("of all processes at once do neither", async () => {
    const load = new NumberedLoad({ url: () => installation.url("ingest"), clients: CLIENTS, service: "step-all" });
    load.start();
    const files = [...clocks.values()].flat();
    for (let round = 0; round < 3; round++) {
      for (const [i, file] of files.entries()) writeFileSync(file, String(STEPS_MS[(i + round) % STEPS_MS.length]));
      await load.more(60);
    }
    await until("blocks of a clock that is off", async () => [...(await hoursOff(BLOCKS_PREFIX))].some((hours) => hours !== 0), {
      withinMs: 120_000,
    });
    await load.stop();
    expect(await load.faults(installation.url("query"))).toEqual(NONE);
    // Nor has anybody swept what is young for him who named it.
    const store = await openS3Store(s3.settings);
    expect((await checkCatalog({ store })).findings).toEqual([]);
    await store.close();
  });
});
