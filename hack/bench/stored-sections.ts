import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { SectionKind } from "../../pipeline/block/directory.ts";
import { readDirectory } from "../../pipeline/block/reader.ts";
import { cutPprof } from "../../test/harness/pprof-variation.ts";

/** Bytes of the symbols sections of every object in a data folder: strings, functions, mappings, locations, the stack tree. */
export function storedSymbolBytes(dataDir: string): number {
  let bytes = 0;
  for (const folder of ["segments", "blocks"].map((name) => join(dataDir, name)).filter(existsSync)) {
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const sections = readDirectory(readFileSync(join(entry.parentPath, entry.name))).datasets.flatMap((dataset) => dataset.sections);
      for (const { kind, sizeBytes } of sections) if (kind === SectionKind.Symbols) bytes += sizeBytes;
    }
  }
  return bytes;
}

/** What profiles carry beside their samples, uncompressed: told from some of them, as cutting all of them takes a while. */
export function receivedSymbolBytes(profiles: readonly Uint8Array[], count: number): number {
  const sampled = profiles.filter((_, index) => index % Math.max(1, Math.floor(profiles.length / 60)) === 0);
  const bytes = sampled.reduce((sum, profile) => sum + cutPprof(gunzipSync(profile)).rest.length, 0);
  return (bytes / sampled.length) * count;
}
