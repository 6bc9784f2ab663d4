import { STEP_ELEMENTS, type Steps } from "../../../base/steps.ts";
import type { MergedStacks } from "../merged-stacks.ts";
import { ProtoWriter } from "./proto-writer.ts";

/** What a merged profile says about itself. Units: `endMs` ms since 1970. */
export type PprofHeader = { readonly profileTypeId: string; readonly endMs: number };

/** google.v1.Profile; no bytes at all when nothing was selected. */
export function* encodePprof(stacks: MergedStacks, header: PprofHeader): Steps<Uint8Array> {
  const writer = new ProtoWriter(estimateBytes(stacks));
  yield* writePprof(writer, stacks, header);
  return writer.finish();
}

/** querier.v1.SelectMergeStacktracesResponse with the profile inside. */
export function* encodePprofResponse(stacks: MergedStacks, header: PprofHeader): Steps<Uint8Array> {
  const writer = new ProtoWriter(estimateBytes(stacks) + 16);
  const response = writer.begin(5);
  const profile = writer.begin(1);
  yield* writePprof(writer, stacks, header);
  writer.end(profile);
  writer.end(response);
  return writer.finish();
}

/** Parts of `<name>:<sample type>:<sample unit>:<period type>:<period unit>`. */
export type ProfileTypeParts = {
  readonly name: string;
  readonly type: string;
  readonly unit: string;
  readonly periodType: string;
  readonly periodUnit: string;
};

export function profileTypeParts(id: string): ProfileTypeParts {
  const [name = "", type = "", unit = "", periodType = "", periodUnit = ""] = id.split(":");
  return { name, type, unit, periodType, periodUnit };
}

function* writePprof(writer: ProtoWriter, stacks: MergedStacks, { profileTypeId, endMs }: PprofHeader): Steps<void> {
  if (stacks.values.length === 0) return;
  const parts = profileTypeParts(profileTypeId);
  // The names of the types go behind the strings of the symbols.
  const stringCount = stacks.strings.ends.length;
  const typeTexts = [parts.type, parts.unit, parts.periodType, parts.periodUnit];
  const [type, unit, periodType, periodUnit] = typeTexts.map((text, i) => (text === "" ? 0 : stringCount + i)) as [
    number,
    number,
    number,
    number,
  ];

  writeValueType(writer, 1, type, unit);
  yield* writeSamples(writer, stacks);
  writeMappings(writer, stacks);
  yield* writeLocations(writer, stacks);
  yield* writeFunctions(writer, stacks);
  let start = 0;
  for (let i = 0; i < stringCount; i++) {
    if (i % STEP_ELEMENTS === 0) yield;
    const end = stacks.strings.ends[i] as number;
    writer.bytes(6, stacks.strings.bytes, start, end - start);
    start = end;
  }
  for (const text of typeTexts) writer.stringAlways(6, text);
  const timeNs = BigInt(endMs) * 1_000_000n;
  writer.uint64(9, Number(timeNs & 0xffffffffn), Number(timeNs >> 32n));
  writeValueType(writer, 11, periodType, periodUnit);
  writer.uint(12, guessedPeriod(parts.name));
  writer.uint(14, type);
}

/** Merged profiles may have had different periods; readers want one. Source: api.md 3.5, "pprof". */
function guessedPeriod(name: string): number {
  if (name === "process_cpu") return 1_000_000_000;
  if (name === "memory") return 512 * 1024;
  return 1;
}

function writeValueType(writer: ProtoWriter, field: number, type: number, unit: number): void {
  const mark = writer.begin(field);
  writer.uint(1, type);
  writer.uint(2, unit);
  writer.end(mark);
}

function* writeSamples(writer: ProtoWriter, { stackLocations, stackEnds, values }: MergedStacks): Steps<void> {
  let start = 0;
  let written = 0;
  for (let stack = 0; stack < values.length; stack++) {
    // Stacks may be deep: what counts is their locations.
    if (start - written >= STEP_ELEMENTS) {
      written = start;
      yield;
    }
    const end = stackEnds[stack] as number;
    const sample = writer.begin(2);
    const ids = writer.begin(1);
    for (let i = start; i < end; i++) writer.varint((stackLocations[i] as number) + 1);
    writer.end(ids);
    const packed = writer.begin(2);
    writer.varint(values[stack] as number);
    writer.end(packed);
    writer.end(sample);
    start = end;
  }
}

function writeMappings(writer: ProtoWriter, { mappings }: MergedStacks): void {
  for (let i = 0; i < mappings.fileName.length; i++) {
    const mark = writer.begin(3);
    writer.uint(1, i + 1);
    writer.uint64(2, mappings.startLo[i] as number, mappings.startHi[i] as number);
    writer.uint64(3, mappings.limitLo[i] as number, mappings.limitHi[i] as number);
    writer.uint64(4, mappings.offsetLo[i] as number, mappings.offsetHi[i] as number);
    writer.uint(5, mappings.fileName[i] as number);
    writer.uint(6, mappings.buildId[i] as number);
    const flags = mappings.flags[i] as number;
    for (let bit = 0; bit < 4; bit++) writer.bool(7 + bit, (flags & (1 << bit)) !== 0);
    writer.end(mark);
  }
}

function* writeLocations(writer: ProtoWriter, { locations, lines }: MergedStacks): Steps<void> {
  let line = 0;
  for (let i = 0; i < locations.mapping.length; i++) {
    if (i % STEP_ELEMENTS === 0) yield;
    const mark = writer.begin(4);
    writer.uint(1, i + 1);
    writer.uint(2, locations.mapping[i] as number);
    writer.uint64(3, locations.addressLo[i] as number, locations.addressHi[i] as number);
    for (const end = locations.lineEnds[i] as number; line < end; line++) {
      const lineMark = writer.begin(4);
      writer.uint(1, lines.function[line] as number);
      writer.uint(2, lines.number[line] as number);
      writer.end(lineMark);
    }
    writer.end(mark);
  }
}

function* writeFunctions(writer: ProtoWriter, { functions }: MergedStacks): Steps<void> {
  for (let i = 0; i < functions.name.length; i++) {
    if (i % STEP_ELEMENTS === 0) yield;
    const mark = writer.begin(5);
    writer.uint(1, i + 1);
    writer.uint(2, functions.name[i] as number);
    writer.uint(3, functions.systemName[i] as number);
    writer.uint(4, functions.fileName[i] as number);
    writer.uint(5, functions.startLine[i] as number);
    writer.end(mark);
  }
}

function estimateBytes(stacks: MergedStacks): number {
  return (
    1024 +
    stacks.strings.bytes.length +
    stacks.strings.ends.length * 3 +
    stacks.stackLocations.length * 3 +
    stacks.locations.mapping.length * 16 +
    stacks.functions.name.length * 16
  );
}
