import type { ProfileKind } from "../profile/profile-type.ts";
import type { ByteReader } from "./column/byte-reader.ts";
import type { ByteWriter } from "./column/byte-writer.ts";
import { Repeated } from "./column/repeated.ts";
import { type DatasetEntry, type DatasetKind, type ObjectDirectory, type SectionEntry, SectionKind } from "./directory.ts";

/**
 * Appends a directory; see FORMAT.md, "Directory". The same bytes stand at the end of an object and in the catalog entry
 * that publishes it.
 */
export function encodeDirectory(writer: ByteWriter, directory: ObjectDirectory): void {
  writer.varint(directory.level);
  writer.varint(directory.datasets.length);
  for (const dataset of directory.datasets) encodeDataset(writer, dataset);
}

/** Errors: `block_section_corrupt`. */
export function decodeDirectory(reader: ByteReader): ObjectDirectory {
  const level = reader.varint();
  const datasets: DatasetEntry[] = [];
  for (let left = reader.count(20); left > 0; left--) datasets.push(decodeDataset(reader));
  return { level, datasets };
}

function encodeDataset(writer: ByteWriter, dataset: DatasetEntry): void {
  writer.text(dataset.tenant);
  writer.text(dataset.service);
  writer.int64(dataset.minTimeNs);
  writer.int64(dataset.maxTimeNs);
  writer.varint(dataset.seriesCount);
  writer.varint(dataset.kinds.length);
  for (const { kind, profileRows, sampleRows, totals } of dataset.kinds) {
    encodeKind(writer, kind);
    writer.varint(profileRows);
    writer.varint(sampleRows);
    for (const total of totals) writer.varint(Math.min(total, Number.MAX_SAFE_INTEGER));
  }
  writer.varint(dataset.sections.length);
  for (const section of dataset.sections) {
    writer.varint(section.kind);
    writer.varint(section.kindIndex);
    writer.varint(section.offset);
    writer.varint(section.sizeBytes);
    writer.varint(section.rawBytes);
    writer.uint32(section.crc32);
  }
}

function decodeDataset(reader: ByteReader): DatasetEntry {
  const tenant = TENANTS.read(reader);
  const service = reader.text();
  const minTimeNs = reader.int64();
  const maxTimeNs = reader.int64();
  const seriesCount = reader.varint();
  const kinds: DatasetKind[] = [];
  for (let left = reader.count(6); left > 0; left--) {
    const kind = KINDS.read(reader);
    const profileRows = reader.varint();
    const sampleRows = reader.varint();
    kinds.push({ kind, profileRows, sampleRows, totals: kind.sampleTypes.map(() => reader.varint()) });
  }
  const sections: SectionEntry[] = [];
  for (let left = reader.count(9); left > 0; left--) {
    const kind = reader.varint() as SectionKind;
    if (!KNOWN_SECTIONS.has(kind)) throw reader.corrupt(`unknown section kind ${kind}`);
    const kindIndex = reader.varint();
    sections.push({
      kind,
      kindIndex,
      offset: reader.varint(),
      sizeBytes: reader.varint(),
      rawBytes: reader.varint(),
      crc32: reader.uint32(),
    });
    if (kindIndex > 0 && kindIndex >= kinds.length) throw reader.corrupt(`section of profile kind ${kindIndex} of ${kinds.length}`);
  }
  return { tenant, service, minTimeNs, maxTimeNs, seriesCount, kinds, sections };
}

const KNOWN_SECTIONS: ReadonlySet<number> = new Set(Object.values(SectionKind));

function encodeKind(writer: ByteWriter, kind: ProfileKind): void {
  writer.text(kind.name);
  writer.text(kind.periodType.type);
  writer.text(kind.periodType.unit);
  writer.varint(kind.sampleTypes.length);
  for (const { type, unit } of kind.sampleTypes) {
    writer.text(type);
    writer.text(unit);
  }
}

function decodeKind(reader: ByteReader): ProfileKind {
  const name = reader.text();
  const periodType = { type: reader.text(), unit: reader.text() };
  const sampleTypes = [];
  for (let left = reader.count(2); left > 0; left--) sampleTypes.push({ type: reader.text(), unit: reader.text() });
  return { name, periodType, sampleTypes };
}

/** A catalog repeats them in every dataset. */
const KINDS = new Repeated(decodeKind);
const TENANTS = new Repeated((reader) => reader.text());
