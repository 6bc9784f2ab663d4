/*
 * Makes many different profiles of one real one: what a service's pods send over time. Works on the bytes of the wire
 * (symbols stay as the producer wrote them) and shares no code with our reader, because it also makes test data for it.
 */

/** A pprof file cut into what varies and what does not. */
export type PprofParts = {
  /** Everything but samples, time and duration, as it was. */
  readonly rest: Uint8Array;
  readonly samples: readonly PprofSample[];
  readonly durationNanos: bigint;
};

export type PprofSample = {
  /** Location ids and labels, as they were. */
  readonly fixed: Uint8Array;
  readonly values: readonly number[];
  /** Locations of its stacktrace. */
  readonly depth: number;
};

const FIELD_SAMPLE = 2;
const FIELD_TIME_NANOS = 9;
const FIELD_DURATION_NANOS = 10;
const SAMPLE_FIELD_LOCATION = 1;
const SAMPLE_FIELD_VALUE = 2;

/** Shape: plain (not gzipped) pprof bytes whose values are below 2^53. Throws on other bytes: the corpus is ours. */
export function cutPprof(raw: Uint8Array): PprofParts {
  const rest: Uint8Array[] = [];
  const samples: PprofSample[] = [];
  let durationNanos = 0n;
  for (const field of fieldsOf(raw)) {
    if (field.number === FIELD_SAMPLE) samples.push(cutSample(field.payload));
    else if (field.number === FIELD_DURATION_NANOS) durationNanos = field.value;
    else if (field.number !== FIELD_TIME_NANOS) rest.push(field.whole);
  }
  return { rest: Buffer.concat(rest), samples, durationNanos };
}

/** `scale` gives each sample's factor: 0 leaves the sample out. The values of one sample keep their proportion. */
export function varyPprof(parts: PprofParts, timeNanos: bigint, scale: (sample: number) => number): { raw: Buffer; sums: number[] } {
  const chunks: Uint8Array[] = [parts.rest];
  const sums: number[] = [];
  parts.samples.forEach((sample, index) => {
    const factor = scale(index);
    if (factor === 0) return;
    const values = sample.values.map((value) => value * factor);
    values.forEach((value, type) => {
      sums[type] = (sums[type] ?? 0) + value;
    });
    const packed = Buffer.concat(values.map((value) => varint(BigInt(value))));
    const body = Buffer.concat([sample.fixed, tag(SAMPLE_FIELD_VALUE, 2), varint(BigInt(packed.length)), packed]);
    chunks.push(tag(FIELD_SAMPLE, 2), varint(BigInt(body.length)), body);
  });
  chunks.push(tag(FIELD_TIME_NANOS, 0), varint(timeNanos), tag(FIELD_DURATION_NANOS, 0), varint(parts.durationNanos));
  return { raw: Buffer.concat(chunks), sums };
}

function cutSample(bytes: Uint8Array): PprofSample {
  const fixed: Uint8Array[] = [];
  const values: number[] = [];
  const locations: number[] = [];
  for (const field of fieldsOf(bytes)) {
    if (field.number === SAMPLE_FIELD_VALUE) readNumbers(field, values);
    else fixed.push(field.whole);
    if (field.number === SAMPLE_FIELD_LOCATION) readNumbers(field, locations);
  }
  return { fixed: Buffer.concat(fixed), values, depth: locations.length };
}

/** Repeated numbers come packed or one by one. */
function readNumbers(field: Field, into: number[]): void {
  if (field.wireType === 0) into.push(Number(BigInt.asIntN(64, field.value)));
  else for (let at = 0; at < field.payload.length; ) at = readInto(field.payload, at, into);
}

type Field = {
  readonly number: number;
  readonly wireType: number;
  readonly value: bigint;
  readonly payload: Uint8Array;
  readonly whole: Uint8Array;
};

function* fieldsOf(bytes: Uint8Array): Generator<Field> {
  for (let at = 0; at < bytes.length; ) {
    const start = at;
    const key = readVarint(bytes, at);
    const wireType = Number(key.value & 7n);
    const number = Number(key.value >> 3n);
    const first = readVarint(bytes, key.end);
    if (wireType !== 0 && wireType !== 2) throw new Error(`field ${number} has wire type ${wireType}, which pprof does not use`);
    const payloadEnd = wireType === 2 ? first.end + Number(first.value) : first.end;
    at = payloadEnd;
    yield {
      number,
      wireType,
      value: first.value,
      payload: bytes.subarray(first.end, payloadEnd),
      whole: bytes.subarray(start, payloadEnd),
    };
  }
}

function readInto(bytes: Uint8Array, at: number, values: number[]): number {
  const { value, end } = readVarint(bytes, at);
  values.push(Number(BigInt.asIntN(64, value)));
  return end;
}

function readVarint(bytes: Uint8Array, from: number): { readonly value: bigint; readonly end: number } {
  let value = 0n;
  for (let at = from, shift = 0n; at < bytes.length; at++, shift += 7n) {
    const byte = bytes[at]!;
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return { value, end: at + 1 };
  }
  throw new Error(`a varint runs past the end at offset ${from}`);
}

function tag(field: number, wireType: number): Buffer {
  return varint(BigInt((field << 3) | wireType));
}

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}
