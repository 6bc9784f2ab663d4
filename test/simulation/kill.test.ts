import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { systemClock } from "../../pipeline/base/clock.ts";
import { seededRandom } from "../../pipeline/base/random.ts";
import type { DurationMs } from "../../pipeline/base/units.ts";
import { datasetRange, decodeDataset } from "../../pipeline/block/dataset-reader.ts";
import { openCatalog } from "../../pipeline/catalog/bucket-catalog.ts";
import { openDirectoryStore } from "../../pipeline/objects/directory.ts";

/*
 * Goal: whenever a process is killed, its directory opens again and holds every profile that was acknowledged, once.
 * Method: a process that writes, compacts and checkpoints without pause (kill-victim.ts) is killed with SIGKILL at moments that the seed gives, and
 * started again on the same directory; at the end every row of every live object is read.
 */
const SEED = Number(process.env["KILL_SEED"] ?? Math.floor(Math.random() * 1e9));
const ROUNDS = 8;

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

it(`loses nothing acknowledged when killed at any moment (KILL_SEED=${SEED})`, async () => {
  const folder = mkdtempSync(join(tmpdir(), "brazier-kill-"));
  folders.push(folder);
  const random = seededRandom(SEED);
  const acknowledged = new Set<number>();
  for (let round = 0; round < ROUNDS; round++) {
    for (const number of await runAndKill(folder, round * 1_000_000, 20 + random.next() * 500)) acknowledged.add(number);
  }
  expect(acknowledged.size).toBeGreaterThan(ROUNDS);
  const stored = await storedNumbers(folder);
  const found = new Set(stored);
  expect([...acknowledged].filter((number) => !found.has(number))).toEqual([]);
  expect(found.size).toBe(stored.length);
});

/** Lets a victim work for a while after its first acknowledgement, kills it, and gives what it has acknowledged. */
async function runAndKill(folder: string, first: number, workMs: number): Promise<number[]> {
  const victim = spawn(process.execPath, [join(import.meta.dirname, "kill-victim.ts"), folder, String(first)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  victim.stdout.on("data", (data: Buffer) => {
    output += data.toString();
  });
  const ended = once(victim, "close");
  await Promise.race([once(victim.stdout, "data"), ended]);
  await systemClock.sleep(workMs as DurationMs);
  victim.kill("SIGKILL");
  const [, signal] = (await ended) as [number | null, string | null];
  expect(signal).toBe("SIGKILL");
  return output.split("\n").slice(0, -1).map(Number);
}

/** The numbers of all stored profiles, which their times carry. */
async function storedNumbers(folder: string): Promise<number[]> {
  const store = await openDirectoryStore({ path: folder });
  try {
    const { state } = await openCatalog({ store, clock: systemClock, random: seededRandom(1), exclusive: true });
    const numbers: number[] = [];
    for (const { key, datasets } of state.objects.values()) {
      for (const dataset of datasets) {
        const { offset, sizeBytes } = datasetRange(dataset);
        const { kinds } = decodeDataset(await store.getRange(key, offset, sizeBytes), dataset);
        for (const { profiles } of kinds) {
          for (let row = 0; row < profiles.count; row++) {
            numbers.push(Number(BigInt(profiles.timeMs[row]!) * 1_000_000n + BigInt(profiles.timeNs[row]!) - 1_700_000_000_000_000_000n));
          }
        }
      }
    }
    return numbers;
  } finally {
    await store.close();
  }
}
