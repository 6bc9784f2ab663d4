import { create, type DescField, type DescMessage, type Message, ScalarType, toBinary, toJson } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ProfileSchema } from "../../../api/gen/google/v1/profile_pb.ts";
import {
  DiffResponseSchema,
  SelectHeatmapResponseSchema,
  SelectMergeStacktracesResponseSchema,
  SelectSeriesResponseSchema,
} from "../../../api/gen/querier/v1/querier_pb.ts";
import { LabelNamesResponseSchema } from "../../../api/gen/types/v1/types_pb.ts";
import { atOnce } from "../../../base/steps.ts";
import { messageJson, responseJson } from "./json.ts";

function textOf(json: Uint8Array): string {
  return Buffer.from(json).toString();
}

/** Any message of a schema, to some depth. */
function arbitraryMessage(schema: DescMessage, depth: number): fc.Arbitrary<Message> {
  const fields = schema.fields.map((field) => [field.localName, arbitraryField(field, depth)] as const);
  return fc
    .record(Object.fromEntries(fields.filter(([, arbitrary]) => arbitrary !== undefined)) as Record<string, fc.Arbitrary<unknown>>, {
      requiredKeys: [],
    })
    .map((init) => create(schema, init as never));
}

function arbitraryField(field: DescField, depth: number): fc.Arbitrary<unknown> | undefined {
  const isList = field.fieldKind === "list";
  const kind = isList ? field.listKind : field.fieldKind;
  let one: fc.Arbitrary<unknown>;
  if (kind === "message") {
    if (depth === 0) return undefined;
    one = arbitraryMessage(field.message as DescMessage, depth - 1);
  } else if (kind === "enum") {
    one = fc.constantFrom(...(field.enum?.values ?? []).map((value) => value.number));
  } else {
    one = arbitraryScalar(field.scalar as ScalarType);
  }
  return isList ? fc.array(one, { maxLength: 3 }) : one;
}

function arbitraryScalar(scalar: ScalarType): fc.Arbitrary<unknown> {
  switch (scalar) {
    case ScalarType.STRING:
      return fc.oneof(fc.string({ unit: "grapheme", maxLength: 5 }), fc.constantFrom("\n", 'a"b', "\\", "\u0001"));
    case ScalarType.BYTES:
      return fc.uint8Array({ maxLength: 5 });
    case ScalarType.DOUBLE:
      return fc.double();
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.INT32:
    case ScalarType.UINT32:
      return fc.nat();
    case ScalarType.INT64:
    case ScalarType.UINT64:
      return fc.oneof(
        fc.bigInt({ min: 0n, max: 300n }),
        fc.bigInt({ min: 0n, max: 1n << 54n }),
        fc.constantFrom(999_999_999n, 1_000_000_000n, 10n ** 15n),
        fc.bigInt({ min: 0n, max: (1n << 63n) - 1n }),
      );
    default:
      throw new Error(`no values of scalar ${scalar} yet`);
  }
}

describe("messageJson", () => {
  const schemas: readonly (readonly [string, DescMessage])[] = [
    SelectMergeStacktracesResponseSchema,
    SelectSeriesResponseSchema,
    SelectHeatmapResponseSchema,
    DiffResponseSchema,
    ProfileSchema,
    LabelNamesResponseSchema,
  ].map((schema) => [schema.typeName, schema]);

  it.each(schemas)("gives what the library gives for any %s", (_, schema) => {
    fc.assert(
      fc.property(arbitraryMessage(schema, 4), (message) => {
        expect(JSON.parse(textOf(atOnce(messageJson(schema, toBinary(schema, message)))))).toEqual(
          JSON.parse(JSON.stringify(toJson(schema, message))),
        );
      }),
      { numRuns: 100 },
    );
  });

  it("leaves out fields it does not know", () => {
    const bytes = Buffer.concat([
      Buffer.from([0xfa, 0x7f, 1, 65, 0xf8, 0x7f, 0x80, 1]),
      toBinary(LabelNamesResponseSchema, create(LabelNamesResponseSchema, { names: ["a"] })),
    ]);
    expect(textOf(atOnce(messageJson(LabelNamesResponseSchema, bytes)))).toBe('{"names":["a"]}');
  });

  it("refuses messages that are no answers", () => {
    expect(() => atOnce(responseJson("google.protobuf.Any", new Uint8Array(0)))).toThrow("assertion failed");
    expect(textOf(atOnce(responseJson("types.v1.LabelNamesResponse", new Uint8Array(0))))).toBe("{}");
  });
});
