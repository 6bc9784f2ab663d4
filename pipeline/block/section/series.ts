import { type LabelSet, sortLabels } from "../../profile/labels.ts";
import { ByteReader } from "../column/byte-reader.ts";
import type { ByteWriter } from "../column/byte-writer.ts";

/** The label sets of a dataset; each label name and value once. See FORMAT.md, "Series". */
export function encodeSeries(writer: ByteWriter, series: readonly LabelSet[]): void {
  const ids = new Map<string, number>();
  const id = (text: string): number => {
    const known = ids.get(text);
    if (known !== undefined) return known;
    ids.set(text, ids.size);
    return ids.size - 1;
  };
  const sets = series.map((labels) => labels.map((label) => [id(label.name), id(label.value)] as const));
  writer.varint(ids.size);
  for (const text of ids.keys()) writer.text(text);
  writer.varint(sets.length);
  for (const set of sets) {
    writer.varint(set.length);
    for (const [name, value] of set) {
      writer.varint(name);
      writer.varint(value);
    }
  }
}

/** Errors: `block_section_corrupt`. */
export function decodeSeries(raw: Uint8Array): readonly LabelSet[] {
  const reader = new ByteReader(raw);
  const texts: string[] = [];
  for (let left = reader.count(); left > 0; left--) texts.push(reader.text());
  const text = (): string => {
    const found = texts[reader.varint()];
    if (found === undefined) throw reader.corrupt("a label outside the dictionary");
    return found;
  };
  const series: LabelSet[] = [];
  for (let left = reader.count(); left > 0; left--) {
    const labels = [];
    for (let pairs = reader.count(2); pairs > 0; pairs--) labels.push({ name: text(), value: text() });
    series.push(sortLabels(labels));
  }
  reader.end();
  return series;
}
