import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** What the kernel says about a process: the only clock and scale that the measured program cannot bend. */
export type ProcessFigures = { readonly cpuMs: number; readonly peakBytes: number; readonly restBytes: number };

/** Linux counts CPU here in hundredths of a second; threads that have ended are included. */
const TICK_MS = 10;

export function figuresOf(pid: number): ProcessFigures {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const kibibytes = (name: string): number => Number(new RegExp(`^${name}:\\s*(\\d+)`, "m").exec(status)?.[1] ?? 0);
  return {
    cpuMs: (Number(fields[11]) + Number(fields[12])) * TICK_MS,
    peakBytes: kibibytes("VmHWM") * 1024,
    restBytes: kibibytes("VmRSS") * 1024,
  };
}

/**
 * CPU of the living threads in nanosecond steps: for queries that take less than a tick. A thread that ends in between
 * takes its share along, so this suits short spans over a warm server only.
 */
export function threadCpuMs(pid: number): number {
  let totalNs = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      totalNs += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]);
    } catch {
      // The thread ended between the listing and the reading.
    }
  }
  return totalNs / 1e6;
}

export type FolderSize = { readonly bytes: number; readonly files: number };

export function folderSize(folder: string): FolderSize {
  let bytes = 0;
  let files = 0;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    try {
      bytes += statSync(join(entry.parentPath, entry.name)).size;
      files++;
    } catch {
      // Compaction has just removed it.
    }
  }
  return { bytes, files };
}
