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
  const version = versionFields(labels);
  const column = (): Uint32Array => new Uint32Array(used.length);
  const fileName = column();
  const buildId = column();
  const startLo = column();
  const startHi = column();
  const limitLo = column();
  const limitHi = column();
  const offsetLo = column();
  const offsetHi = column();
  const flags = column();
  for (let index = 0; index < used.length; index++) {
    const mapping = (used[index] as number) - 1;
    const isStub = mapping < 0;
    if (!isStub) fileName[index] = strings.number(source.fileName[mapping] as number);
    const sentBuildId = isStub ? 0 : (source.buildId[mapping] as number);
    buildId[index] = version === undefined ? strings.number(sentBuildId) : strings.add(versionText(version, strings.text(sentBuildId)));
    if (isStub) continue;
    flags[index] = source.flags[mapping] as number;
    if (isSymbolized(source.flags, mapping + 1)) continue;
    startLo[index] = source.startLo[mapping] as number;
    startHi[index] = source.startHi[mapping] as number;
    limitLo[index] = source.limitLo[mapping] as number;
    limitHi[index] = source.limitHi[mapping] as number;
    offsetLo[index] = source.offsetLo[mapping] as number;
    offsetHi[index] = source.offsetHi[mapping] as number;
  }
  return { fileName, buildId, startLo, startHi, limitLo, limitHi, offsetLo, offsetHi, flags };
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
  /** Source of string i + 1: an index of the profile's table, or beyond it one of `#added`. */
  readonly #sources: Uint32Array;
  #count = 0;
  readonly #added: Uint8Array[] = [];
  #byteTotal = 0;

  constructor(profile: DecodedProfile, rewritten: RewrittenStrings | undefined) {
    this.#profile = profile;
    this.#rewritten = rewritten;
    this.#numbers = scratchZeros(profile.strings.count);
    // Each string of the profile at most once, and for each mapping at most one more.
    this.#sources = scratchWords(profile.strings.count + profile.mappings.count);
  }

  number(string: number): number {
    const index = this.#rewritten === undefined ? string : (this.#rewritten.canonical[string] as number);
    if (index === 0) return 0;
    const known = this.#numbers[index] as number;
    if (known !== 0) return known;
    const rewritten = this.#rewritten?.texts.get(index);
    const number = rewritten === undefined ? this.#take(index, this.#profile.strings.lengths[index] as number) : this.#add(rewritten);
    this.#numbers[index] = number;
    return number;
  }

  add(text: string): number {
    return this.#add(Buffer.from(text));
  }

  text(string: number): string {
    const { bytes, starts, lengths } = this.#profile.strings;
    return Buffer.from(bytes.buffer, bytes.byteOffset + (starts[string] as number), lengths[string]).toString("utf8");
  }

  table(): QueuedProfile["strings"] {
    const { bytes, starts, lengths } = this.#profile.strings;
    const sources = this.#sources;
    const own = this.#profile.strings.count;
    const out = new Uint8Array(this.#byteTotal);
    const ends = new Uint32Array(this.#count + 1);
    let end = 0;
    for (let index = 0; index < this.#count; index++) {
      const source = sources[index] as number;
      if (source >= own) {
        const added = this.#added[source - own] as Uint8Array;
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

  #add(text: Uint8Array): number {
    return this.#take(this.#profile.strings.count + this.#added.push(text) - 1, text.length);
  }

  #take(source: number, sizeBytes: number): number {
    this.#byteTotal += sizeBytes;
    this.#sources[this.#count++] = source;
    return this.#count;
  }
}
