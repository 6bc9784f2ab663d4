import { create, toBinary, toJson } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { isCoded } from "../base/errors.ts";
import { ProfileSchema } from "./gen/google/v1/profile_pb.ts";
import { SelectMergeStacktracesResponseSchema, SelectSeriesResponseSchema } from "./gen/querier/v1/querier_pb.ts";
import { decodedMessage, rawMessage } from "./raw-message.ts";

const flamegraph = create(SelectMergeStacktracesResponseSchema, {
  flamegraph: { names: ["total", "main"], levels: [{ values: [0n, 7n, 0n, 0n] }, { values: [0n, 7n, 7n, 1n] }], total: 7n, maxSelf: 7n },
});

describe("raw message", () => {
  it.each([
    ["a nested message", SelectMergeStacktracesResponseSchema, toBinary(SelectMergeStacktracesResponseSchema, flamegraph)],
    ["an empty message", SelectSeriesResponseSchema, new Uint8Array(0)],
    ["a varint first", ProfileSchema, toBinary(ProfileSchema, create(ProfileSchema, { timeNanos: 1n << 60n, period: 3n }))],
    // A tag of two bytes: field 1001.
    ["a field number above 15", SelectMergeStacktracesResponseSchema, Uint8Array.of(0xca, 0x3e, 0x02, 0x10, 0x05)],
  ] as const)("writes %s as the bytes it was given", (_, schema, bytes) => {
    expect(toBinary(schema, rawMessage(schema, bytes))).toEqual(bytes);
  });

  it("decodes for JSON", () => {
    const decoded = decodedMessage(SelectMergeStacktracesResponseSchema, toBinary(SelectMergeStacktracesResponseSchema, flamegraph));
    expect(toJson(SelectMergeStacktracesResponseSchema, decoded)).toEqual({
      flamegraph: {
        names: ["total", "main"],
        levels: [{ values: ["0", "7", "0", "0"] }, { values: ["0", "7", "7", "1"] }],
        total: "7",
        maxSelf: "7",
      },
    });
  });

  it.each([[Uint8Array.of(0x80)], [Uint8Array.of(0x00, 0x01)], [Uint8Array.of(0x80, 0x80, 0x80, 0x80, 0x80, 0x01)]])(
    "refuses bytes that begin with no tag: %j",
    (bytes) => {
      let fault: unknown;
      try {
        rawMessage(SelectSeriesResponseSchema, bytes);
      } catch (error) {
        fault = error;
      }
      expect(isCoded(fault, "raw_message_corrupt")).toBe(true);
    },
  );
});
