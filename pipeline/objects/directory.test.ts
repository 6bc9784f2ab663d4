import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { systemClock } from "../base/clock.ts";
import { systemRandom } from "../base/random.ts";
import { describeObjectStore } from "./conformance.ts";
import { attachDirectoryStore, type DirectoryStore, openDirectoryStore } from "./directory.ts";
import { probeCreate, probeWrite } from "./probe.ts";

const folders: string[] = [];
const stores: DirectoryStore[] = [];

function freshFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "brazier-objects-"));
  folders.push(folder);
  return folder;
}

async function open(path: string, onForeign?: (path: string) => void): Promise<DirectoryStore> {
  const store = await openDirectoryStore({ path, fsync: false, ...(onForeign && { onForeign }) });
  stores.push(store);
  return store;
}

afterEach(async () => {
  for (const store of stores.splice(0)) await store.close();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

describeObjectStore("directory", () => open(freshFolder()));
describeObjectStore("directory, seen from another thread", async () => {
  const store = await open(freshFolder());
  return attachDirectoryStore({ path: store.path, fsync: false });
});

describe("directory as a bucket", () => {
  it("finds its objects again", async () => {
    const folder = freshFolder();
    const first = await openDirectoryStore({ path: join(folder, "new/data") });
    await first.create("segments/a", Uint8Array.of(1, 2));
    await first.close();
    expect(await (await open(join(folder, "new/data"))).get("segments/a")).toEqual(Uint8Array.of(1, 2));
  });

  it("is refused to a second opener while the first lives, with its pid", async () => {
    const folder = freshFolder();
    const first = await open(folder);
    await expect(openDirectoryStore({ path: folder })).rejects.toMatchObject({ code: "object_store_locked", facts: { pid: process.pid } });
    await first.close();
    await open(folder);
  });

  it("is taken over at once from a process that was killed", async () => {
    const folder = freshFolder();
    const program = `
      import { openDirectoryStore } from ${JSON.stringify(join(import.meta.dirname, "directory.ts"))};
      await openDirectoryStore({ path: ${JSON.stringify(folder)} });
      console.log("open");
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: ["ignore", "pipe", "inherit"] });
    await once(child.stdout, "data");
    await expect(openDirectoryStore({ path: folder })).rejects.toMatchObject({ code: "object_store_locked", facts: { pid: child.pid } });
    child.kill("SIGKILL");
    await once(child, "exit");
    await open(folder);
  });

  it("is not taken for locked when the pid of a killed process was given to another one", async () => {
    const folder = freshFolder();
    const first = await openDirectoryStore({ path: folder, fsync: false });
    const lock = join(folder, ".brazier/lock");
    const owner = JSON.parse(readFileSync(lock, "utf8"));
    await first.close();
    writeFileSync(lock, JSON.stringify({ ...owner, startTime: "1" }));
    await open(folder);
  });

  it("takes over a lock that nobody can read", async () => {
    const folder = freshFolder();
    mkdirSync(join(folder, ".brazier"));
    writeFileSync(join(folder, ".brazier/lock"), "");
    await open(folder);
  });

  it("waits for the heartbeat of an owner it cannot see, and takes over when there is none", async () => {
    const folder = freshFolder();
    const first = await openDirectoryStore({ path: folder, fsync: false });
    const lock = join(folder, ".brazier/lock");
    const owner = JSON.parse(readFileSync(lock, "utf8"));
    await first.close();
    writeFileSync(lock, JSON.stringify({ ...owner, bootId: "elsewhere" }));
    let slept = 0;
    const clock = {
      ...systemClock,
      sleep: async (duration: number, signal?: AbortSignal) => {
        if (signal === undefined)
          slept += duration; // the heartbeat of the new owner passes a signal
        else await systemClock.sleep(duration as never, signal);
      },
    };
    const store = await openDirectoryStore({ path: folder, fsync: false, clock });
    stores.push(store);
    expect(slept).toBe(10_000);
  });

  it("refuses writes after another process took the lock", async () => {
    const folder = freshFolder();
    let wake = (): void => {};
    const clock = {
      ...systemClock,
      sleep: (_: number, signal?: AbortSignal) =>
        new Promise<void>((resolve) => {
          wake = resolve;
          signal?.addEventListener("abort", () => resolve());
        }),
    };
    const store = await openDirectoryStore({ path: folder, fsync: false, clock });
    stores.push(store);
    const lock = join(folder, ".brazier/lock");
    writeFileSync(lock, JSON.stringify({ ...JSON.parse(readFileSync(lock, "utf8")), startTime: "1" }));
    wake();
    await expect
      .poll(() =>
        store.create(`segments/${Math.random()}`, new Uint8Array(1)).then(
          () => "created",
          (e) => e.code,
        ),
      )
      .toBe("object_store_locked");
    await store.close();
    expect(existsSync(lock)).toBe(true);
  });

  it("removes what an earlier process left unfinished, and nothing else", async () => {
    const folder = freshFolder();
    mkdirSync(join(folder, ".brazier/drafts"), { recursive: true });
    writeFileSync(join(folder, ".brazier/drafts/1-0-0"), "half");
    writeFileSync(join(folder, "notes.txt"), "mine");
    await open(folder);
    expect(readdirSync(join(folder, ".brazier/drafts"))).toEqual([]);
    expect(readFileSync(join(folder, "notes.txt"), "utf8")).toBe("mine");
  });

  it("ignores foreign files, with one warning", async () => {
    const folder = freshFolder();
    const warnings: string[] = [];
    const store = await open(folder, (path) => warnings.push(path));
    await store.create("segments/a", new Uint8Array(1));
    writeFileSync(join(folder, "segments/.DS_Store"), "");
    writeFileSync(join(folder, "segments/a copy"), "");
    symlinkSync("/etc/passwd", join(folder, "segments/link"));
    const found: string[] = [];
    for await (const { key } of store.list("")) found.push(key);
    for await (const { key } of store.list("segments/")) found.push(key);
    expect(found).toEqual(["segments/a", "segments/a"]);
    expect(warnings).toHaveLength(1);
  });

  it("leaves no draft behind a refused create", async () => {
    const store = await open(freshFolder());
    await store.create("segments/a", new Uint8Array(1));
    await store.create("segments/a", new Uint8Array(1)).catch(() => {});
    expect(readdirSync(join(store.path, ".brazier/drafts"))).toEqual([]);
  });

  it("knows where there is no /proc by the pid alone whether the owner runs", async () => {
    const folder = freshFolder();
    const first = await openDirectoryStore({ path: folder, fsync: false });
    const lock = join(folder, ".brazier/lock");
    const owner = JSON.parse(readFileSync(lock, "utf8"));
    await first.close();
    writeFileSync(lock, JSON.stringify({ ...owner, startTime: "unknown" }));
    await expect(openDirectoryStore({ path: folder })).rejects.toMatchObject({ code: "object_store_locked" });
    writeFileSync(lock, JSON.stringify({ ...owner, startTime: "unknown", pid: 2 ** 22 + 1 }));
    await open(folder);
  });

  it("makes a folder again that somebody removed", async () => {
    const store = await open(freshFolder());
    await store.create("segments/a", new Uint8Array(1));
    rmSync(join(store.path, "segments"), { recursive: true });
    rmSync(join(store.path, ".brazier/drafts"), { recursive: true });
    await expect(store.create("segments/b", new Uint8Array(1))).rejects.toMatchObject({ code: "object_store_unavailable" });
    await store.create("segments/b", new Uint8Array(1));
  });

  it("passes both probes and leaves nothing of them", async () => {
    const store = await open(freshFolder());
    await probeCreate({ store, clock: systemClock, random: systemRandom });
    await probeWrite({ store, clock: systemClock, random: systemRandom });
    for await (const { key } of store.list("")) expect.unreachable(key);
  });
});
