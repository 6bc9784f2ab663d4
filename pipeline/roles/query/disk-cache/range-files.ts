import { createHash } from "node:crypto";
import { mkdir, readFile, rename, unlink, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { threadId } from "node:worker_threads";
import { crc32 } from "node:zlib";
import type { Clock } from "../../../base/clock.ts";
import { MINUTE_MS } from "../../../base/units.ts";
import type { ReadRange } from "../read.ts";

/*
 * Ranges of immutable objects as files of a local folder, for buckets that are further away than a disk. Whatever happens to a file, the bucket
 * has the bytes: one that cannot be read, or is not what was written, is one that is not there.
 */

/** What query threads know of the cache. `used`: one number, bytes in the folder; the keeper counts, threads add. */
export type RangeFilesOptions = { readonly folder: string; readonly bytesMax: number; readonly used: SharedArrayBuffer };

/** Size and checksum of the bytes behind it. */
const HEADER_BYTES = 12;
const MAGIC = 0x52_5a_42_01;
/** Files in use are told from those that are not by their time, which need not be exact. */
const TOUCH_AFTER_MS = 5 * MINUTE_MS;
/** After a file could not be written: a full disk stays full for a while. */
const PAUSE_MS = MINUTE_MS;

/** Names of files, after their first two digits as a folder. */
export const FILE_NAME = /^[0-9a-f]{40}$/;

export class RangeFiles {
  readonly #options: RangeFilesOptions;
  readonly #clock: Clock;
  readonly #used: BigInt64Array;
  readonly #touchedMs = new Map<string, number>();
  #writeAgainMs = 0;
  #drafts = 0;
  hits = 0;

  constructor(options: RangeFilesOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
    this.#used = new BigInt64Array(options.used);
  }

  /** Reads from the folder what is there, and the rest with `read`, which it then keeps. */
  through(read: ReadRange): ReadRange {
    return async (key, offset, size, signal) => {
      const path = this.#pathOf(key, offset, size);
      const kept = await this.#take(path, size);
      if (kept !== undefined) {
        this.hits++;
        return kept;
      }
      const bytes = await read(key, offset, size, signal);
      if (bytes.length === size) await this.#keep(path, bytes);
      return bytes;
    };
  }

  async #take(path: string, size: number): Promise<Uint8Array | undefined> {
    let file: Buffer;
    try {
      file = await readFile(path);
    } catch {
      return undefined;
    }
    const bytes = file.subarray(HEADER_BYTES);
    const isWhole = file.length === HEADER_BYTES + size && file.readUInt32LE(0) === MAGIC && file.readUInt32LE(4) === size;
    if (!isWhole || file.readUInt32LE(8) !== crc32(bytes)) {
      await unlink(path).catch(() => {});
      return undefined;
    }
    await this.#touch(path);
    return new Uint8Array(bytes);
  }

  async #keep(path: string, bytes: Uint8Array): Promise<void> {
    const size = HEADER_BYTES + bytes.length;
    if (this.#clock.monotonicMs() < this.#writeAgainMs) return;
    if (Number(Atomics.load(this.#used, 0)) + size > this.#options.bytesMax) return;
    Atomics.add(this.#used, 0, BigInt(size));
    const header = Buffer.alloc(HEADER_BYTES);
    header.writeUInt32LE(MAGIC, 0);
    header.writeUInt32LE(bytes.length, 4);
    header.writeUInt32LE(crc32(bytes), 8);
    const draft = join(this.#options.folder, `draft-${process.pid}-${threadId}-${++this.#drafts}`);
    try {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await writeFile(draft, Buffer.concat([header, bytes]), { mode: 0o600 });
      await rename(draft, path);
    } catch {
      Atomics.sub(this.#used, 0, BigInt(size));
      this.#writeAgainMs = this.#clock.monotonicMs() + PAUSE_MS;
      await unlink(draft).catch(() => {});
    }
  }

  async #touch(path: string): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    const touchedMs = this.#touchedMs.get(path);
    if (touchedMs !== undefined && nowMs - touchedMs < TOUCH_AFTER_MS) return;
    if (this.#touchedMs.size >= TOUCHED_MAX) this.#touchedMs.clear();
    this.#touchedMs.set(path, nowMs);
    const now = this.#clock.nowMs() / 1000;
    await utimes(path, now, now).catch(() => {});
  }

  #pathOf(key: string, offset: number, size: number): string {
    const name = createHash("sha1").update(`${key}@${offset}+${size}`).digest("hex");
    return join(this.#options.folder, name.slice(0, 2), name);
  }
}

/** Paths whose time is remembered: some MB. */
const TOUCHED_MAX = 50_000;
