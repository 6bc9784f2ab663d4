import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { ask, post, push } from "../harness/client.ts";
import { makePprof } from "../harness/make-pprof.ts";
import { REPOSITORY, type Server, ServerStartError, startServer } from "../harness/server.ts";

/*
 * Goal: damage in the bucket is told by name and harms nothing but what is damaged.
 * Method: store one service per segment with compaction held back, spoil a file while the server is down, open again.
 */

const TYPE = "process_cpu:cpu:nanoseconds:cpu:nanoseconds";
/** Long enough that no compaction runs while a test does. */
const NO_COMPACTION = { compact: { enabled: false } };

describe("damage in the data folder", () => {
  const servers: Server[] = [];
  const folders: string[] = [];
  const start = async (dataDir: string): Promise<Server> => {
    const server = await startServer({ dataDir, config: NO_COMPACTION });
    servers.push(server);
    return server;
  };
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.stop()));
    for (const dataDir of folders.splice(0)) rmSync(dataDir, { recursive: true, force: true });
  });

  /** One segment per service, as each push is acknowledged before the next is sent. Gives the segments' files by service. */
  const filled = async (services: readonly string[]): Promise<{ readonly dataDir: string; readonly files: readonly string[] }> => {
    const dataDir = mkdtempSync(join(tmpdir(), "brazier-damage-"));
    folders.push(dataDir);
    const server = await start(dataDir);
    const files: string[] = [];
    for (const service of services) {
      const known = new Set(segments(dataDir));
      const profile = makePprof({ stacks: { [`main;${service}`]: [1, 100] }, time: Date.now() - 1000 });
      expect((await push(server.url, [{ labels: { service_name: service, __name__: "process_cpu" }, profile }])).status).toBe(200);
      const made = segments(dataDir).filter((file) => !known.has(file));
      expect(made, "one new segment per acknowledged push").toHaveLength(1);
      files.push(...made);
    }
    await server.stop();
    return { dataDir, files };
  };

  const total = async (server: Server, service: string): Promise<number> => {
    const { flamegraph } = await ask<{ flamegraph?: { total?: string } }>(server.url, "SelectMergeStacktraces", question(service));
    return Number(flamegraph?.total ?? 0);
  };

  const SPOILS: readonly (readonly [what: string, spoil: (file: string) => void])[] = [
    ["cut to half", (file) => truncateSync(file, statSync(file).size >> 1)],
    ["emptied", (file) => truncateSync(file, 0)],
    ["overwritten with zeros", (file) => writeFileSync(file, Buffer.alloc(statSync(file).size))],
  ];
  for (const [what, spoil] of SPOILS) {
    it(`answers for the services whose segment is whole when another one was ${what}`, async () => {
      const { dataDir, files } = await filled(["whole", "spoilt"]);
      spoil(files[1]!);
      const server = await start(dataDir);
      expect(await total(server, "whole")).toBe(100);
      const reply = await post(
        server.url,
        "/querier.v1.QuerierService/SelectMergeStacktraces",
        "application/json",
        JSON.stringify(question("spoilt")),
      );
      expect(reply.status, "corrupt bytes are our fault, not the client's").toBe(500);
      const { code, message } = JSON.parse(reply.body.toString()) as { code: string; message: string };
      expect(["data_loss", "internal"]).toContain(code);
      expect(message, "names the object").toContain("segments/");
      const profile = makePprof({ stacks: { "main;new": [1, 7] }, time: Date.now() });
      expect((await push(server.url, [{ labels: { service_name: "new", __name__: "process_cpu" }, profile }])).status).toBe(200);
      expect(await total(server, "new")).toBe(7);
    });
  }

  it("refuses to start on a damaged catalog with the remedy, and finds everything after that", async () => {
    const { dataDir } = await filled(["whole", "other"]);
    for (const file of filesIn(join(dataDir, "catalog"))) writeFileSync(file, Buffer.alloc(statSync(file).size));
    const refusal = await start(dataDir).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(refusal).toBeInstanceOf(ServerStartError);
    expect((refusal as ServerStartError).logs).toContain("catalog rebuild");
    expect(checked(dataDir)).toMatchObject({ status: 1, ok: false, code: "catalog_entry_corrupt" });
    execFileSync(join(REPOSITORY, "bin/brazier"), ["catalog", "rebuild", "--data", dataDir], { stdio: "pipe" });
    expect(checked(dataDir)).toMatchObject({ status: 0, ok: true, findings: [] });
    const server = await start(dataDir);
    expect([await total(server, "whole"), await total(server, "other")]).toEqual([100, 100]);
  });

  it("leaves foreign files alone and answers as if they were not there", async () => {
    const { dataDir } = await filled(["whole"]);
    const foreign = [join(dataDir, "README.txt"), join(dataDir, "segments", "notes.txt"), join(dataDir, "lost+found", "x")];
    for (const file of foreign) {
      mkdirSync(join(file, ".."), { recursive: true });
      writeFileSync(file, "not ours");
    }
    const server = await start(dataDir);
    expect(await total(server, "whole")).toBe(100);
    await server.stop();
    expect(foreign.filter((file) => !existsSync(file))).toEqual([]);
  });
});

/** What `brazier catalog check` says, and with which exit code it ends. */
function checked(dataDir: string): Record<string, unknown> {
  const args = ["catalog", "check", "--json", "--deep", "--data", dataDir];
  const { status, stdout } = spawnSync(join(REPOSITORY, "bin/brazier"), args, { encoding: "utf8" });
  return { status, ...(JSON.parse(stdout) as object) };
}

function question(service: string): Record<string, string> {
  const range = { start: String(Date.now() - 3_600_000), end: String(Date.now() + 60_000) };
  return { ...range, profileTypeID: TYPE, labelSelector: `{service_name="${service}"}` };
}

function segments(dataDir: string): readonly string[] {
  return filesIn(join(dataDir, "segments"));
}

function filesIn(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
