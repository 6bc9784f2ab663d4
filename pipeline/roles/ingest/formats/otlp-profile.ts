import { CodedError } from "../../../base/errors.ts";
import type { DecodedProfile } from "../../../profile/decoded-profile.ts";
import { discardFault } from "../discard.ts";
import { Uint32Column } from "./otlp-columns.ts";
import type { OtlpDictionary } from "./otlp-dictionary.ts";
import { createOtlpSampleReader, SAMPLES_MAX, type SampleRanges, type ServiceSamples } from "./otlp-samples.ts";
import { createOtlpSymbols } from "./otlp-symbols.ts";
import { malformed, type WireRange, WireReader } from "./otlp-wire.ts";

/** A profile of one service: `service` is undefined where the samples name none, so that the resource decides. */
export type ReadProfile =
  | { readonly ok: true; readonly name: string; readonly service: string | undefined; readonly decoded: DecodedProfile }
  | { readonly ok: false; readonly fault: CodedError };

/** What a profile is when it does not say how long it lasted; Pyroscope assumes the same. */
const DURATION_DEFAULT_NS = 10_000_000_000n;
const INT64_MAX = 2n ** 63n - 1n;

/**
 * Reads profiles (Profile messages) of one request, one at a time, into a DecodedProfile whose arrays are used again for the next one.
 * A profile comes back once per service that its samples name. One with a fault comes back once, with the fault; only a value too large for us
 * may be found after another service's part was given.
 */
export function createOtlpProfileReader(
  dictionary: OtlpDictionary,
  nowNs: bigint,
): { read(range: WireRange): Generator<ReadProfile, void, undefined> } {
  const wire = new WireReader(dictionary.strings.bytes);
  const symbols = createOtlpSymbols(dictionary);
  const sampleReader = createOtlpSampleReader(dictionary, symbols);

  const samples: SampleRanges = { starts: new Uint32Column(), ends: new Uint32Column() };

  function build(head: ProfileHead, kind: OtlpKind, group: ServiceSamples): DecodedProfile {
    symbols.clear();
    const table = sampleReader.read(samples, group, kind.factor);
    return {
      timeNs: head.timeNs === 0n ? nowNs : head.timeNs,
      durationNs: head.durationNs === 0n ? DURATION_DEFAULT_NS : head.durationNs,
      period: head.period,
      periodType: head.periodType,
      sampleTypes: [kind.sampleType],
      defaultSampleType: 0,
      ...symbols.tables(),
      samples: table,
    };
  }

  return {
    *read(range) {
      let head: ProfileHead;
      let kind: OtlpKind;
      let groups: readonly ServiceSamples[];
      try {
        wire.seek(range);
        head = readHead(wire, dictionary, samples);
        kind = profileKind(head);
        groups = sampleReader.split(samples);
      } catch (fault) {
        yield rejected(fault);
        return;
      }
      for (const group of groups) {
        let read: ReadProfile;
        try {
          read = { ok: true, name: kind.name, service: group.service, decoded: build(head, kind, group) };
        } catch (fault) {
          read = rejected(fault);
        }
        yield read;
      }
    },
  };
}

/** What is wrong with the input is told; anything else is a defect of ours and goes up. */
function rejected(fault: unknown): ReadProfile {
  if (!(fault instanceof CodedError)) throw fault;
  return { ok: false, fault };
}

type ValueTypeText = { readonly type: string; readonly unit: string };

type ProfileHead = {
  sampleType: ValueTypeText | undefined;
  periodType: ValueTypeText;
  period: number;
  timeNs: bigint;
  durationNs: bigint;
};

function readHead(wire: WireReader, dictionary: OtlpDictionary, samples: SampleRanges): ProfileHead {
  samples.starts.clear();
  samples.ends.clear();
  const head: ProfileHead = { sampleType: undefined, periodType: { type: "", unit: "" }, period: 0, timeNs: 0n, durationNs: 0n };
  while (wire.next()) {
    switch (wire.field) {
      case 1:
        head.sampleType = readValueType(wire, dictionary, "the sample type");
        break;
      case 2: {
        const outer = wire.enter();
        samples.starts.push(wire.position);
        samples.ends.push(wire.end);
        wire.position = wire.end;
        wire.leave(outer);
        if (samples.starts.count > SAMPLES_MAX) {
          throw discardFault("samples_limit", `a profile has more than ${SAMPLES_MAX} samples: send smaller profiles`);
        }
        break;
      }
      case 3:
        head.timeNs = wire.unsigned64();
        if (head.timeNs > INT64_MAX) throw malformed("the profile's time is beyond the year 2262");
        break;
      case 4:
        head.durationNs = wire.unsigned64();
        if (head.durationNs > INT64_MAX) throw malformed("the profile's duration is beyond 292 years");
        break;
      case 5:
        head.periodType = readValueType(wire, dictionary, "the period type");
        break;
      case 6:
        head.period = wire.integer();
        break;
      default:
        wire.skip();
    }
  }
  return head;
}

function readValueType(wire: WireReader, { strings }: OtlpDictionary, what: string): ValueTypeText {
  let type = 0;
  let unit = 0;
  const outer = wire.enter();
  while (wire.next()) {
    if (wire.field === 1) type = wire.index();
    else if (wire.field === 2) unit = wire.index();
    else wire.skip();
  }
  wire.leave(outer);
  for (const index of [type, unit]) {
    if (index >= strings.dictionaryCount) {
      throw malformed(`${what} refers to string ${index}, but the dictionary has ${strings.dictionaryCount} strings`, { index });
    }
  }
  return { type: strings.text(type), unit: strings.text(unit) };
}

type OtlpKind = { readonly name: string; readonly sampleType: ValueTypeText /** Values are multiplied by it. */; readonly factor: number };

/**
 * The metric name and what is counted. Samples taken by the clock become the CPU time they stand for, under the name that every CPU profile
 * has; other profiles are named after their period, as in Pyroscope, and those without a period after what they count.
 */
function profileKind({ sampleType, periodType, period }: ProfileHead): OtlpKind {
  if (sampleType === undefined || sampleType.type === "") throw malformed("the profile has no sample type");
  const clockSamples =
    sampleType.type === "samples" && sampleType.unit === "count" && periodType.type === "cpu" && periodType.unit === "nanoseconds";
  if (!clockSamples) return { name: periodType.type === "" ? sampleType.type : periodType.type, sampleType, factor: 1 };
  if (period <= 0) return { name: "process_cpu", sampleType, factor: 1 };
  return { name: "process_cpu", sampleType: { type: "cpu", unit: "nanoseconds" }, factor: period };
}
