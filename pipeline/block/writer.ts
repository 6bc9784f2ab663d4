import { crc32 } from "node:zlib";
import { assert } from "../base/assert.ts";
import { atOnce, type Steps } from "../base/steps.ts";
import { ByteWriter } from "./column/byte-writer.ts";
import { compress } from "./compression.ts";
import type { DatasetColumns } from "./dataset-builder.ts";
import { type DatasetEntry, type DatasetKind, type ObjectDirectory, type SectionEntry, SectionKind } from "./directory.ts";
import { encodeDirectory } from "./directory-codec.ts";
import { FOOTER_SIZE, FORMAT_VERSION, MAGIC } from "./layout.ts";
import { encodeProfiles } from "./section/profiles.ts";
import { encodeSeries } from "./section/series.ts";
import { encodeStackValues } from "./section/stack-values.ts";
import { encodeSymbols } from "./section/symbols.ts";

/** memory: of one writer after the other, for a thread that writes many objects. */
type ObjectWriterOptions = { readonly level: number; readonly compressionLevel: number; readonly memory?: WriterMemory };

/** out: the object so far. section: one section before compression, the same memory for all of them. */
type WriterMemory = { readonly out: ByteWriter; readonly section: ByteWriter };

export function writerMemory(): WriterMemory {
  return { out: new ByteWriter(256 * 1024), section: new ByteWriter(256 * 1024) };
}

export type ObjectBytes = { readonly bytes: Uint8Array; readonly directory: ObjectDirectory };

/**
 * Writes an object: dataset after dataset, then the directory and the footer. Pure: the caller puts the bytes.
 *
 * Source: FORMAT.md.
 */
export class ObjectWriter {
  readonly #level: number;
  readonly #compressionLevel: number;
  readonly #out: ByteWriter;
  readonly #section: ByteWriter;
  readonly #datasets: DatasetEntry[] = [];

  constructor(options: ObjectWriterOptions) {
    const { out, section } = options.memory ?? writerMemory();
    this.#level = options.level;
    this.#compressionLevel = options.compressionLevel;
    this.#out = out;
    this.#out.clear();
    this.#section = section;
  }

  get sizeBytes(): number {
    return this.#out.length;
  }

  get datasetCount(): number {
    return this.#datasets.length;
  }

  add(dataset: DatasetColumns): void {
    atOnce(this.adding(dataset));
  }

  /** The same in steps. Nothing else may be added before the last one. */
  *adding(dataset: DatasetColumns): Steps<void> {
    const sections: SectionEntry[] = [];
    for (const { kind, kindIndex, encode } of sectionsOf(dataset)) {
      this.#section.clear();
      encode(this.#section);
      const raw = this.#section.view();
      const stored = compress(raw, this.#compressionLevel);
      sections.push({
        kind,
        kindIndex,
        offset: this.#out.length,
        sizeBytes: stored.bytes.length,
        rawBytes: raw.length,
        crc32: stored.crc32,
      });
      this.#out.raw(stored.bytes);
      yield;
    }
    this.#datasets.push({ ...describe(dataset), sections });
  }

  finish(): ObjectBytes {
    assert(this.#datasets.length > 0, "an object holds a dataset at least");
    const directory: ObjectDirectory = { level: this.#level, datasets: this.#datasets };
    const directoryBytes = new ByteWriter();
    encodeDirectory(directoryBytes, directory);
    const offset = this.#out.length;
    this.#out.raw(directoryBytes.view());
    const footer = new DataView(new ArrayBuffer(FOOTER_SIZE));
    footer.setBigUint64(0, BigInt(offset), true);
    footer.setUint32(8, directoryBytes.length, true);
    footer.setUint32(12, crc32(directoryBytes.view()), true);
    footer.setUint16(16, FORMAT_VERSION, true);
    const footerBytes = new Uint8Array(footer.buffer);
    footer.setUint32(20, crc32(footerBytes.subarray(0, 20)), true);
    footerBytes.set(MAGIC, 24);
    this.#out.raw(footerBytes);
    return { bytes: this.#out.take(), directory };
  }
}

type Section = { readonly kind: SectionKind; readonly kindIndex: number; readonly encode: (writer: ByteWriter) => void };

/** In the order in which they are written. */
function sectionsOf(dataset: DatasetColumns): readonly Section[] {
  return [
    { kind: SectionKind.Series, kindIndex: 0, encode: (writer) => encodeSeries(writer, dataset.series) },
    { kind: SectionKind.Symbols, kindIndex: 0, encode: (writer) => encodeSymbols(writer, dataset.symbols) },
    ...dataset.kinds.flatMap(({ columns: { profiles, totals, samples } }, kindIndex): Section[] => [
      { kind: SectionKind.Profiles, kindIndex, encode: (writer) => encodeProfiles(writer, profiles) },
      ...(totals === undefined
        ? []
        : [{ kind: SectionKind.Totals, kindIndex, encode: (writer: ByteWriter) => encodeStackValues(writer, totals) }]),
      { kind: SectionKind.Samples, kindIndex, encode: (writer) => encodeStackValues(writer, samples) },
    ]),
  ];
}

function describe(dataset: DatasetColumns): Omit<DatasetEntry, "sections"> {
  let minTimeNs: bigint | undefined;
  let maxTimeNs: bigint | undefined;
  const kinds: DatasetKind[] = dataset.kinds.map(({ kind, columns: { profiles, samples } }) => {
    for (let row = 0; row < profiles.count; row++) {
      const time = BigInt(profiles.timeMs[row]!) * 1_000_000n + BigInt(profiles.timeNs[row]!);
      if (minTimeNs === undefined || time < minTimeNs) minTimeNs = time;
      if (maxTimeNs === undefined || time > maxTimeNs) maxTimeNs = time;
    }
    const totals = profiles.totals.map((column) => column.reduce((sum, value) => Math.min(sum + value, Number.MAX_SAFE_INTEGER), 0));
    return { kind, profileRows: profiles.count, sampleRows: samples.row.length, totals };
  });
  assert(minTimeNs !== undefined && maxTimeNs !== undefined, "a dataset has a profile at least");
  return { tenant: dataset.tenant, service: dataset.service, minTimeNs, maxTimeNs, seriesCount: dataset.series.length, kinds };
}
