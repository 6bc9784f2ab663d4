import type { Symbols } from "../symbols/symbols.ts";
import { type DecodedDataset, datasetRange, decodeDataset } from "./dataset-reader.ts";
import { readDirectory } from "./reader.ts";

/** What a test can compare: every sample of an object as a line of text, sorted. */
export function describeObject(object: Uint8Array): string[] {
  const lines: string[] = [];
  for (const dataset of readDirectory(object).datasets) {
    const { offset, sizeBytes } = datasetRange(dataset);
    lines.push(
      ...describeDataset(`${dataset.tenant}/${dataset.service}`, decodeDataset(object.subarray(offset, offset + sizeBytes), dataset)),
    );
  }
  return lines.sort();
}

function describeDataset(name: string, { series, symbols, kinds }: DecodedDataset): string[] {
  const lines: string[] = [];
  for (const { kind, profiles, samples } of kinds) {
    let at = 0;
    const spans = new Map<number, string>();
    samples.spans?.row.forEach((row, i) => spans.set(row, ` span ${samples.spans?.spans.subarray(i * 2, i * 2 + 2).join(",")}`));
    for (let run = 0; run < samples.runEnds.length; run++) {
      const stack = stackText(symbols, samples.stacks[run]!);
      for (const end = samples.runEnds[run]!; at < end; at++) {
        const row = samples.row[at]!;
        const labels = series[profiles.series[row]!]!.map((label) => `${label.name}=${label.value}`).join(",");
        const id = [...profiles.ids.subarray(row * 16, row * 16 + 16)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
        const values = samples.values.map((column) => column[at]).join(" ");
        lines.push(
          `${name} ${kind.name} {${labels}} @${profiles.timeMs[row]}.${profiles.timeNs[row]} ${id} ${stack} = ${values}${spans.get(at) ?? ""}`,
        );
      }
    }
  }
  return lines;
}

/** Root first, `name:line` joined by `;`, inlined calls of one location by `|`, bare addresses as hex. */
function stackText(symbols: Symbols, stack: number): string {
  const { strings, functions, locations, lines, nodes } = symbols;
  const text = (id: number): string =>
    Buffer.from(strings.bytes.subarray(id === 0 ? 0 : strings.ends[id - 1]!, strings.ends[id]!)).toString();
  const frames: string[] = [];
  for (let node = stack; node > 0; node = nodes.parent[node - 1]!) {
    const location = nodes.location[node - 1]!;
    const names: string[] = [];
    for (let line = location === 0 ? 0 : locations.lineEnds[location - 1]!; line < locations.lineEnds[location]!; line++) {
      const fn = lines.function[line]!;
      names.unshift(`${fn === 0 ? "?" : text(functions.name[fn - 1]!)}:${lines.number[line]}`);
    }
    frames.unshift(
      names.length > 0
        ? names.join("|")
        : `0x${locations.addressHi[location]!.toString(16)}_${locations.addressLo[location]!.toString(16)}`,
    );
  }
  return frames.join(";");
}
