import type { ValueType } from "./profile-type.ts";

/**
 * In place of an index: the sender refers to something that is not in the profile. Normalisation drops the location, and with
 * it the samples that use it.
 */
export const MISSING = 0xffffffff;

/**
 * A profile as its sender wrote it, in index form: what the readers of the formats (pprof, OTLP, folded text) give and
 * what `normalize` takes. Typed arrays, no object per sample or location.
 *
 * Shape: all references are indexes into the tables here (never the ids of the wire). String 0 is "". The arrays may be longer than
 * the counts: they belong to a reader that reuses them, so a consumer must be done before the next profile is decoded.
 * Units: values as the sample types say; addresses are two unsigned 32-bit halves.
 */
export type DecodedProfile = {
  timeNs: bigint;
  durationNs: bigint;
  /** Period as a number; above 2^53 it is refused by the reader. */
  period: number;
  periodType: ValueType;
  sampleTypes: ValueType[];
  /** Index of the default sample type's name in the string table, 0 when not given. */
  defaultSampleType: number;

  strings: StringTable;
  mappings: MappingTable;
  functions: FunctionTable;
  locations: LocationTable;
  samples: SampleTable;
};

/** String i is bytes[starts[i] .. starts[i] + lengths[i]], UTF-8. */
export type StringTable = {
  count: number;
  bytes: Uint8Array;
  starts: Uint32Array;
  lengths: Uint32Array;
};

/**
 * Set by readers of protocols whose senders leave native frames to be named by the server (OTLP): frames without a function are then shown
 * by their address wherever they are in a stack. See docs/decisions/0003-native-frames.md.
 */
export const MAPPING_SHOWS_ADDRESSES = 16;

/** fileName, buildId: string indexes. flags: 1 has functions, 2 filenames, 4 line numbers, 8 inline frames, {@link MAPPING_SHOWS_ADDRESSES}. */
export type MappingTable = {
  count: number;
  startLo: Uint32Array;
  startHi: Uint32Array;
  limitLo: Uint32Array;
  limitHi: Uint32Array;
  offsetLo: Uint32Array;
  offsetHi: Uint32Array;
  fileName: Uint32Array;
  buildId: Uint32Array;
  flags: Uint8Array;
};

/** name, systemName, fileName: string indexes. */
export type FunctionTable = {
  count: number;
  name: Uint32Array;
  systemName: Uint32Array;
  fileName: Uint32Array;
  startLine: Int32Array;
};

/**
 * mapping: index + 1, 0 for none, or MISSING. Lines of location i are lineStart[i] .. lineStart[i] + lineCount[i] of the line columns,
 * innermost (inlined) first, as in pprof. lineFunction: function index + 1, 0 for none or missing.
 */
export type LocationTable = {
  count: number;
  mapping: Uint32Array;
  addressLo: Uint32Array;
  addressHi: Uint32Array;
  folded: Uint8Array;
  lineStart: Uint32Array;
  lineCount: Uint32Array;
  lineTotal: number;
  lineFunction: Uint32Array;
  lineNumber: Int32Array;
};

/**
 * Sample i: locations locationStart[i] .. + locationCount[i] (leaf first) of `location`, each an index or MISSING; values i * sampleTypes.length .. ;
 * labels labelStart[i] .. + labelCount[i] of the label columns. labelText is a string index, 0 for a numeric label (whose number
 * nobody keeps: normalisation drops numeric labels).
 */
export type SampleTable = {
  count: number;
  locationStart: Uint32Array;
  locationCount: Uint32Array;
  location: Uint32Array;
  values: Float64Array;
  labelStart: Uint32Array;
  labelCount: Uint32Array;
  labelName: Uint32Array;
  labelText: Uint32Array;
};
