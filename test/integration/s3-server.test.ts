import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openDirectoryStore } from "../../pipeline/objects/directory.ts";
import { openS3Store } from "../../pipeline/objects/s3.ts";
import { startInstallation } from "../harness/installation.ts";
import { NumberedLoad } from "../harness/numbered-load.ts";
import { type S3TestServer, startS3 } from "../harness/s3.ts";
import { REPOSITORY, startServer } from "../harness/server.ts";

/* Goal: on S3 the program does what it does over a directory. Method: real processes, a real S3 server, clients that know every profile they were promised. */

const run = promisify(execFile);
const WHOLE = { lost: [], wrong: [] };

describe("brazier on S3", () => {
  let s3: S3TestServer;

  beforeAll(async () => {
    s3 = await startS3();
  });

  afterAll(async () => {
    await s3?.stop();
  });

  it("opens a directory that was copied there file by file, and goes on; its catalog can be made anew", async () => {
    const folder = await mkdtemp(join(tmpdir(), "brazier-copy-"));
    const dataDir = join(folder, "data");
    try {
      const before = await startServer({ dataDir });
      const load = new NumberedLoad({ url: () => before.url, clients: 4 });
      load.start();
      await load.more(200);
      await load.stop();
      await before.stop();

      const storage = { ...s3.storage, prefix: "copied" };
      const from = await openDirectoryStore({ path: dataDir });
      const to = await openS3Store({ ...s3.settings, prefix: "copied" });
      for await (const { key } of from.list("")) await to.create(key, await from.get(key));
      await from.close();

      const after = await startServer({ config: { storage }, readyWithinMs: 60_000 });
      try {
        expect(await load.faults(after.url)).toEqual(WHOLE);
        const more = new NumberedLoad({ url: () => after.url, clients: 4, service: "after-the-move" });
        more.start();
        await more.more(50);
        await more.stop();
        expect(await more.faults(after.url)).toEqual(WHOLE);
      } finally {
        await after.stop();
      }

      for await (const { key } of to.list("catalog/")) await to.delete(key);
      await to.close();
      const sets = Object.entries(s3.storage["s3"] as object).flatMap(([name, value]) => ["--set", `storage.s3.${name}=${value}`]);
      const where = ["--set", "storage.kind=s3", "--set", "storage.prefix=copied", ...sets];
      await run(join(REPOSITORY, "bin/brazier"), ["catalog", "rebuild", ...where]);
      const { stdout } = await run(join(REPOSITORY, "bin/brazier"), ["catalog", "check", "--json", "--deep", ...where]);
      expect(JSON.parse(stdout)).toMatchObject({ ok: true, findings: [], unreferenced: { objects: 0 } });
      const rebuilt = await startServer({ config: { storage }, readyWithinMs: 60_000 });
      try {
        expect(await load.faults(rebuilt.url)).toEqual(WHOLE);
      } finally {
        await rebuilt.stop();
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it("counts each acknowledged profile once with several processes of each role, three of them compacting", async () => {
    const config = { storage: { ...s3.storage, prefix: "roles" } };
    const installation = await startInstallation({ config, processes: { segment: 2, compact: 3, query: 2 } });
    try {
      const load = new NumberedLoad({ url: () => installation.url("ingest"), clients: 4 });
      load.start();
      await load.more(200);
      await load.stop();
      for (const turn of [0, 1]) expect(await load.faults(installation.url("query", turn))).toEqual(WHOLE);
    } finally {
      await installation.stop();
    }
  });
});
