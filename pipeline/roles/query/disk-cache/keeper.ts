import { mkdirSync } from "node:fs";
import { readdir, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../../base/clock.ts";
import { CodedError, FaultKind } from "../../../base/errors.ts";
import type { Running } from "../../../base/lifecycle.ts";
import type { Log } from "../../../base/log.ts";
import { type DurationMs, SECOND_MS } from "../../../base/units.ts";
import { FILE_NAME, type RangeFilesOptions } from "./range-files.ts";

export type DiskCacheOptions = {
  /** The cache has a folder of its own in it. */
  readonly folder: string;
  readonly bytesMax: number;
  readonly clock: Clock;
  readonly log: Log;
};

/** Keeps the folder below its bound; query threads read and write it. */
export interface DiskCache extends Running {
  readonly files: RangeFilesOptions;
  /** Bytes in the folder, about. */
  readonly usedBytes: number;
  /** Counts what is there, and removes what has not been used for longest until a tenth is free. */
  tidy(): Promise<void>;
}

const OWN_FOLDER = "ranges-1";
const LOOK_EVERY_MS = 5 * SECOND_MS;
/** Above this share of the bound files are removed, down to the other one. */
const TIDY_ABOVE = 0.95;
const TIDY_TO = 0.9;

/**
 * Starts with what an earlier process left in the folder, which is counted in the background: until then nothing is added.
 * Errors: `query_cache_unusable` (invalid).
 */
export function startDiskCache(options: DiskCacheOptions): DiskCache {
  const folder = join(options.folder, OWN_FOLDER);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new CodedError(
      "query_cache_unusable",
      FaultKind.Invalid,
      `query.cache_dir ${options.folder} cannot be used: ${(cause as Error).message}; name a folder that this user may write`,
      { cause },
    );
  }
  return new Keeper(options, folder);
}

class Keeper implements DiskCache {
  readonly files: RangeFilesOptions;
  readonly #options: DiskCacheOptions;
  readonly #used: BigInt64Array;
  readonly #stopping = new AbortController();
  readonly #loop: Promise<void>;
  #turn: Promise<void> = Promise.resolve();

  constructor(options: DiskCacheOptions, folder: string) {
    this.#options = options;
    const used = new SharedArrayBuffer(8);
    this.#used = new BigInt64Array(used);
    // Full, until it is known how full.
    Atomics.store(this.#used, 0, BigInt(options.bytesMax));
    this.files = { folder, bytesMax: options.bytesMax, used };
    this.#loop = this.#run();
  }

  get usedBytes(): number {
    return Number(Atomics.load(this.#used, 0));
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
  }

  tidy(): Promise<void> {
    // One after the other: each corrects the count by what it found.
    this.#turn = this.#turn.catch(() => {}).then(() => this.#tidy());
    return this.#turn;
  }

  async #tidy(): Promise<void> {
    const countedFrom = this.usedBytes;
    const files = await this.#list();
    let bytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    if (bytes > this.#options.bytesMax * TIDY_ABOVE) {
      for (const { path, sizeBytes } of files.sort((a, b) => a.usedMs - b.usedMs)) {
        if (bytes <= this.#options.bytesMax * TIDY_TO) break;
        await unlink(path).catch(() => {});
        bytes -= sizeBytes;
      }
    }
    // What threads have added meanwhile stays added.
    Atomics.add(this.#used, 0, BigInt(bytes - countedFrom));
  }

  async #run(): Promise<void> {
    const { clock, log, bytesMax } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      if (this.usedBytes > bytesMax * TIDY_ABOVE) {
        await this.tidy().catch((error: unknown) =>
          log.warn({ err: error }, "the query cache on disk could not be tidied, will try again"),
        );
      }
      await clock.sleep(LOOK_EVERY_MS as DurationMs, signal);
    }
  }

  async #list(): Promise<{ readonly path: string; readonly sizeBytes: number; readonly usedMs: number }[]> {
    const { folder } = this.files;
    const files: { path: string; sizeBytes: number; usedMs: number }[] = [];
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      // A draft is half a file of a process that has ended, or of a thread that writes it just now: the latter is young.
      const isDraft = entry.name.startsWith("draft-");
      if (!entry.isFile() || !(isDraft || FILE_NAME.test(entry.name))) continue;
      const path = join(entry.parentPath, entry.name);
      const about = await stat(path).catch(() => undefined);
      if (about === undefined) continue;
      if (isDraft && this.#options.clock.nowMs() - about.mtimeMs > DRAFT_MS_MAX) await unlink(path).catch(() => {});
      else files.push({ path, sizeBytes: about.size, usedMs: about.mtimeMs });
    }
    return files;
  }
}

/** No write takes so long. */
const DRAFT_MS_MAX = 60 * SECOND_MS;
