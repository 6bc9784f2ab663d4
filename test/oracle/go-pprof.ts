import { execFileSync, spawnSync } from "node:child_process";
import type { FunctionWeight } from "../harness/flame-graph.ts";

/*
 * What Go's own tool says about a profile: `go tool pprof -raw` prints every sample with exact values and every location
 * with its functions, and we add up. Nothing of our readers is used.
 */

export type GoProfile = {
  readonly types: readonly { readonly type: string; readonly unit: string }[];
  readonly totals: readonly number[];
  /** Per sample type. */
  readonly functions: readonly ReadonlyMap<string, FunctionWeight>[];
};

export function haveGo(): boolean {
  return spawnSync("go", ["tool", "pprof", "-h"], { stdio: "ignore" }).error === undefined;
}

export function readWithGo(file: string): GoProfile {
  const text = execFileSync("go", ["tool", "pprof", "-symbolize=none", "-raw", file], {
    encoding: "utf8",
    maxBuffer: 512 * 1024 * 1024,
    stdio: ["ignore", "pipe", "pipe"],
  });
  return parseRaw(text);
}

/** Shape: the text of `-raw`: header, `Samples:`, a line of types, samples; `Locations`, …; `Mappings`, …. */
export function parseRaw(text: string): GoProfile {
  const lines = text.split("\n");
  const samplesAt = lines.indexOf("Samples:");
  const locationsAt = lines.indexOf("Locations");
  const mappingsAt = lines.indexOf("Mappings");
  if (samplesAt < 0 || locationsAt < 0 || mappingsAt < 0) throw new Error("go tool pprof -raw printed something else than expected");
  const types = lines[samplesAt + 1]!.trim()
    .split(/\s+/)
    .map((word) => {
      const [type, unit] = word.replace(/\[dflt\]$/, "").split("/");
      return { type: type ?? "", unit: unit ?? "" };
    });
  const framesOf = readLocations(lines.slice(locationsAt + 1, mappingsAt));
  const totals = types.map(() => 0);
  const functions = types.map(() => new Map<string, FunctionWeight>());
  for (const line of lines.slice(samplesAt + 2, locationsAt)) {
    const match = /^\s*([-\d ]+):([\d ]*)$/.exec(line);
    if (match === null) continue;
    const values = match[1]!.trim().split(/\s+/).map(Number);
    // Ingest drops what cannot be drawn: samples with a negative value and samples that are zero throughout.
    if (values.some((value) => value < 0) || values.every((value) => value === 0)) continue;
    const frames =
      match[2]!.trim() === ""
        ? []
        : match[2]!
            .trim()
            .split(/\s+/)
            .flatMap((id) => framesOf.get(Number(id)) ?? []);
    // A sample without a stack has no place in a flame graph.
    if (frames.length === 0) continue;
    values.forEach((value, type) => {
      totals[type] = totals[type]! + value;
      if (value === 0) return;
      weigh(functions[type]!, frames[0]!).flat += value;
      for (const name of new Set(frames)) weigh(functions[type]!, name).cum += value;
    });
  }
  return { types, totals, functions };
}

function weigh(weights: Map<string, FunctionWeight>, name: string): FunctionWeight {
  const known = weights.get(name);
  if (known !== undefined) return known;
  const made = { flat: 0, cum: 0 };
  weights.set(name, made);
  return made;
}

/** Location id → function names, innermost first. A line `   7: 0x4a M=1 name file:12:0 s=0`; inlined callers follow without an id. */
function readLocations(lines: readonly string[]): ReadonlyMap<number, readonly string[]> {
  const frames = new Map<number, string[]>();
  let current: string[] = [];
  for (const line of lines) {
    const head = /^\s*(\d+): 0x[0-9a-f]+ (?:M=\d+ )?(?:\[F\] )?(.*)$/.exec(line);
    if (head !== null) {
      current = [];
      frames.set(Number(head[1]), current);
    }
    const rest = head === null ? line.trim() : head[2]!;
    const named = /^(.*) \S*:-?\d+:-?\d+ s=-?\d+(?:\(.*\))?$/.exec(rest);
    if (named !== null) current.push(named[1]!);
  }
  return frames;
}
