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
