import { CodedError, FaultKind } from "../base/errors.ts";
import type { DecodedProfile } from "./decoded-profile.ts";

/*
 * The tables that a reader fills: a DecodedProfile whose arrays have room to spare and are kept from profile to profile.
 */

const START_SAMPLES = 1024;
const START_STRINGS = 4096;

export function emptyProfile(): DecodedProfile {
  return {
    timeNs: 0n,
    durationNs: 0n,
    period: 0,
    periodType: { type: "", unit: "" },
    sampleTypes: [],
    defaultSampleType: 0,
    strings: { count: 0, bytes: new Uint8Array(0), starts: new Uint32Array(START_STRINGS), lengths: new Uint32Array(START_STRINGS) },
    mappings: {
      count: 0,
      startLo: new Uint32Array(16),
      startHi: new Uint32Array(16),
      limitLo: new Uint32Array(16),
      limitHi: new Uint32Array(16),
      offsetLo: new Uint32Array(16),
      offsetHi: new Uint32Array(16),
      fileName: new Uint32Array(16),
      buildId: new Uint32Array(16),
      flags: new Uint8Array(16),
    },
    functions: {
      count: 0,
      name: new Uint32Array(START_SAMPLES),
      systemName: new Uint32Array(START_SAMPLES),
      fileName: new Uint32Array(START_SAMPLES),
      startLine: new Int32Array(START_SAMPLES),
    },
    locations: {
      count: 0,
      mapping: new Uint32Array(START_SAMPLES),
      addressLo: new Uint32Array(START_SAMPLES),
      addressHi: new Uint32Array(START_SAMPLES),
      folded: new Uint8Array(START_SAMPLES),
      lineStart: new Uint32Array(START_SAMPLES),
      lineCount: new Uint32Array(START_SAMPLES),
      lineTotal: 0,
      lineFunction: new Uint32Array(START_SAMPLES),
      lineNumber: new Int32Array(START_SAMPLES),
    },
    samples: {
      count: 0,
      locationStart: new Uint32Array(START_SAMPLES),
      locationCount: new Uint32Array(START_SAMPLES),
      location: new Uint32Array(START_SAMPLES * 16),
      values: new Float64Array(START_SAMPLES * 2),
      labelStart: new Uint32Array(START_SAMPLES),
      labelCount: new Uint32Array(START_SAMPLES),
      labelName: new Uint32Array(START_SAMPLES),
      labelText: new Uint32Array(START_SAMPLES),
    },
  };
}

/** Sets all counts to 0 and forgets what is not a column. */
export function clearProfile(profile: DecodedProfile): void {
  profile.timeNs = 0n;
  profile.durationNs = 0n;
  profile.period = 0;
  profile.periodType = { type: "", unit: "" };
  profile.sampleTypes = [];
  profile.defaultSampleType = 0;
  profile.strings.count = 0;
  profile.mappings.count = 0;
  profile.functions.count = 0;
  profile.locations.count = 0;
  profile.locations.lineTotal = 0;
  profile.samples.count = 0;
}

/** The columns of a table that have one element per row of the same thing, and so grow together. */
export const GROUPS = {
  strings: ["starts", "lengths"],
  mappings: ["startLo", "startHi", "limitLo", "limitHi", "offsetLo", "offsetHi", "fileName", "buildId", "flags"],
  functions: ["name", "systemName", "fileName", "startLine"],
  locations: ["mapping", "addressLo", "addressHi", "folded", "lineStart", "lineCount"],
  lines: ["lineFunction", "lineNumber"],
  samples: ["locationStart", "locationCount", "labelStart", "labelCount"],
  labels: ["labelName", "labelText"],
} as const;

/** Doubles the named columns of a table. */
export function growColumns(table: object, names: readonly string[]): void {
  const columns = table as Record<string, Uint32Array>;
  for (const name of names) columns[name] = grown(columns[name] as Uint32Array, 0);
}

/**
 * A copy with room for at least `length` elements, and for twice as many as before.
 *
 * Errors: `profile_size_limit` (invalid) when there is no memory for it.
 */
export function grown<Column extends Uint32Array | Int32Array | Uint8Array | Float64Array>(column: Column, length: number): Column {
  const Constructor = column.constructor as new (length: number) => Column;
  const larger = allocated(Constructor, Math.max(length, column.length * 2));
  larger.set(column);
  return larger;
}

/** Without limits a tenant can send what no memory holds: that is the sender's fault, and ends its profile alone. */
function allocated<Column>(Constructor: new (length: number) => Column, length: number): Column {
  try {
    return new Constructor(length);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new CodedError(
      "profile_size_limit",
      FaultKind.Invalid,
      `profile has a table of ${length} elements, for which there is no memory`,
      { cause },
    );
  }
}
