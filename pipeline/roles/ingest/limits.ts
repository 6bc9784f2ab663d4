import { HOUR_MS, MIB, MINUTE_MS } from "../../base/units.ts";

/**
 * What one tenant may send. 0 means no bound, for every field.
 *
 * The defaults are those of Pyroscope 2, so that what it accepts is accepted here.
 */
export type IngestLimits = {
  /** Token bucket over uncompressed profile bytes and label bytes. */
  readonly ingestionRateBytesPerSecond: number;
  readonly ingestionBurstBytes: number;
  /** One request, as received and decompressed. */
  readonly bodyBytesMax: number;
  /** One profile, uncompressed. */
  readonly profileBytesMax: number;
  readonly samplesMax: number;
  readonly sampleLabelsMax: number;
  /** Deeper stacks lose the frames of the leaf side. */
  readonly stackDepthMax: number;
  /** Longer strings lose their head. */
  readonly symbolBytesMax: number;
  readonly labelNamesMax: number;
  readonly labelNameBytesMax: number;
  readonly labelValueBytesMax: number;
  /** Turns `.` of label names into `_` and refuses what is then not `[a-zA-Z_][a-zA-Z0-9_]*`. Off: any UTF-8 name is taken as it is. */
  readonly sanitizeLabelNames: boolean;
  /** Distinct `__session_id__` values kept per series. 0: the label is dropped. */
  readonly sessionsPerSeriesMax: number;
  readonly rejectNewerThanMs: number;
  readonly rejectOlderThanMs: number;
};

export const DEFAULT_LIMITS: IngestLimits = {
  ingestionRateBytesPerSecond: 64 * MIB,
  ingestionBurstBytes: 128 * MIB,
  bodyBytesMax: 256 * MIB,
  profileBytesMax: 4 * MIB,
  samplesMax: 16_000,
  sampleLabelsMax: 100,
  stackDepthMax: 1000,
  symbolBytesMax: 65_535,
  labelNamesMax: 30,
  labelNameBytesMax: 1024,
  labelValueBytesMax: 2048,
  sanitizeLabelNames: false,
  sessionsPerSeriesMax: 0,
  rejectNewerThanMs: 10 * MINUTE_MS,
  rejectOlderThanMs: HOUR_MS,
};
