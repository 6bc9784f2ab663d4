import type { DecodedProfile } from "../../../../profile/decoded-profile.ts";

/** A sample of a decoded profile in words, so that tests compare meaning and not indexes. Stack leaf first; inlined frames joined by `^`. */
export type DecodedSample = {
  readonly stack: string;
  readonly values: readonly number[];
  readonly labels: Readonly<Record<string, string>>;
};

export function decodedSamples(profile: DecodedProfile): readonly DecodedSample[] {
  const { samples } = profile;
  const width = profile.sampleTypes.length;
  return Array.from({ length: samples.count }, (_, i) => ({
    stack: Array.from(
      samples.location.subarray(samples.locationStart[i]!, samples.locationStart[i]! + samples.locationCount[i]!),
      (location) => frameText(profile, location),
    ).join(";"),
    values: Array.from(samples.values.subarray(i * width, (i + 1) * width)),
    labels: Object.fromEntries(
      Array.from({ length: samples.labelCount[i]! }, (_, j) => [
        decodedString(profile, samples.labelName[samples.labelStart[i]! + j]!),
        decodedString(profile, samples.labelText[samples.labelStart[i]! + j]!),
      ]),
    ),
  }));
}

export function decodedString({ strings }: DecodedProfile, index: number): string {
  if (index >= strings.count) throw new RangeError(`string ${index} of ${strings.count}`);
  return new TextDecoder().decode(strings.bytes.subarray(strings.starts[index]!, strings.starts[index]! + strings.lengths[index]!));
}

function frameText(profile: DecodedProfile, location: number): string {
  const { locations, functions } = profile;
  if (location >= locations.count) throw new RangeError(`location ${location} of ${locations.count}`);
  const lines = Array.from({ length: locations.lineCount[location]! }, (_, j) => {
    const index = locations.lineFunction[locations.lineStart[location]! + j]!;
    if (index > functions.count) throw new RangeError(`function ${index - 1} of ${functions.count}`);
    return index === 0 ? "" : decodedString(profile, functions.name[index - 1]!);
  });
  if (lines.length > 0) return lines.join("^");
  return `!0x${((BigInt(locations.addressHi[location]!) << 32n) | BigInt(locations.addressLo[location]!)).toString(16)}`;
}
