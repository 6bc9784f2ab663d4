import type { DecodedProfile } from "../../profile/decoded-profile.ts";
import { type LabelSet, labelValue } from "../../profile/labels.ts";
import type { QueuedProfile } from "../../profile/queued-profile.ts";
import type { RewrittenStrings } from "./go-type-arguments.ts";
import { isSymbolized } from "./normalize-locations.ts";
import { scratchWords, scratchZeros } from "./scratch.ts";

export type UsedSymbols = Pick<QueuedProfile, "strings" | "mappings" | "functions" | "locations" | "lines">;

/** Longer strings are copied by the engine, shorter ones in place: the call costs as much as this many bytes. */
const COPY_BY_HAND_BYTES_MAX = 96;

/**
 * Gives the symbols that the used locations need, renumbered in the order of first use.
 *
 * `functions`: equal numbers for equal functions, undefined when all are different. Locations without a mapping get a stub, so that
 * every location has one. With repository labels the build id of every mapping becomes a JSON text of repository, reference and
 * build id, from which source links are made.
 */
export function usedSymbols(
  profile: DecodedProfile,
  usedLocations: Uint32Array,
  functions: Uint32Array | undefined,
  rewritten: RewrittenStrings | undefined,
  labels: LabelSet,
): UsedSymbols {
  const source = profile.locations;
  const strings = new UsedStrings(profile, rewritten);
  const mappingNumbers = scratchZeros(profile.mappings.count + 1);
  const usedMappings: number[] = [];
  const functionNumbers = scratchZeros(profile.functions.count);
  const usedFunctions = scratchWords(profile.functions.count);
  let functionCount = 0;

  const count = usedLocations.length;
  let lineTotal = 0;
  for (let index = 0; index < count; index++) lineTotal += source.lineCount[usedLocations[index] as number] as number;
  const locations = {
    mapping: scratchWords(count),
    addressLo: scratchZeros(count),
    addressHi: scratchZeros(count),
    lineEnds: scratchWords(count),
  };
  const lines = { function: scratchWords(lineTotal), number: scratchWords(lineTotal) };
  let line = 0;
  for (let index = 0; index < count; index++) {
    const location = usedLocations[index] as number;
    const mapping = source.mapping[location] as number;
    if (mappingNumbers[mapping] === 0) mappingNumbers[mapping] = usedMappings.push(mapping);
    locations.mapping[index] = mappingNumbers[mapping] as number;
    if (!isSymbolized(profile.mappings.flags, mapping)) {
      locations.addressLo[index] = source.addressLo[location] as number;
      locations.addressHi[index] = source.addressHi[location] as number;
    }
    const first = source.lineStart[location] as number;
    const end = first + (source.lineCount[location] as number);
    for (let at = first; at < end; at++) {
      let fn = (source.lineFunction[at] as number) - 1;
      if (functions !== undefined) fn = functions[fn] as number;
      if (functionNumbers[fn] === 0) {
        usedFunctions[functionCount++] = fn;
        functionNumbers[fn] = functionCount;
      }
      const number = source.lineNumber[at] as number;
      lines.function[line] = functionNumbers[fn] as number;
      lines.number[line] = number < 0 ? 0 : number;
      line++;
    }
    locations.lineEnds[index] = line;
  }

  const outFunctions = {
    name: scratchWords(functionCount),
    systemName: scratchWords(functionCount),
    fileName: scratchWords(functionCount),
    startLine: scratchWords(functionCount),
  };
  for (let index = 0; index < functionCount; index++) {
    const fn = usedFunctions[index] as number;
    outFunctions.name[index] = strings.number(profile.functions.name[fn] as number);
    outFunctions.systemName[index] = strings.number(profile.functions.systemName[fn] as number);
    outFunctions.fileName[index] = strings.number(profile.functions.fileName[fn] as number);
    outFunctions.startLine[index] = Math.max(0, profile.functions.startLine[fn] as number);
  }
  const mappings = mappingColumns(profile, usedMappings, strings, labels);
  return { strings: strings.table(), mappings, functions: outFunctions, locations, lines };
}

function mappingColumns(
  profile: DecodedProfile,
  used: readonly number[],
  strings: UsedStrings,
  labels: LabelSet,
): QueuedProfile["mappings"] {
  const source = profile.mappings;
  const column = (from: Uint32Array, kept: (index: number) => boolean): Uint32Array =>
    Uint32Array.from(used, (mapping) => (mapping === 0 || !kept(mapping) ? 0 : (from[mapping - 1] as number)));
  const all = (): boolean => true;
  const withAddresses = (mapping: number): boolean => !isSymbolized(source.flags, mapping);
  const version = versionFields(labels);
  return {
    fileName: Uint32Array.from(used, (mapping) => (mapping === 0 ? 0 : strings.number(source.fileName[mapping - 1] as number))),
    buildId: Uint32Array.from(used, (mapping) => {
      const buildId = mapping === 0 ? 0 : (source.buildId[mapping - 1] as number);
      return version === undefined ? strings.number(buildId) : strings.add(versionText(version, strings.text(buildId)));
    }),
    startLo: column(source.startLo, withAddresses),
    startHi: column(source.startHi, withAddresses),
    limitLo: column(source.limitLo, withAddresses),
    limitHi: column(source.limitHi, withAddresses),
    offsetLo: column(source.offsetLo, withAddresses),
    offsetHi: column(source.offsetHi, withAddresses),
    flags: column(Uint32Array.from(source.flags.subarray(0, source.count)), all),
  };
}

type VersionFields = { readonly repository: string; readonly gitRef: string; readonly rootPath: string };

function versionFields(labels: LabelSet): VersionFields | undefined {
  const repository = labelValue(labels, "service_repository") ?? "";
  const gitRef = labelValue(labels, "service_git_ref") ?? "";
  const rootPath = labelValue(labels, "service_root_path") ?? "";
  return repository === "" && gitRef === "" && rootPath === "" ? undefined : { repository, gitRef, rootPath };
}

/** The form that Pyroscope's source view reads: empty fields are left out. */
function versionText({ repository, gitRef, rootPath }: VersionFields, buildId: string): string {
  const fields = { repository, git_ref: gitRef, build_id: buildId, root_path: rootPath };
  return JSON.stringify(Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== "")));
}

/** Numbers strings in the order in which they are asked for; 0 is "". */
class UsedStrings {
  readonly #profile: DecodedProfile;
  readonly #rewritten: RewrittenStrings | undefined;
  readonly #numbers: Uint32Array;
  /** Source of string i + 1: an index of the profile's table, or -1 - an index of `#added`. */
  readonly #sources: number[] = [];
  readonly #added: Uint8Array[] = [];
  #byteTotal = 0;

  constructor(profile: DecodedProfile, rewritten: RewrittenStrings | undefined) {
    this.#profile = profile;
    this.#rewritten = rewritten;
    this.#numbers = scratchZeros(profile.strings.count);
  }

  number(string: number): number {
    const index = this.#rewritten === undefined ? string : (this.#rewritten.canonical[string] as number);
    if (index === 0) return 0;
    const known = this.#numbers[index] as number;
    if (known !== 0) return known;
    const rewritten = this.#rewritten?.texts.get(index);
    this.#byteTotal += rewritten === undefined ? (this.#profile.strings.lengths[index] as number) : rewritten.length;
    const number = rewritten === undefined ? this.#sources.push(index) : this.#sources.push(-this.#added.push(rewritten));
    this.#numbers[index] = number;
    return number;
  }

  add(text: string): number {
    const bytes = Buffer.from(text);
    this.#byteTotal += bytes.length;
    return this.#sources.push(-this.#added.push(bytes));
  }

  text(string: number): string {
    const { bytes, starts, lengths } = this.#profile.strings;
    return Buffer.from(bytes.buffer, bytes.byteOffset + (starts[string] as number), lengths[string]).toString("utf8");
  }

  table(): QueuedProfile["strings"] {
    const { bytes, starts, lengths } = this.#profile.strings;
    const out = new Uint8Array(this.#byteTotal);
    const ends = new Uint32Array(this.#sources.length + 1);
    let end = 0;
    for (let index = 0; index < this.#sources.length; index++) {
      const source = this.#sources[index] as number;
      if (source < 0) {
        const added = this.#added[-1 - source] as Uint8Array;
        out.set(added, end);
        end += added.length;
      } else {
        const start = starts[source] as number;
        const length = lengths[source] as number;
        if (length <= COPY_BY_HAND_BYTES_MAX) for (let at = 0; at < length; at++) out[end + at] = bytes[start + at] as number;
        else out.set(bytes.subarray(start, start + length), end);
        end += length;
      }
      ends[index + 1] = end;
    }
    return { bytes: out, ends };
  }
}
