import type { ValueType } from "./profile-type.ts";

/** A frame of a stack to be written. Frames with equal fields become one location. */
export type PprofFrame = {
  readonly name: string;
  readonly file?: string;
  readonly line?: number;
  readonly startLine?: number;
};

export type PprofSample = {
  /** Leaf first. */
  readonly stack: readonly PprofFrame[];
  /** Whole numbers, one per sample type. */
  readonly values: readonly number[];
  readonly labels?: Readonly<Record<string, string>>;
};

export type PprofHeader = {
  readonly sampleTypes: readonly ValueType[];
  readonly periodType?: ValueType;
  readonly period?: number;
  readonly timeNs?: bigint;
  readonly durationNs?: bigint;
};

/**
 * Gives an uncompressed pprof profile, for what we make ourselves: self-profiling, converted text, tests. Every frame has a name,
 * so there are no mappings and no addresses.
 *
 * Source: the message `perftools.profiles.Profile` of github.com/google/pprof, proto/profile.proto.
 */
export function encodePprof(header: PprofHeader, samples: Iterable<PprofSample>): Uint8Array<ArrayBuffer> {
  const out = new MessageWriter();
  const strings = new Map<string, number>([["", 0]]);
  const functions = new Map<string, number>();
  const locations = new Map<string, number>();
  const tables = new MessageWriter();

  const string = (text: string): number => {
    const index = strings.get(text) ?? strings.size;
    strings.set(text, index);
    return index;
  };
  const valueType = ({ type, unit }: ValueType): MessageWriter => new MessageWriter().number(1, string(type)).number(2, string(unit));
  const functionId = (frame: PprofFrame): number => {
    const key = `${frame.name}\0${frame.file ?? ""}\0${frame.startLine ?? 0}`;
    const known = functions.get(key);
    if (known !== undefined) return known;
    const id = functions.size + 1;
    functions.set(key, id);
    const name = string(frame.name);
    tables.message(
      5,
      new MessageWriter()
        .number(1, id)
        .number(2, name)
        .number(3, name)
        .number(4, string(frame.file ?? ""))
        .number(5, frame.startLine ?? 0),
    );
    return id;
  };
  const locationId = (frame: PprofFrame): number => {
    const key = `${functionId(frame)}:${frame.line ?? 0}`;
    const known = locations.get(key);
    if (known !== undefined) return known;
    const id = locations.size + 1;
    locations.set(key, id);
    const line = new MessageWriter().number(1, functionId(frame)).number(2, frame.line ?? 0);
    tables.message(4, new MessageWriter().number(1, id).message(4, line));
    return id;
  };

  for (const type of header.sampleTypes) out.message(1, valueType(type));
  for (const { stack, values, labels } of samples) {
    const sample = new MessageWriter().packed(1, stack.map(locationId)).packed(2, values);
    for (const [name, value] of Object.entries(labels ?? {})) {
      sample.message(3, new MessageWriter().number(1, string(name)).number(2, string(value)));
    }
    out.message(2, sample);
  }
  if (header.periodType !== undefined) out.message(11, valueType(header.periodType));
  out.append(tables);
  for (const text of strings.keys()) out.bytes(6, Buffer.from(text));
  return out
    .number(9, header.timeNs ?? 0n)
    .number(10, header.durationNs ?? 0n)
    .number(12, header.period ?? 0)
    .finish();
}

/** A growing protobuf message. Numbers that are 0 are left out, as proto3 does. */
class MessageWriter {
  #bytes = new Uint8Array(64);
  #length = 0;

  number(field: number, value: number | bigint): this {
    if (value === 0 || value === 0n) return this;
    this.#varint(field << 3);
    this.#varint(value);
    return this;
  }

  packed(field: number, values: readonly number[]): this {
    const packed = new MessageWriter();
    for (const value of values) packed.#varint(value);
    return this.message(field, packed);
  }

  message(field: number, message: MessageWriter): this {
    return this.bytes(field, message.#bytes.subarray(0, message.#length));
  }

  bytes(field: number, bytes: Uint8Array): this {
    this.#varint((field << 3) | 2);
    this.#varint(bytes.length);
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  append(other: MessageWriter): void {
    this.#reserve(other.#length);
    this.#bytes.set(other.#bytes.subarray(0, other.#length), this.#length);
    this.#length += other.#length;
  }

  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  #varint(value: number | bigint): void {
    this.#reserve(10);
    if (typeof value === "number" && value >= 0 && value < 0x80) {
      this.#bytes[this.#length++] = value;
      return;
    }
    let rest = BigInt.asUintN(64, BigInt(value));
    while (rest >= 0x80n) {
      this.#bytes[this.#length++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.#bytes[this.#length++] = Number(rest);
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#length + more, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}
