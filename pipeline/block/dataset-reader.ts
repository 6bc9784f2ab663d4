import type { LabelSet } from "../profile/labels.ts";
import type { ProfileKind } from "../profile/profile-type.ts";
import type { Arena } from "../symbols/arena.ts";
import type { Symbols } from "../symbols/symbols.ts";
import { type DatasetEntry, type SectionEntry, SectionKind } from "./directory.ts";
import { blockError } from "./errors.ts";
import { findSection, readProfiles, readSeries, readStackValues, readSymbols } from "./reader.ts";
import type { ProfileColumns } from "./section/profiles.ts";
import type { StackValues } from "./section/stack-values.ts";

/** Everything of a dataset but its totals, which follow from the samples. */
export type DecodedDataset = {
  readonly series: readonly LabelSet[];
  readonly symbols: Symbols;
  readonly kinds: readonly { readonly kind: ProfileKind; readonly profiles: ProfileColumns; readonly samples: StackValues }[];
};

/** The bytes of the object that hold a dataset: its sections follow each other. Units: bytes. */
export function datasetRange(dataset: DatasetEntry): { readonly offset: number; readonly sizeBytes: number } {
  const offset = Math.min(...dataset.sections.map((section) => section.offset));
  const end = Math.max(...dataset.sections.map((section) => section.offset + section.sizeBytes));
  return { offset, sizeBytes: end - offset };
}

/**
 * Decodes a dataset from the bytes of its {@link datasetRange}; with a memory, what it gives lives as long as that.
 *
 * Errors: `block_checksum_mismatch`, `block_section_corrupt`.
 */
export function decodeDataset(range: Uint8Array, dataset: DatasetEntry, memory?: Arena): DecodedDataset {
  const { offset } = datasetRange(dataset);
  const stored = (section: SectionEntry): Uint8Array =>
    range.subarray(section.offset - offset, section.offset - offset + section.sizeBytes);
  const need = (kind: SectionKind, kindIndex: number): SectionEntry => {
    const section = findSection(dataset, kind, kindIndex);
    if (section === undefined)
      throw blockError("block_section_corrupt", `dataset ${dataset.service} lacks section ${kind} of profile kind ${kindIndex}`);
    return section;
  };
  const series = need(SectionKind.Series, 0);
  const symbols = need(SectionKind.Symbols, 0);
  const decoded = {
    series: readSeries(stored(series), series),
    symbols: readSymbols(stored(symbols), symbols, memory),
    kinds: dataset.kinds.map(({ kind }, index) => {
      const profiles = need(SectionKind.Profiles, index);
      const samples = need(SectionKind.Samples, index);
      return {
        kind,
        profiles: readProfiles(stored(profiles), profiles, dataset, memory),
        samples: readStackValues(stored(samples), samples, dataset, memory),
      };
    }),
  };
  const nodes = decoded.symbols.nodes.parent.length;
  for (const { samples } of decoded.kinds) {
    if (samples.stacks.length > 0 && samples.stacks[samples.stacks.length - 1]! > nodes)
      throw blockError("block_section_corrupt", "a sample of a stack that is not there");
  }
  return decoded;
}
