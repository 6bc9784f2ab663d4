import { CodedError, FaultKind } from "../base/errors.ts";
import type { TenantId } from "../base/units.ts";
import type { LabelSet } from "./labels.ts";
import type { ProfileKind } from "./profile-type.ts";
import type { QueuedProfile } from "./queued-profile.ts";

/*
 * The bytes of a QueuedProfile, as they travel through the queue and between threads. Little-endian:
 *
 *   0   prefix      20 words of 32 bits, see PREFIX
 *   80  values      8-byte floats, so they come first and stay aligned
 *       columns     32-bit words, in the order of COLUMNS
 *       strings     UTF-8 bytes
 *       identity    JSON: who, what, when and the series
 *
 * Decoding makes views on the bytes and copies nothing, which is why the numbers are plain words rather than varints:
 * a message lives for seconds, and what reads it reads all of it.
 */

/** "BQP" and the version of the layout. Readers refuse every other version. */
const MAGIC = 0x02_50_51_42;
const PREFIX_WORDS = 20;
const PREFIX_BYTES = PREFIX_WORDS * 4;

/** Word of the prefix for each count; words not named are zero and reserved. */
const PREFIX = {
  magic: 0,
  totalBytes: 1,
  identityBytes: 2,
  stringBytes: 3,
  strings: 4,
  mappings: 5,
  functions: 6,
  locations: 7,
  lines: 8,
  nodes: 9,
  samples: 10,
  valuesPerSample: 11,
  /** 1: spans present, 2: traces present. */
  flags: 12,
} as const;

const FLAG_SPANS = 1;
const FLAG_TRACES = 2;
const SPAN_WORDS = 2;
const TRACE_WORDS = 4;

type Identity = {
  readonly tenant: string;
  readonly service: string;
  readonly kind: ProfileKind;
  readonly id: string;
  readonly timeNs: string;
  readonly durationNs: string;
  readonly period: number;
  readonly series: LabelSet[];
};

/**
 * Gives the bytes of a profile in a buffer of their own. A SharedArrayBuffer lets the thread that decodes, the queue and the thread that builds
 * look at the same memory: nothing is copied, and what was pulled can be delivered again.
 */
export function encodeQueuedProfile(profile: QueuedProfile, allocate: (sizeBytes: number) => ArrayBufferLike = unshared): Uint8Array {
  const { strings, mappings, functions, locations, lines, nodes, samples } = profile;
  const identity = Buffer.from(
    JSON.stringify({
      tenant: profile.tenant,
      service: profile.service,
      kind: profile.kind,
      id: Buffer.from(profile.id.buffer, profile.id.byteOffset, profile.id.byteLength).toString("hex"),
      timeNs: String(profile.timeNs),
      durationNs: String(profile.durationNs),
      period: profile.period,
      series: profile.series as LabelSet[],
    } satisfies Identity),
  );
  const columns = [
    strings.ends,
    mappings.fileName,
    mappings.buildId,
    mappings.startLo,
    mappings.startHi,
    mappings.limitLo,
    mappings.limitHi,
    mappings.offsetLo,
    mappings.offsetHi,
    mappings.flags,
    functions.name,
    functions.systemName,
    functions.fileName,
    functions.startLine,
    locations.mapping,
    locations.addressLo,
    locations.addressHi,
    locations.lineEnds,
    lines.function,
    lines.number,
    nodes.parent,
    nodes.location,
    samples.series,
    samples.stack,
  ];
  if (samples.spans !== undefined) columns.push(samples.spans);
  if (samples.traces !== undefined) columns.push(samples.traces);
  let words = 0;
  for (const column of columns) words += column.length;

  const totalBytes = PREFIX_BYTES + samples.values.length * 8 + words * 4 + strings.bytes.length + identity.length;
  const bytes = new Uint8Array(allocate(totalBytes));
  const prefix = new Uint32Array(bytes.buffer, 0, PREFIX_WORDS);
  prefix[PREFIX.magic] = MAGIC;
  prefix[PREFIX.totalBytes] = totalBytes;
  prefix[PREFIX.identityBytes] = identity.length;
  prefix[PREFIX.stringBytes] = strings.bytes.length;
  prefix[PREFIX.strings] = strings.ends.length;
  prefix[PREFIX.mappings] = mappings.fileName.length;
  prefix[PREFIX.functions] = functions.name.length;
  prefix[PREFIX.locations] = locations.mapping.length;
  prefix[PREFIX.lines] = lines.function.length;
  prefix[PREFIX.nodes] = nodes.parent.length;
  prefix[PREFIX.samples] = samples.count;
  prefix[PREFIX.valuesPerSample] = profile.kind.sampleTypes.length;
  prefix[PREFIX.flags] = (samples.spans === undefined ? 0 : FLAG_SPANS) | (samples.traces === undefined ? 0 : FLAG_TRACES);

  let offset = PREFIX_BYTES;
  new Float64Array(bytes.buffer, offset, samples.values.length).set(samples.values);
  offset += samples.values.length * 8;
  const body = new Uint32Array(bytes.buffer, offset, words);
  let word = 0;
  for (const column of columns) {
    body.set(column, word);
    word += column.length;
  }
  offset += words * 4;
  bytes.set(strings.bytes, offset);
  bytes.set(identity, offset + strings.bytes.length);
  return bytes;
}

export function shared(sizeBytes: number): SharedArrayBuffer {
  return new SharedArrayBuffer(sizeBytes);
}

function unshared(sizeBytes: number): ArrayBuffer {
  return new ArrayBuffer(sizeBytes);
}

/**
 * Gives a profile whose columns are views on `bytes`: keep the bytes unchanged as long as the profile is used. Bytes that do not
 * start at a multiple of 8 of their buffer are copied first.
 *
 * Errors: `queued_profile_corrupt` (corrupt) when the lengths contradict each other, a reference leads nowhere or the version is unknown.
 */
export function decodeQueuedProfile(bytes: Uint8Array): QueuedProfile {
  if (bytes.length < PREFIX_BYTES) throw corrupt("shorter than its prefix", { size_bytes: bytes.length });
  const aligned = bytes.byteOffset % 8 === 0 ? bytes : bytes.slice();
  const buffer = aligned.buffer;
  const base = aligned.byteOffset;
  const prefix = new Uint32Array(buffer, base, PREFIX_WORDS);
  const count = (name: keyof typeof PREFIX): number => prefix[PREFIX[name]] as number;
  if (count("magic") !== MAGIC) throw corrupt("not a queued profile of version 2", { magic: count("magic") });
  if (count("totalBytes") !== bytes.length) {
    throw corrupt("length contradicts the prefix", { size_bytes: bytes.length, stated_bytes: count("totalBytes") });
  }

  const samples = count("samples");
  const values = samples * count("valuesPerSample");
  const spanWords = (count("flags") & FLAG_SPANS) === 0 ? 0 : samples * SPAN_WORDS;
  const traceWords = (count("flags") & FLAG_TRACES) === 0 ? 0 : samples * TRACE_WORDS;
  const words =
    count("strings") +
    count("mappings") * 9 +
    count("functions") * 4 +
    count("locations") * 4 +
    count("lines") * 2 +
    count("nodes") * 2 +
    samples * 2 +
    spanWords +
    traceWords;
  if (PREFIX_BYTES + values * 8 + words * 4 + count("stringBytes") + count("identityBytes") !== bytes.length) {
    throw corrupt("counts contradict the length", { size_bytes: bytes.length });
  }

  let offset = base + PREFIX_BYTES + values * 8;
  const column = (length: number): Uint32Array => {
    const view = new Uint32Array(buffer, offset, length);
    offset += length * 4;
    return view;
  };
  const mappingCount = count("mappings");
  const functionCount = count("functions");
  const locationCount = count("locations");
  const stringEnds = column(count("strings"));
  // Property initialisers run in order, which is the order of the columns in the bytes.
  const mappings = {
    fileName: column(mappingCount),
    buildId: column(mappingCount),
    startLo: column(mappingCount),
    startHi: column(mappingCount),
    limitLo: column(mappingCount),
    limitHi: column(mappingCount),
    offsetLo: column(mappingCount),
    offsetHi: column(mappingCount),
    flags: column(mappingCount),
  };
  const functions = {
    name: column(functionCount),
    systemName: column(functionCount),
    fileName: column(functionCount),
    startLine: column(functionCount),
  };
  const locations = {
    mapping: column(locationCount),
    addressLo: column(locationCount),
    addressHi: column(locationCount),
    lineEnds: column(locationCount),
  };
  const lines = { function: column(count("lines")), number: column(count("lines")) };
  const nodes = { parent: column(count("nodes")), location: column(count("nodes")) };
  const sampleSeries = column(samples);
  const sampleStack = column(samples);
  const spans = spanWords === 0 ? undefined : column(spanWords);
  const traces = traceWords === 0 ? undefined : column(traceWords);
  const stringBytes = new Uint8Array(buffer, offset, count("stringBytes"));

  checkLastEnd("strings", stringEnds, stringBytes.length);
  checkLastEnd("lines", locations.lineEnds, lines.function.length);
  const identity = parseIdentity(buffer, offset + stringBytes.length, count("identityBytes"));
  if (identity.kind.sampleTypes.length !== count("valuesPerSample")) throw corrupt("sample types contradict the values");
  const strings = stringEnds.length;
  for (const column of [mappings.fileName, mappings.buildId, functions.name, functions.systemName, functions.fileName])
    checkBelow("string", column, strings);
  checkBelow("mapping", locations.mapping, mappingCount + 1);
  checkBelow("function", lines.function, functionCount + 1);
  checkBelow("location", nodes.location, locationCount);
  checkParents(nodes.parent);
  checkBelow("stack", sampleStack, nodes.parent.length + 1);
  checkBelow("series", sampleSeries, identity.series.length);

  return {
    tenant: identity.tenant as TenantId,
    service: identity.service,
    kind: identity.kind,
    id: Uint8Array.from(Buffer.from(identity.id, "hex")),
    timeNs: BigInt(identity.timeNs),
    durationNs: BigInt(identity.durationNs),
    period: identity.period,
    series: identity.series,
    strings: { bytes: stringBytes, ends: stringEnds },
    mappings,
    functions,
    locations,
    lines,
    nodes,
    samples: {
      count: samples,
      series: sampleSeries,
      stack: sampleStack,
      values: new Float64Array(buffer, base + PREFIX_BYTES, values),
      spans,
      traces,
    },
  };
}

function checkLastEnd(name: string, ends: Uint32Array, length: number): void {
  const last = ends.length === 0 ? 0 : (ends[ends.length - 1] as number);
  if (last !== length) throw corrupt(`ends of ${name} contradict their length`, { last_end: last, length });
}

/** What is referred to is there: whoever reads a message may index with what it says. */
function checkBelow(name: string, column: Uint32Array, limit: number): void {
  for (let i = 0; i < column.length; i++) {
    if ((column[i] as number) >= limit) throw corrupt(`refers to a ${name} that is not there`, { reference: column[i], limit });
  }
}

function checkParents(parent: Uint32Array): void {
  for (let i = 0; i < parent.length; i++) {
    if ((parent[i] as number) > i) throw corrupt("has a stack node whose parent comes after it", { node: i + 1 });
  }
}

function parseIdentity(buffer: ArrayBufferLike, offset: number, length: number): Identity {
  try {
    return JSON.parse(Buffer.from(buffer, offset, length).toString("utf8")) as Identity;
  } catch (cause) {
    throw corrupt("identity is not JSON", {}, cause);
  }
}

function corrupt(fault: string, facts: Record<string, unknown> = {}, cause?: unknown): CodedError {
  return new CodedError("queued_profile_corrupt", FaultKind.Corrupt, `queued profile: ${fault}`, { facts, cause });
}
