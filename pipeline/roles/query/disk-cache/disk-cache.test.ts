import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { systemClock } from "../../../base/clock.ts";
import { silentLog } from "../../../base/log.ts";
import { type DiskCache, startDiskCache } from "./keeper.ts";
import { RangeFiles } from "./range-files.ts";

/* Goal: what is kept is what was read, below the bound, and nothing that happens to the folder does harm. */

const opened: DiskCache[] = [];
const folders: string[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((cache) => cache.stop()));
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

async function open(bytesMax: number, folder = mkdtempSync(join(tmpdir(), "brazier-ranges-"))) {
  folders.push(folder);
  const cache = startDiskCache({ folder, bytesMax, clock: systemClock, log: silentLog });
  opened.push(cache);
  await cache.tidy();
  const files = new RangeFiles(cache.files, systemClock);
  const reads: string[] = [];
  const through = files.through(async (key, offset, size) => {
    reads.push(`${key}@${offset}`);
    return Buffer.alloc(size, `${key}${offset}`);
  });
  const read = (key: string, offset: number, size: number): Promise<Uint8Array> => through(key, offset, size, new AbortController().signal);
  return { folder, cache, files, reads, read };
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

describe("ranges on disk", () => {
  it("are read from the bucket once, also after a restart", async () => {
    const first = await open(10_000);
    const bytes = await first.read("a", 5, 100);
    expect(await first.read("a", 5, 100)).toEqual(new Uint8Array(bytes));
    await first.read("a", 6, 100);
    await first.read("b", 5, 100);
    expect([first.reads, first.files.hits]).toEqual([["a@5", "a@6", "b@5"], 1]);
    await first.cache.stop();
    const again = await open(10_000, first.folder);
    expect(await again.read("a", 5, 100)).toEqual(new Uint8Array(bytes));
    expect([again.reads, again.cache.usedBytes]).toEqual([[], 3 * 112]);
  });

  it("are read anew when their file was damaged, cut, or emptied", async () => {
    const { folder, read, reads } = await open(10_000);
    const bytes = new Uint8Array(await read("a", 0, 100));
    const damages: ((file: Buffer) => Buffer)[] = [
      (file) => Buffer.concat([file.subarray(0, 50), Buffer.from([file[50]! ^ 1]), file.subarray(51)]),
      (file) => file.subarray(0, 60),
      () => Buffer.alloc(0),
    ];
    for (const [index, damage] of damages.entries()) {
      const [path] = filesIn(folder) as [string];
      writeFileSync(path, damage(readFileSync(path)));
      expect(new Uint8Array(await read("a", 0, 100))).toEqual(bytes);
      expect(reads).toHaveLength(index + 2);
    }
  });

  it("stay below the bound; what was not used for longest goes first", async () => {
    const { folder, cache, read } = await open(1_000);
    for (let i = 0; i < 20; i++) await read("a", i, 88);
    expect(filesIn(folder)).toHaveLength(10);
    expect(cache.usedBytes).toBe(1_000);
    const oldest = filesIn(folder)[3]!;
    utimesSync(oldest, 1, 1);
    await cache.tidy();
    const left = filesIn(folder);
    expect(left).toHaveLength(9);
    expect(left).not.toContain(oldest);
    await read("b", 0, 88);
    expect(filesIn(folder)).toHaveLength(10);
  });

  it("are nobody else's to read, and other files are left alone", async () => {
    const { folder, cache, read } = await open(100);
    writeFileSync(join(folder, "notes"), "x".repeat(1000));
    await read("a", 0, 50);
    await cache.tidy();
    const modes = filesIn(folder).map((path) => [path.endsWith("notes"), statSync(path).mode & 0o77]);
    expect(modes).toContainEqual([false, 0]);
    expect(modes).toContainEqual([true, expect.any(Number)]);
  });

  it("do no harm when they cannot be written", async () => {
    const { folder, read, reads } = await open(10_000);
    rmSync(folder, { recursive: true, force: true });
    writeFileSync(folder, "a file in place of the folder");
    await read("a", 0, 100);
    await read("a", 0, 100);
    expect(reads).toHaveLength(2);
    expect(() => startDiskCache({ folder, bytesMax: 1, clock: systemClock, log: silentLog })).toThrow(
      expect.objectContaining({ code: "query_cache_unusable" }),
    );
  });
});
