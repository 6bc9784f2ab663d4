import type { Dirent } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { ObjectInfo } from "./object-store.ts";
import { isKey } from "./paths.ts";

export type WalkOptions = {
  readonly root: string;
  readonly prefix: string;
  readonly startAfter: string | undefined;
  readonly signal: AbortSignal | undefined;
  /** Told about what is neither an object nor a folder of objects. */
  readonly onForeign: (path: string) => void;
};

/** The files under a directory as keys, in the order a bucket lists them. */
export async function* walkObjects(options: WalkOptions): AsyncGenerator<ObjectInfo> {
  yield* walk("", options);
}

async function* walk(folderKey: string, options: WalkOptions): AsyncGenerator<ObjectInfo> {
  options.signal?.throwIfAborted();
  for (const { key, isFolder } of await readFolder(folderKey, options)) {
    if (!mayHold(key, options)) continue;
    if (isFolder) {
      yield* walk(key, options);
      continue;
    }
    if (options.startAfter !== undefined && key <= options.startAfter) continue;
    // A file removed since the folder was read is no longer an object.
    const found = await stat(join(options.root, key)).catch(() => undefined);
    if (found !== undefined) yield { key, sizeBytes: found.size };
  }
}

/** Folders end in "/": with that, the order of names is the order of whole keys. */
async function readFolder(folderKey: string, options: WalkOptions): Promise<{ readonly key: string; readonly isFolder: boolean }[]> {
  const entries: Dirent[] = await readdir(join(options.root, folderKey), { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return [];
    throw error;
  });
  const found: { key: string; isFolder: boolean }[] = [];
  for (const entry of entries) {
    if (folderKey === "" && entry.name === ".brazier") continue;
    if ((!entry.isFile() && !entry.isDirectory()) || !isKey(folderKey + entry.name))
      options.onForeign(join(options.root, folderKey, entry.name));
    else found.push({ key: folderKey + entry.name + (entry.isDirectory() ? "/" : ""), isFolder: entry.isDirectory() });
  }
  return found.sort((a, b) => (a.key < b.key ? -1 : 1));
}

function mayHold(key: string, { prefix, startAfter }: WalkOptions): boolean {
  if (!key.startsWith(prefix) && !(key.endsWith("/") && prefix.startsWith(key))) return false;
  return startAfter === undefined || key > startAfter || startAfter.startsWith(key);
}
