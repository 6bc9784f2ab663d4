import { link, mkdir, open, readdir, readFile, unlink } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { type Clock, systemClock } from "../base/clock.ts";
import { CodedError } from "../base/errors.ts";
import { systemRandom } from "../base/random.ts";
import { type DirectoryLock, lockDirectory } from "./directory-lock.ts";
import { walkObjects } from "./directory-walk.ts";
import { objectError, objectExists, objectNotFound } from "./errors.ts";
import type { ObjectInfo, ObjectStore } from "./object-store.ts";
import { checkKey } from "./paths.ts";

/** Ours alone within the data directory: the lock and the files not finished yet. */
const PRIVATE_FOLDER = ".brazier";

export type DirectoryStoreOptions = {
  readonly path: string;
  /** Off only for tests and benches: without it a power cut can lose acknowledged profiles (a killed process cannot). */
  readonly fsync?: boolean;
  readonly clock?: Clock;
  /** Other processes use it at the same time, over a file system that all of them see: no lock, and nobody's unfinished files are touched. */
  readonly shared?: boolean;
  /** Told once when the directory holds something that is not an object. */
  readonly onForeign?: (path: string) => void;
};

/**
 * Opens a directory as a bucket, and owns it unless it is shared: one process at a time, and what an earlier one left unfinished is removed.
 *
 * Errors: `object_store_locked` (fenced), `object_store_full`, `object_store_unavailable`.
 */
export async function openDirectoryStore(options: DirectoryStoreOptions): Promise<DirectoryStore> {
  const root = resolve(options.path);
  const privateFolder = join(root, PRIVATE_FOLDER);
  const drafts = join(privateFolder, "drafts");
  let lock: DirectoryLock;
  try {
    await mkdir(privateFolder, { recursive: true });
    if (options.shared === true) {
      await mkdir(drafts, { recursive: true });
      return new DirectoryStore(root, options, undefined);
    }
    lock = await lockDirectory(privateFolder, options.clock ?? systemClock);
  } catch (error) {
    throw asObjectError(error, root);
  }
  try {
    await mkdir(drafts, { recursive: true });
    for (const leftover of await readdir(drafts)) await unlink(join(drafts, leftover));
  } catch (error) {
    await lock.release();
    throw asObjectError(error, root);
  }
  return new DirectoryStore(root, options, lock);
}

/** The same bucket on another thread of the owning process: no lock of its own, nothing removed. */
export function attachDirectoryStore(options: DirectoryStoreOptions): DirectoryStore {
  return new DirectoryStore(resolve(options.path), options, undefined);
}

/** Made by {@link openDirectoryStore} and {@link attachDirectoryStore}. */
export class DirectoryStore implements ObjectStore {
  readonly description: string;
  /** The directory, for threads that attach to it. */
  readonly path: string;
  readonly #fsync: boolean;
  readonly #lock: DirectoryLock | undefined;
  readonly #onForeign: (path: string) => void;
  readonly #knownFolders = new Set<string>();
  #foreignSeen = false;
  /** No other process or thread has it, on whatever machine: pids repeat from one container to the next. */
  readonly #draftPrefix = Buffer.from(systemRandom.fill(new Uint8Array(8))).toString("hex");
  #draftCount = 0;

  constructor(root: string, options: DirectoryStoreOptions, lock: DirectoryLock | undefined) {
    this.description = `directory ${root}`;
    this.path = root;
    this.#fsync = options.fsync ?? true;
    this.#lock = lock;
    this.#onForeign = options.onForeign ?? (() => {});
  }

  /**
   * A complete and synced draft is linked to its name: link(2) fails if the name is taken, so one of many creators wins, and
   * nobody ever sees half an object.
   */
  async create(key: string, bytes: Uint8Array): Promise<void> {
    checkKey(key);
    if (this.#lock?.lost.aborted === true) {
      throw objectError("object_store_locked", `another process has taken ${this.description}: stop this one`, { key });
    }
    const drafts = join(this.path, PRIVATE_FOLDER, "drafts");
    const draft = join(drafts, `${this.#draftPrefix}-${this.#draftCount++}`);
    const final = join(this.path, key);
    let linking = false;
    try {
      await this.#ensureFolder(drafts);
      await this.#ensureFolder(dirname(final));
      await this.#writeDraft(draft, bytes);
      linking = true;
      await link(draft, final);
      linking = false;
      await this.#syncFolder(dirname(final));
    } catch (error) {
      // Somebody has removed a folder: the next try makes it again.
      if ((error as NodeJS.ErrnoException).code === "ENOENT") this.#knownFolders.clear();
      throw linking && (error as NodeJS.ErrnoException).code === "EEXIST" ? objectExists(key) : asObjectError(error, key);
    } finally {
      await unlink(draft).catch(() => {}); // absent when it was never made; left behind, the next open removes it
    }
  }

  async get(key: string): Promise<Uint8Array> {
    checkKey(key);
    try {
      // Not as a Buffer: its slice() is a view where a Uint8Array's is a copy.
      const buffer = await readFile(join(this.path, key));
      return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
    } catch (error) {
      throw asReadError(error, key);
    }
  }

  async getRange(key: string, offset: number, size: number): Promise<Uint8Array> {
    checkKey(key);
    try {
      const file = await open(join(this.path, key), "r");
      try {
        const bytes = new Uint8Array(size);
        let filled = 0;
        while (filled < size) {
          const { bytesRead } = await file.read(bytes, filled, size - filled, offset + filled);
          if (bytesRead === 0) break;
          filled += bytesRead;
        }
        return filled === size ? bytes : bytes.slice(0, filled);
      } finally {
        await file.close();
      }
    } catch (error) {
      throw asReadError(error, key);
    }
  }

  async *list(prefix: string, options: { readonly startAfter?: string; readonly signal?: AbortSignal } = {}): AsyncGenerator<ObjectInfo> {
    const onForeign = (path: string): void => {
      if (this.#foreignSeen) return;
      this.#foreignSeen = true;
      this.#onForeign(path);
    };
    try {
      yield* walkObjects({ root: this.path, prefix, startAfter: options.startAfter, signal: options.signal, onForeign });
    } catch (error) {
      throw asReadError(error, prefix);
    }
  }

  async delete(key: string): Promise<void> {
    checkKey(key);
    try {
      await unlink(join(this.path, key));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw asReadError(error, key);
    }
  }

  async close(): Promise<void> {
    await this.#lock?.release();
  }

  async #writeDraft(draft: string, bytes: Uint8Array): Promise<void> {
    const file = await open(draft, "wx");
    try {
      await file.writeFile(bytes);
      if (this.#fsync) await file.datasync();
    } finally {
      await file.close();
    }
  }

  async #ensureFolder(folder: string): Promise<void> {
    if (this.#knownFolders.has(folder)) return;
    await mkdir(folder, { recursive: true });
    // A new folder is durable once every folder above it says so.
    for (let at = folder; at !== this.path; at = dirname(at)) await this.#syncFolder(dirname(at));
    this.#knownFolders.add(folder);
  }

  async #syncFolder(folder: string): Promise<void> {
    if (!this.#fsync) return;
    const handle = await open(folder, "r");
    try {
      // Some network file systems cannot sync a folder, and need not.
      await handle.sync().catch((error: NodeJS.ErrnoException) => (error.code === "EINVAL" ? undefined : Promise.reject(error)));
    } finally {
      await handle.close();
    }
  }
}

function asReadError(error: unknown, key: string): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  return code === "ENOENT" || code === "EISDIR" || code === "ENOTDIR" ? objectNotFound(key) : asObjectError(error, key);
}

const NO_HARD_LINKS: ReadonlySet<string> = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"]);

function asObjectError(error: unknown, key: string): unknown {
  if (error instanceof CodedError) return error;
  const { code, message, syscall } = error as NodeJS.ErrnoException;
  if (code === undefined) return error; // not the file system's: aborted, or a defect
  if (code === "ENOSPC" || code === "EDQUOT") {
    return objectError("object_store_full", `no space left for ${key}: free space on the disk, or shorten retention`, { key }, error);
  }
  if (NO_HARD_LINKS.has(code) && syscall === "link") {
    return objectError(
      "object_store_unsuitable",
      `the file system of ${key} has no hard links: put the data directory on another one`,
      { key },
      error,
    );
  }
  return objectError("object_store_unavailable", `${key}: ${message}`, { key, errno: code }, error);
}
