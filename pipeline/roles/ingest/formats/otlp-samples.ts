import type { SampleTable } from "../../../profile/decoded-profile.ts";
import { Wire } from "../../../profile/wire-cursor.ts";
import { discardFault } from "../discard.ts";
import { Uint32Column } from "./otlp-columns.ts";
import { ATTRIBUTE_LABEL, ATTRIBUTE_SERVICE, type OtlpDictionary } from "./otlp-dictionary.ts";
import type { OtlpSymbols } from "./otlp-symbols.ts";
import { malformed, WireReader } from "./otlp-wire.ts";

/**
 * Bounds for memory, whatever the tenant's limits allow: samples of one profile take up to 32 bytes each, labels 8. A profile of a minute has some
 * ten thousand samples.
 */
export const SAMPLES_MAX = 4 * 1024 * 1024;
export const SAMPLE_LABELS_MAX = 16 * 1024 * 1024;
export const SAMPLE_ATTRIBUTES_MAX = 64 * 1024;

/** Where the Sample messages of a profile lie in the request. */
export type SampleRanges = { readonly starts: Uint32Column; readonly ends: Uint32Column };

/** The samples that name one service (`undefined`: none); `samples` are their numbers, absent when it is all of them. */
export type ServiceSamples = { readonly service: string | undefined; readonly samples: Uint32Column | undefined };

export type OtlpSampleReader = {
  /** Groups the samples by the service they name, in order of appearance. One group when none names any. */
  split(ranges: SampleRanges): readonly ServiceSamples[];
  /**
   * The samples of one group as a table, values multiplied by `factor`; their stacks and strings are asked from the symbols.
   * Errors: `malformed_profile`.
   */
  read(ranges: SampleRanges, group: ServiceSamples, factor: number): SampleTable;
};

export function createOtlpSampleReader(dictionary: OtlpDictionary, symbols: OtlpSymbols): OtlpSampleReader {
  const wire = new WireReader(dictionary.strings.bytes);
  const { attributes, links, stacks } = dictionary;
  const attributeIndexes = new Uint32Column();
  const labelName = new Uint32Column();
  const labelText = new Uint32Column();
  let values = new Float64Array(0);
  let locationStart = new Uint32Array(0);
  let locationCount = new Uint32Array(0);
  let labelStart = new Uint32Array(0);
  let labelCount = new Uint32Array(0);
  // Of the sample read last.
  let stack = 0;
  let link = 0;
  let value = 0;

  function reserve(count: number): void {
    if (values.length >= count) return;
    const room = Math.max(count, values.length * 2);
    values = new Float64Array(room);
    locationStart = new Uint32Array(room);
    locationCount = new Uint32Array(room);
    labelStart = new Uint32Array(room);
    labelCount = new Uint32Array(room);
  }

  function readSample(index: number, ranges: SampleRanges): void {
    wire.position = ranges.starts.at(index);
    wire.end = ranges.ends.at(index);
    attributeIndexes.clear();
    stack = 0;
    link = 0;
    let valueCount = 0;
    let valueSum = 0;
    let timestampCount = 0;
    while (wire.next()) {
      switch (wire.field) {
        case 1:
          stack = wire.index();
          break;
        case 2:
          if (wire.wireType === Wire.Bytes) {
            const outer = wire.enter();
            // One more than allowed is enough to know.
            while (wire.position < wire.end && attributeIndexes.count <= SAMPLE_ATTRIBUTES_MAX) attributeIndexes.push(wire.packedIndex());
            wire.position = wire.end;
            wire.leave(outer);
          } else attributeIndexes.push(wire.index());
          break;
        case 3:
          link = wire.index();
          break;
        case 4:
          if (wire.wireType === Wire.Bytes) {
            const outer = wire.enter();
            for (; wire.position < wire.end; valueCount++) valueSum += wire.packedInteger();
            wire.leave(outer);
          } else {
            valueSum += wire.integer();
            valueCount++;
          }
          break;
        case 5:
          if (wire.wireType === Wire.Bytes) {
            const { start, end } = wire.range();
            if ((end - start) % 8 !== 0) throw malformed(`the timestamps of sample ${index} are not whole 64-bit numbers`);
            timestampCount += (end - start) / 8;
          } else {
            wire.expect(Wire.Fixed64);
            wire.skip();
            timestampCount++;
          }
          break;
        default:
          wire.skip();
      }
    }
    if (attributeIndexes.count > SAMPLE_ATTRIBUTES_MAX) {
      throw discardFault("sample_labels_limit", `sample ${index} has ${attributeIndexes.count} attributes`, { sample: index });
    }
    // A stack table left out has its zero value all the same: the empty stack.
    if (stack >= stacks.count && !(stack === 0 && stacks.count === 0)) throw outOfBounds(index, "stack", stack, stacks.count);
    if (link !== 0 && link >= links.count) throw outOfBounds(index, "link", link, links.count);
    for (let i = 0; i < attributeIndexes.count; i++) {
      if (attributeIndexes.at(i) >= attributes.count) throw outOfBounds(index, "attribute", attributeIndexes.at(i), attributes.count);
    }
    if (valueCount === 0 && timestampCount === 0) throw malformed(`sample ${index} has neither values nor timestamps`, { sample: index });
    if (valueCount > 1 && timestampCount > 0 && valueCount !== timestampCount) {
      throw malformed(`sample ${index} has ${valueCount} values for ${timestampCount} timestamps`, { sample: index });
    }
    value = valueCount === 0 ? timestampCount : valueSum;
  }

  /** Of the sample read last, as a string index: 0 for none; a later attribute wins. */
  function sampleService(): number {
    let service = 0;
    for (let i = 0; i < attributeIndexes.count; i++) {
      const attribute = attributeIndexes.at(i);
      if (attributes.use[attribute] === ATTRIBUTE_SERVICE && attributes.text[attribute] !== 0) service = attributes.text[attribute]!;
    }
    return service;
  }

  function addLabels(): void {
    for (let i = 0; i < attributeIndexes.count; i++) {
      const attribute = attributeIndexes.at(i);
      if (attributes.use[attribute] !== ATTRIBUTE_LABEL) continue;
      const text = symbols.string(attributes.text[attribute]!);
      if (text === 0) continue;
      labelName.push(symbols.string(attributes.key[attribute]!));
      labelText.push(text);
    }
    if (link === 0) return;
    if (links.span[link] !== 0) {
      labelName.push(symbols.string(links.spanName));
      labelText.push(symbols.string(links.span[link]!));
    }
    if (links.trace[link] !== 0) {
      labelName.push(symbols.string(links.traceName));
      labelText.push(symbols.string(links.trace[link]!));
    }
  }

  return {
    split(ranges) {
      const everything: ServiceSamples = { service: undefined, samples: undefined };
      if (!dictionary.namesServices) return [everything];
      // By text: the same service may stand in the dictionary more than once.
      const groups = new Map<string, Uint32Column>();
      for (let index = 0; index < ranges.starts.count; index++) {
        readSample(index, ranges);
        const service = dictionary.strings.text(sampleService());
        let samples = groups.get(service);
        if (samples === undefined) groups.set(service, (samples = new Uint32Column()));
        samples.push(index);
      }
      if (groups.size === 0) return [everything];
      return [...groups].map(([service, samples]) => ({ service: service === "" ? undefined : service, samples }));
    },

    read(ranges, group, factor) {
      const count = group.samples?.count ?? ranges.starts.count;
      reserve(count);
      labelName.clear();
      labelText.clear();
      for (let row = 0; row < count; row++) {
        const index = group.samples === undefined ? row : group.samples.at(row);
        readSample(index, ranges);
        const total = value * factor;
        if (!Number.isSafeInteger(total)) throw malformed(`the value of sample ${index} is beyond 2^53 - 1`, { sample: index });
        values[row] = total;
        labelStart[row] = labelName.count;
        addLabels();
        labelCount[row] = labelName.count - labelStart[row]!;
        if (labelName.count > SAMPLE_LABELS_MAX) {
          throw discardFault(
            "sample_labels_limit",
            `the samples of a profile have more than ${SAMPLE_LABELS_MAX} labels: send smaller profiles`,
          );
        }
        locationStart[row] = symbols.stack(stack);
        locationCount[row] = symbols.stackDepth(stack);
      }
      return {
        count,
        locationStart,
        locationCount,
        location: symbols.stackLocations(),
        values,
        labelStart,
        labelCount,
        labelName: labelName.array,
        labelText: labelText.array,
      };
    },
  };
}

function outOfBounds(sample: number, table: string, index: number, count: number): Error {
  return malformed(`sample ${sample} refers to ${table} ${index}, but the dictionary has ${count}`, { sample, index, count });
}
