import { crc32 } from "node:zlib";
import type { LabelSet } from "../profile/labels.ts";
import type { Arena } from "../symbols/arena.ts";
import type { Symbols } from "../symbols/symbols.ts";
import { ByteReader } from "./column/byte-reader.ts";
import { decompress } from "./compression.ts";
import { type DatasetEntry, type ObjectDirectory, type SectionEntry, SectionKind } from "./directory.ts";
import { decodeDirectory } from "./directory-codec.ts";
import { blockError } from "./errors.ts";
import { FOOTER_SIZE, FORMAT_VERSION, MAGIC } from "./layout.ts";
import { decodeProfiles, type ProfileColumns } from "./section/profiles.ts";
import { decodeSeries } from "./section/series.ts";
import { decodeStackValues, type StackValues } from "./section/stack-values.ts";
import { decodeSymbols } from "./section/symbols.ts";

/** Where an object's directory is. Units: bytes from the start of the object. */
export type Footer = { readonly directoryOffset: number; readonly directorySize: number; readonly directoryCrc32: number };

/**
 * Reads the last {@link FOOTER_SIZE} bytes of an object.
 *
 * Errors: `block_too_small`, `block_magic_mismatch`, `block_checksum_mismatch`, `block_version_unknown`.
 * Source: FORMAT.md, "Footer": fixed size with the magic last, after LevelDB's table format.
 */
export function decodeFooter(tail: Uint8Array): Footer {
  if (tail.length < FOOTER_SIZE)
    throw blockError("block_too_small", `an object ends in ${FOOTER_SIZE} bytes of footer, this has ${tail.length}`);
  const bytes = tail.subarray(tail.length - FOOTER_SIZE);
  if (!MAGIC.every((byte, i) => bytes[24 + i] === byte)) {
    throw blockError("block_magic_mismatch", "not an object of brazier, or a truncated one: its last bytes are not the magic number");
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, FOOTER_SIZE);
  if (crc32(bytes.subarray(0, 20)) !== view.getUint32(20, true))
    throw blockError("block_checksum_mismatch", "the footer's checksum is wrong: the object was damaged");
  const version = view.getUint16(16, true);
  if (version !== FORMAT_VERSION) {
    throw blockError("block_version_unknown", `the object has format version ${version}, this program reads ${FORMAT_VERSION}: update it`, {
      version,
    });
  }
  return {
    directoryOffset: Number(view.getBigUint64(0, true)),
    directorySize: view.getUint32(8, true),
    directoryCrc32: view.getUint32(12, true),
  };
}

/** The directory of a whole object in memory. Errors: as {@link decodeFooter}, and `block_section_corrupt`. */
export function readDirectory(object: Uint8Array): ObjectDirectory {
  const footer = decodeFooter(object);
  const end = footer.directoryOffset + footer.directorySize;
  if (end > object.length) throw blockError("block_section_corrupt", "the directory lies outside the object");
  const bytes = object.subarray(footer.directoryOffset, end);
  if (crc32(bytes) !== footer.directoryCrc32)
    throw blockError("block_checksum_mismatch", "the directory's checksum is wrong: the object was damaged");
  const reader = new ByteReader(bytes);
  const directory = decodeDirectory(reader);
  reader.end();
  return directory;
}

/** The entry of a section; undefined when the dataset has none of the kind. */
export function findSection(dataset: DatasetEntry, kind: SectionKind, kindIndex = 0): SectionEntry | undefined {
  return dataset.sections.find((section) => section.kind === kind && section.kindIndex === kindIndex);
}

/*
 * Decoding of a section from its stored bytes; with a memory, what comes of it lives as long as that. Errors: `block_checksum_mismatch`, `block_section_corrupt`.
 */

export function readSeries(stored: Uint8Array, section: SectionEntry): readonly LabelSet[] {
  return decodeSeries(decompress(stored, section));
}

export function readSymbols(stored: Uint8Array, section: SectionEntry, memory?: Arena): Symbols {
  return decodeSymbols(decompress(stored, section), memory);
}

export function readProfiles(stored: Uint8Array, section: SectionEntry, dataset: DatasetEntry, memory?: Arena): ProfileColumns {
  const profiles = decodeProfiles(decompress(stored, section), sampleTypes(section, dataset), memory);
  checkBelow(profiles.series, dataset.seriesCount, "series");
  return profiles;
}

/** Samples or Totals; rows refer to profile rows or series. */
export function readStackValues(stored: Uint8Array, section: SectionEntry, dataset: DatasetEntry, memory?: Arena): StackValues {
  const table = decodeStackValues(decompress(stored, section), sampleTypes(section, dataset), memory);
  const rows = section.kind === SectionKind.Totals ? dataset.seriesCount : dataset.kinds[section.kindIndex]!.profileRows;
  checkBelow(table.row, rows, "row");
  return table;
}

function sampleTypes(section: SectionEntry, dataset: DatasetEntry): number {
  const kind = dataset.kinds[section.kindIndex];
  if (kind === undefined)
    throw blockError("block_section_corrupt", `a section of profile kind ${section.kindIndex} of ${dataset.kinds.length}`);
  return kind.kind.sampleTypes.length;
}

function checkBelow(column: Uint32Array, limit: number, what: string): void {
  for (let i = 0; i < column.length; i++)
    if (column[i]! >= limit) throw blockError("block_section_corrupt", `${what} ${column[i]} of ${limit}`);
}
