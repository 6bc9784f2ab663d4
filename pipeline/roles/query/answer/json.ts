import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { ProfileSchema } from "../../../api/gen/google/v1/profile_pb.ts";
import * as querier from "../../../api/gen/querier/v1/querier_pb.ts";
import * as types from "../../../api/gen/types/v1/types_pb.ts";
import { assert } from "../../../base/assert.ts";
import type { Steps } from "../../../base/steps.ts";
import { KIB } from "../../../base/units.ts";
import { JsonWriter } from "./json-writer.ts";

/** The messages that answers come in, by their full names. */
const RESPONSES: ReadonlyMap<string, DescMessage> = new Map(
  [
    ProfileSchema,
    querier.AnalyzeQueryResponseSchema,
    querier.DiffResponseSchema,
    querier.ProfileTypesResponseSchema,
    querier.SelectHeatmapResponseSchema,
    querier.SelectMergeSpanProfileResponseSchema,
    querier.SelectMergeStacktracesResponseSchema,
    querier.SelectSeriesResponseSchema,
    querier.SeriesResponseSchema,
    types.GetProfileStatsResponseSchema,
    types.LabelNamesResponseSchema,
    types.LabelValuesResponseSchema,
  ].map((schema) => [schema.typeName, schema]),
);

/** Turns the protobuf bytes of a response of the querier into its JSON. */
export function* responseJson(typeName: string, bytes: Uint8Array): Steps<Uint8Array> {
  const schema = RESPONSES.get(typeName);
  assert(schema !== undefined, "every response of the querier can be JSON");
  return yield* messageJson(schema, bytes);
}

/**
 * The JSON of a message, read from its bytes without building it: a flame graph of a million nodes would be four million bigints.
 *
 * Only for bytes of our own making: elements of a repeated field are next to each other, and fields equal to their default are not there.
 * Source: protobuf's JSON mapping; what it does not say of unknown fields is that they are left out.
 */
export function* messageJson(schema: DescMessage, bytes: Uint8Array): Steps<Uint8Array> {
  const reader = { bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), at: 0 };
  // Quotes and commas make a number of a level more than twice as long.
  const writer = new JsonWriter(64 + bytes.length * 2);
  writer.char(OBJECT_START);
  const around: OpenObject[] = [];
  let object: OpenObject | undefined = { fields: fieldsOf(schema), end: bytes.length, list: undefined, isFirst: true };
  let yieldAt = STEP_BYTES;
  while (object !== undefined) {
    if (reader.at >= yieldAt) {
      yieldAt = reader.at + STEP_BYTES;
      yield;
    }
    if (reader.at >= object.end) {
      if (object.list !== undefined) writer.char(LIST_END);
      writer.char(OBJECT_END);
      object = around.pop();
      continue;
    }
    const tag = readNumber(reader);
    const wireType = tag & 7;
    const field = object.fields.get(tag >>> 3);
    const valueEnd = endOfValue(reader, wireType);
    if (field === undefined) {
      reader.at = valueEnd;
      continue;
    }
    writeOpening(writer, object, field);
    if (field.message !== undefined) {
      writer.char(OBJECT_START);
      around.push(object);
      object = { fields: fieldsOf(field.message), end: valueEnd, list: undefined, isFirst: true };
    } else if (field.isPackable && wireType === LENGTH_DELIMITED) {
      for (let isFirst = true; reader.at < valueEnd; isFirst = false) {
        if (!isFirst) writer.char(COMMA);
        field.write(writer, reader, valueEnd);
        if (reader.at < yieldAt) continue;
        yieldAt = reader.at + STEP_BYTES;
        yield;
      }
    } else {
      field.write(writer, reader, valueEnd);
    }
  }
  return writer.finish();
}

/** What is read and written in a few ms. */
const STEP_BYTES = 64 * KIB;

type Reader = { readonly bytes: Buffer; at: number };
type Field = {
  /** `"key":` and, for a list, its bracket. */
  readonly opening: string;
  readonly isList: boolean;
  readonly isPackable: boolean;
  /** Of a message field. */
  readonly message: DescMessage | undefined;
  /** Of all others. */
  write(writer: JsonWriter, reader: Reader, end: number): void;
};
type Fields = ReadonlyMap<number, Field>;

/** An object that is being written; `list`: the field whose bracket is open. */
type OpenObject = { readonly fields: Fields; readonly end: number; list: Field | undefined; isFirst: boolean };

const LENGTH_DELIMITED = 2;
const [COMMA, LIST_END, OBJECT_START, OBJECT_END, QUOTE] = [0x2c, 0x5d, 0x7b, 0x7d, 0x22] as const;

/** What stands between the value before and a value of the field. */
function writeOpening(writer: JsonWriter, object: OpenObject, field: Field): void {
  if (field === object.list) {
    writer.char(COMMA);
  } else {
    if (object.list !== undefined) writer.char(LIST_END);
    if (!object.isFirst) writer.char(COMMA);
    writer.ascii(field.opening);
    object.list = field.isList ? field : undefined;
  }
  object.isFirst = false;
}

/** Where a value ends; of a length-delimited one the length is read, so that the reader stands at its content. */
function endOfValue(reader: Reader, wireType: number): number {
  switch (wireType) {
    case 0: {
      let at = reader.at;
      while ((reader.bytes[at] as number) > 127) at++;
      return at + 1;
    }
    case 1:
      return reader.at + 8;
    case LENGTH_DELIMITED: {
      const length = readNumber(reader);
      return reader.at + length;
    }
    default:
      assert(false, "answers have no groups and no 32-bit values");
  }
}

const fieldsBySchema = new WeakMap<DescMessage, Fields>();

function fieldsOf(schema: DescMessage): Fields {
  let fields = fieldsBySchema.get(schema);
  if (fields === undefined) {
    fields = new Map(schema.fields.map((field) => [field.number, fieldOf(field)]));
    fieldsBySchema.set(schema, fields);
  }
  return fields;
}

function fieldOf(field: DescField): Field {
  const isList = field.fieldKind === "list";
  const kind = isList ? field.listKind : field.fieldKind;
  const common = {
    opening: `"${field.jsonName}":${isList ? "[" : ""}`,
    isList,
    isPackable: isList && kind === "scalar" && !isText(field.scalar),
    message: undefined,
  };
  if (kind === "message") {
    const { message } = field;
    assert(message !== undefined, "a message field has a message");
    return { ...common, message, write: () => assert(false, "messages are written field by field") };
  }
  if (kind === "enum") {
    const names = new Map(field.enum?.values.map((value) => [value.number, `"${value.name}"`]));
    return { ...common, write: (writer, reader) => writeEnum(writer, names, readNumber(reader)) };
  }
  assert(field.scalar !== undefined, "answers have no maps");
  return { ...common, write: writeScalar(field.scalar) };
}

function isText(scalar: ScalarType | undefined): boolean {
  return scalar === ScalarType.STRING || scalar === ScalarType.BYTES;
}

function writeEnum(writer: JsonWriter, names: ReadonlyMap<number, string>, number: number): void {
  writer.ascii(names.get(number) ?? String(number));
}

function writeScalar(scalar: ScalarType): Field["write"] {
  switch (scalar) {
    case ScalarType.STRING:
      return (writer, reader, end) => {
        writer.text(reader.bytes, reader.at, end);
        reader.at = end;
      };
    case ScalarType.BYTES:
      return (writer, reader, end) => {
        writer.ascii(`"${reader.bytes.toString("base64", reader.at, end)}"`);
        reader.at = end;
      };
    case ScalarType.DOUBLE:
      return (writer, reader) => {
        const value = reader.bytes.readDoubleLE(reader.at);
        reader.at += 8;
        writer.ascii(Number.isFinite(value) ? String(value) : `"${value}"`);
      };
    case ScalarType.BOOL:
      return (writer, reader) => writer.ascii(readNumber(reader) === 0 ? "false" : "true");
    case ScalarType.INT32:
    case ScalarType.UINT32:
      return (writer, reader) => writer.integer(readNumber(reader));
    case ScalarType.INT64:
    case ScalarType.UINT64:
      return writeInteger64;
    default:
      assert(false, "answers have no scalars of this kind");
  }
}

/** Quoted, since readers of JSON keep 53 bits only. Above them are nothing but times and addresses. */
function writeInteger64(writer: JsonWriter, reader: Reader): void {
  const start = reader.at;
  const value = readNumber(reader);
  writer.char(QUOTE);
  if (value <= Number.MAX_SAFE_INTEGER) writer.integer(value);
  else writer.ascii(String(exactInteger(reader.bytes, start, reader.at)));
  writer.char(QUOTE);
}

/** A varint up to 2^53. */
function readNumber(reader: Reader): number {
  const { bytes } = reader;
  let byte = bytes[reader.at++] as number;
  if (byte < 128) return byte;
  let value = byte & 127;
  let factor = 128;
  do {
    byte = bytes[reader.at++] as number;
    value += (byte & 127) * factor;
    factor *= 128;
  } while (byte > 127);
  return value;
}

function exactInteger(bytes: Buffer, start: number, end: number): bigint {
  let value = 0n;
  for (let at = end - 1; at >= start; at--) value = (value << 7n) | BigInt((bytes[at] as number) & 127);
  return BigInt.asUintN(64, value);
}
