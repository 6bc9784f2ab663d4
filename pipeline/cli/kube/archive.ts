import { type FileHandle, open, rm } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { type Pack, pack } from "tar-stream";
import { CodedError, FaultKind } from "../../base/errors.ts";

/** A tar.gz that grows file by file. Nobody but its owner may read it. */
export class Archive {
  readonly path: string;
  readonly #root: string;
  readonly #atMs: number;
  readonly #pack: Pack;
  readonly #written: Promise<void>;
  readonly #size: () => number;

  private constructor(path: string, file: FileHandle, root: string, atMs: number) {
    this.path = path;
    this.#root = root;
    this.#atMs = atMs;
    this.#pack = pack();
    const to = file.createWriteStream();
    this.#size = () => to.bytesWritten;
    this.#written = pipeline(this.#pack, createGzip(), to);
    // Told by close.
    this.#written.catch(() => {});
  }

  /** `root` is the folder that everything lies in. An existing file is left alone. Errors: `file_unwritable` (invalid). */
  static async create(path: string, root: string, atMs: number): Promise<Archive> {
    const file = await open(path, "wx", 0o600).catch((cause: Error) => {
      throw unwritable(path, cause);
    });
    return new Archive(path, file, root, atMs);
  }

  add(name: string, text: string): void {
    // Once writing has failed the rest is of no use.
    if (this.#pack.destroyed) return;
    this.#pack.entry({ name: `${this.#root}/${name}`, mtime: new Date(this.#atMs), mode: 0o644 }, text);
  }

  /** Gives its size in bytes. Errors: `file_unwritable` (invalid); nothing is left of it then. */
  async close(): Promise<number> {
    if (!this.#pack.destroyed) this.#pack.finalize();
    try {
      await this.#written;
      return this.#size();
    } catch (cause) {
      await rm(this.path, { force: true });
      throw unwritable(this.path, cause as Error);
    }
  }
}

function unwritable(path: string, cause: Error): CodedError {
  const message = `cannot write ${path}: ${cause.message}; name another file with --file`;
  return new CodedError("file_unwritable", FaultKind.Invalid, message, { cause });
}
