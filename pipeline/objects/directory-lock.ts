import { link, open, readFile, readlink, rename, stat, unlink, utimes } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../base/clock.ts";
import type { DurationMs } from "../base/units.ts";
import { objectError } from "./errors.ts";

/*
 * One process at a time owns a data directory: two would sweep each other's unfinished objects.
 *
 * The lock file names its owner. A process that this one can see (same boot, same pid namespace) is looked up by pid and start
 * time, so that the lock of a killed process is taken over at once, and a reused pid is not mistaken for the owner. One that
 * cannot be seen (another container, another machine on a shared volume) is believed alive while the file's time moves.
 */

type LockOwner = { readonly pid: number; readonly startTime: string; readonly bootId: string; readonly pidNamespace: string };

const UNKNOWN = "unknown";
const HEARTBEAT_MS = 2_000;
/** Five missed heartbeats: longer than any pause of ours, shorter than people wait. */
const SILENT_MS = 10_000;
const TAKEOVER_ATTEMPTS = 5;

export type DirectoryLock = {
  /** Aborted when another process has taken the lock while this one slept. */
  readonly lost: AbortSignal;
  release(): Promise<void>;
};

/**
 * Takes the lock of a data directory.
 *
 * Errors: `object_store_locked` (fenced) names the process that has it.
 */
export async function lockDirectory(folder: string, clock: Clock): Promise<DirectoryLock> {
  const path = join(folder, "lock");
  const me = await thisProcess();
  for (let attempt = 0; attempt < TAKEOVER_ATTEMPTS; attempt++) {
    if (await tryCreate(path, me)) return keep(path, me, clock);
    const owner = await readOwner(path);
    if (owner !== undefined && (await isAlive(owner, me, path, clock))) throw locked(folder, owner);
    await removeStale(path, owner);
  }
  throw objectError("object_store_locked", `the lock ${path} changes hands all the time: start one process per data directory`, { path });
}

async function keep(path: string, me: LockOwner, clock: Clock): Promise<DirectoryLock> {
  const stopping = new AbortController();
  const lost = new AbortController();
  const beat = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await clock.sleep(HEARTBEAT_MS as DurationMs, stopping.signal);
      if (stopping.signal.aborted) return;
      // A file that was removed by hand is made again; one of another process means that this one slept too long.
      const owner = (await readOwner(path)) ?? ((await tryCreate(path, me).catch(() => false)) ? me : undefined);
      if (owner !== undefined && !sameProcess(owner, me)) return lost.abort();
      const seconds = clock.nowMs() / 1000;
      await utimes(path, seconds, seconds).catch(() => {});
    }
  };
  const beating = beat();
  return {
    lost: lost.signal,
    release: async () => {
      if (stopping.signal.aborted) return;
      stopping.abort();
      await beating;
      const owner = await readOwner(path);
      if (owner !== undefined && sameProcess(owner, me)) await unlink(path).catch(() => {});
    },
  };
}

/** link(2) after the content is complete: nobody ever reads half a lock. */
async function tryCreate(path: string, me: LockOwner): Promise<boolean> {
  const draft = `${path}.${me.pid}.${me.startTime}`;
  const file = await open(draft, "w");
  try {
    await file.writeFile(`${JSON.stringify(me)}\n`);
  } finally {
    await file.close();
  }
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    await unlink(draft);
  }
}

/**
 * Moves the lock aside and looks at what was moved: of two processes that found the same stale lock, the slower one may have moved the
 * faster one's fresh lock, and puts it back.
 */
async function removeStale(path: string, stale: LockOwner | undefined): Promise<void> {
  const aside = `${path}.stale.${process.pid}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  const moved = await readOwner(aside);
  if (moved !== undefined && (stale === undefined || !sameProcess(moved, stale))) await link(aside, path).catch(() => {});
  await unlink(aside).catch(() => {});
}

async function isAlive(owner: LockOwner, me: LockOwner, path: string, clock: Clock): Promise<boolean> {
  if (owner.bootId === me.bootId && owner.pidNamespace === me.pidNamespace) {
    return owner.startTime === UNKNOWN ? runs(owner.pid) : (await startTimeOf(owner.pid)) === owner.startTime;
  }
  let seen = await modifiedMs(path);
  if (seen === undefined || clock.nowMs() - seen > SILENT_MS) return false;
  for (let waited = 0; waited < SILENT_MS; waited += HEARTBEAT_MS) {
    await clock.sleep(HEARTBEAT_MS as DurationMs);
    const now = await modifiedMs(path);
    if (now === undefined) return false;
    if (now !== seen) return true;
    seen = now;
  }
  return false;
}

async function readOwner(path: string): Promise<LockOwner | undefined> {
  try {
    const owner = JSON.parse(await readFile(path, "utf8")) as LockOwner;
    return typeof owner.pid === "number" ? owner : undefined;
  } catch {
    return undefined; // absent, or not ours: both mean that nobody can be asked whether it is alive
  }
}

async function modifiedMs(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.mtimeMs;
}

async function thisProcess(): Promise<LockOwner> {
  return {
    pid: process.pid,
    startTime: (await startTimeOf(process.pid)) ?? UNKNOWN,
    bootId: await readFile("/proc/sys/kernel/random/boot_id", "utf8").then(
      (text) => text.trim(),
      () => UNKNOWN,
    ),
    pidNamespace: await readlink("/proc/self/ns/pid").catch(() => UNKNOWN),
  };
}

/** Without /proc (not Linux) a pid is all there is to go by. */
function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM"; // another user's
  }
}

/** Field 22 of /proc/PID/stat, counted after the program's name, which may hold anything; undefined when no such process runs. */
async function startTimeOf(pid: number): Promise<string | undefined> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, "latin1");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

function sameProcess(a: LockOwner, b: LockOwner): boolean {
  return a.pid === b.pid && a.startTime === b.startTime && a.bootId === b.bootId && a.pidNamespace === b.pidNamespace;
}

function locked(folder: string, owner: LockOwner): Error {
  return objectError(
    "object_store_locked",
    `the data directory is in use by process ${owner.pid} (lock ${join(folder, "lock")}): stop that process, or give this one another directory`,
    { folder, pid: owner.pid },
  );
}
