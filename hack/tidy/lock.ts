import type { RepositoryFile, TidyFault } from "./repository.ts";

/*
 * A package with native parts names one optional package per platform. A lock written against a registry that carries only
 * some of them lacks the others, and then `npm ci` refuses the lock as out of step, on every machine. The entries are
 * never installed where their platform is another one, so naming them is all it takes.
 */

type LockEntry = { readonly version?: string; readonly dev?: boolean; readonly optionalDependencies?: Readonly<Record<string, string>> };
export type Lock = { readonly packages: Readonly<Record<string, LockEntry>> };

export function completeLock(lock: Lock): { readonly lock: Lock; readonly added: readonly string[] } {
  const missing = missingPlatforms(lock);
  if (missing.length === 0) return { lock, added: [] };
  const packages: Record<string, LockEntry> = { ...lock.packages };
  for (const { name, version, dev } of missing) packages[`node_modules/${name}`] = platformEntry(name, version, dev);
  // npm keeps the entries in this order: a later install then changes nothing.
  const sorted = Object.fromEntries(Object.entries(packages).sort(([left], [right]) => left.localeCompare(right, "en")));
  return { lock: { ...lock, packages: sorted }, added: missing.map(({ name }) => name) };
}

export function checkLock(files: readonly RepositoryFile[]): readonly TidyFault[] {
  const path = "package-lock.json";
  const text = files.find((file) => file.path === path)?.text;
  if (text === undefined) return [{ path, problem: "is missing", remedy: "run npm install" }];
  return missingPlatforms(JSON.parse(text) as Lock).map(({ name }) => ({
    path,
    problem: `lacks the optional package ${name}, so npm ci refuses it`,
    remedy: "run node hack/lock.ts",
  }));
}

type Platform = { readonly name: string; readonly version: string; readonly dev: boolean };

function missingPlatforms({ packages }: Lock): readonly Platform[] {
  return Object.entries(packages).flatMap(([place, entry]) =>
    Object.entries(entry.optionalDependencies ?? {})
      // A range is a real optional library, not a platform's part.
      .filter(([name, version]) => /^\d/.test(version) && !isResolved(packages, place, name))
      .map(([name, version]) => ({ name, version, dev: entry.dev === true })),
  );
}

/** Looks where Node would: beside the package, then outwards. */
function isResolved(packages: Lock["packages"], place: string, name: string): boolean {
  for (let base = place; ; base = base.slice(0, Math.max(0, base.lastIndexOf("/node_modules/")))) {
    if (packages[`${base === "" ? "" : `${base}/`}node_modules/${name}`] !== undefined) return true;
    if (base === "") return false;
    if (!base.includes("/node_modules/")) return packages[`node_modules/${name}`] !== undefined;
  }
}

function platformEntry(name: string, version: string, dev: boolean): LockEntry {
  const words = name.slice(name.indexOf("/") + 1).split(/[-_.]/);
  const os = ["android", "darwin", "freebsd", "linux", "win32"].filter((word) => words.includes(word));
  const cpu = [
    ["arm64", "arm64"],
    ["x64", "x64"],
    ["ia32", "ia32"],
    ["armv7", "arm"],
    ["arm", "arm"],
  ].flatMap(([word, value]) => (words.includes(word!) ? [value!] : []));
  return {
    version,
    ...(cpu.length > 0 ? { cpu } : {}),
    ...(dev ? { dev } : {}),
    ...(words.includes("musl") ? { libc: ["musl"] } : {}),
    optional: true,
    ...(os.length > 0 ? { os } : {}),
  } as LockEntry;
}
