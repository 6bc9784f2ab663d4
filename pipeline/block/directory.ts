import type { ProfileKind } from "../profile/profile-type.ts";

/*
 * What an object holds and where: written at the end of every segment and block, and repeated in the catalog entry that
 * publishes it, so that a reader plans without reading the object and the catalog can be rebuilt from objects alone.
 */

export const SectionKind = {
  /** Label sets of the dataset. */
  Series: 1,
  /** Strings, functions, mappings, locations, stack tree. */
  Symbols: 2,
  /** One row per profile and label set: time, id, totals. One such section per profile kind. */
  Profiles: 3,
  /** Values per stack and profile row. One per profile kind. */
  Samples: 4,
  /** Values per stack and label set, summed over all profile rows. At most one per profile kind: absent where samples are as small. */
  Totals: 5,
} as const;
export type SectionKind = (typeof SectionKind)[keyof typeof SectionKind];

/** A compressed range of the object. Units: bytes from the start of the object. crc32 is over the stored (compressed) bytes. */
export type SectionEntry = {
  readonly kind: SectionKind;
  /** Index into the dataset's kinds, for Profiles, Samples and Totals; 0 otherwise. */
  readonly kindIndex: number;
  readonly offset: number;
  readonly sizeBytes: number;
  readonly rawBytes: number;
  readonly crc32: number;
};

/** A profile kind in a dataset, with what it holds of it. */
export type DatasetKind = {
  readonly kind: ProfileKind;
  readonly profileRows: number;
  readonly sampleRows: number;
  /** Sum of all values per sample type; a type whose total is 0 does not exist for queries. */
  readonly totals: readonly number[];
};

/** One service of one tenant within an object. */
export type DatasetEntry = {
  readonly tenant: string;
  readonly service: string;
  /** Of the profile rows, both inclusive. */
  readonly minTimeNs: bigint;
  readonly maxTimeNs: bigint;
  readonly seriesCount: number;
  readonly kinds: readonly DatasetKind[];
  readonly sections: readonly SectionEntry[];
};

/** Everything about a published object but its name and size. Level 0 is a segment. */
export type ObjectDirectory = {
  readonly level: number;
  readonly datasets: readonly DatasetEntry[];
};
