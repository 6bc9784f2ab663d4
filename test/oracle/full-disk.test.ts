import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { ask, push } from "../harness/client.ts";
import { makePprof } from "../harness/make-pprof.ts";
import { type Server, startServer } from "../harness/server.ts";

/*
 * Goal: a full disk refuses writes with a clear answer, harms nothing that is stored, and heals when there is room again.
 * Method: the data folder on a small file system of its own, filled to the last block by another file.
 */

const mount = mkdtempSync(join(tmpdir(), "brazier-full-"));
const mounted = process.getuid?.() === 0 && spawnSync("mount", ["-t", "tmpfs", "-o", "size=8m", "tmpfs", mount]).status === 0;

describe.skipIf(!mounted)("a full disk", () => {
  let server: Server | undefined;
  afterAll(async () => {
    await server?.stop();
    if (mounted) execFileSync("umount", [mount]);
    rmSync(mount, { recursive: true, force: true });
  });

  it("answers pushes with unavailable, questions as before, and pushes again once there is room", async () => {
    const dataDir = join(mount, "data");
    const filler = join(mount, "filler");
    server = await startServer({ dataDir });
    const url = server.url;
    const pushOne = (value: number) => {
      const profile = makePprof({ stacks: { "main;work": [1, value] }, time: Date.now() });
      return push(url, [{ labels: { service_name: "full", __name__: "process_cpu" }, profile }], { timeoutMs: 120_000 });
    };
    const total = async (): Promise<number> => {
      const request = {
        start: String(Date.now() - 600_000),
        end: String(Date.now() + 60_000),
        profileTypeID: "process_cpu:cpu:nanoseconds:cpu:nanoseconds",
        labelSelector: '{service_name="full"}',
      };
      const { flamegraph } = await ask<{ flamegraph?: { total?: string } }>(url, "SelectMergeStacktraces", request);
      return Number(flamegraph?.total ?? 0);
    };
    expect((await pushOne(1)).status).toBe(200);

    fill(filler, mount);
    const refused = await pushOne(10);
    expect([429, 503], refused.body.toString()).toContain(refused.status);
    expect(refused.body.toString()).toMatch(/full|space|unavailable/i);
    expect(await total()).toBe(1);
    await expect
      .poll(async () => (await fetch(`${url}/ready`)).status, { timeout: 15_000, message: "not ready: a write would not succeed" })
      .toBe(503);

    rmSync(filler);
    const deadline = performance.now() + 60_000;
    let status = 0;
    while (status !== 200 && performance.now() < deadline) status = (await pushOne(100)).status;
    expect(status).toBe(200);
    // The refused one may have been kept for a retry and stored once there was room: once, if at all.
    expect([101, 111]).toContain(await total());
    // Readiness is tried by a real write, not at every request.
    await expect.poll(async () => (await fetch(`${url}/ready`)).status, { timeout: 15_000 }).toBe(200);
  });
});

/** Takes every block there is, in ever smaller pieces. */
function fill(file: string, at: string): void {
  for (let size = 1 << 20; size >= 4096; ) {
    const { bavail, bsize } = statfsSync(at);
    if (bavail * bsize < size) {
      size >>= 1;
      continue;
    }
    writeFileSync(file, Buffer.alloc(size), { flag: "a" });
  }
}
