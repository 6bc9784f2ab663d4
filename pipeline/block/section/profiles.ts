import type { Arena } from "../../symbols/arena.ts";
import { ByteReader } from "../column/byte-reader.ts";
import type { ByteWriter } from "../column/byte-writer.ts";
import { readDelta, writeDelta } from "../column/integers.ts";
import { readValues, writeValues } from "../column/values.ts";

/**
 * One row per profile and label set, sorted by series, time and id. See FORMAT.md, "Profiles".
 *
 * Shape: columns of equal length. ids: 16 bytes a row. totals: per sample type, the sum of the row's samples.
 * Units: the time of a row is timeMs milliseconds since 1970 plus timeNs (0 to 999,999) nanoseconds; durationNs in nanoseconds, at most 2^53 - 1.
 */
export type ProfileColumns = {
  readonly count: number;
  readonly series: Uint32Array;
  readonly timeMs: Float64Array;
  readonly timeNs: Uint32Array;
  readonly durationNs: Float64Array;
  readonly period: Float64Array;
  readonly ids: Uint8Array;
  readonly totals: readonly Float64Array[];
};

export const PROFILE_ID_BYTES = 16;

export function encodeProfiles(writer: ByteWriter, profiles: ProfileColumns): void {
  const { count } = profiles;
  writer.varint(count);
  writeDelta(writer, profiles.series);
  let previousMs = 0;
  for (let i = 0; i < count; i++) {
    writer.signed(profiles.timeMs[i]! - previousMs);
    previousMs = profiles.timeMs[i]!;
  }
  writeDelta(writer, profiles.timeNs);
  writeValues(writer, [profiles.durationNs, profiles.period], oneRun(count));
  writer.raw(profiles.ids);
  writeValues(writer, profiles.totals, oneRun(count));
}

/** Errors: `block_section_corrupt`. */
export function decodeProfiles(raw: Uint8Array, sampleTypes: number, memory?: Arena): ProfileColumns {
  const reader = new ByteReader(raw, memory);
  const count = reader.count(PROFILE_ID_BYTES);
  const series = readDelta(reader, count);
  const timeMs = reader.memory.float64(count);
  let previousMs = 0;
  for (let i = 0; i < count; i++) {
    previousMs += reader.signed();
    timeMs[i] = previousMs;
  }
  const timeNs = readDelta(reader, count);
  const [durationNs, period] = readValues(reader, 2, oneRun(count)) as [Float64Array, Float64Array];
  const ids = reader.raw(count * PROFILE_ID_BYTES);
  const totals = readValues(reader, sampleTypes, oneRun(count));
  reader.end();
  return { count, series, timeMs, timeNs, durationNs, period, ids, totals };
}

function oneRun(count: number): Uint32Array {
  return Uint32Array.of(count);
}
