import { create, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PushRequestSchema } from "../../../api/gen/push/v1/push_pb.ts";
import { isCoded } from "../../../base/errors.ts";
import { readPushRequest } from "./push-message.ts";

const pair = fc.record({ name: fc.string(), value: fc.string() });
const request = fc.array(
  fc.record({
    labels: fc.array(pair, { maxLength: 3 }),
    samples: fc.array(fc.record({ rawProfile: fc.uint8Array({ maxLength: 300 }), ID: fc.string() }), { maxLength: 3 }),
    annotations: fc.array(fc.record({ key: fc.string(), value: fc.string() }), { maxLength: 2 }),
  }),
  { maxLength: 3 },
);

describe("push message", () => {
  it("reads what the generated code writes", () => {
    fc.assert(
      fc.property(request, (series) => {
        const bytes = Buffer.from(toBinary(PushRequestSchema, create(PushRequestSchema, { series })));
        const read = readPushRequest(bytes).map(({ labels, samples }) => ({
          labels,
          samples: samples.map(({ raw, id }) => ({ raw: [...raw], id })),
        }));
        expect(read).toEqual(
          series.map(({ labels, samples }) => ({
            labels,
            samples: samples.map(({ rawProfile, ID }) => ({ raw: [...rawProfile], id: ID })),
          })),
        );
      }),
      { numRuns: 200 },
    );
  });

  it("ends in a value or in push_malformed whatever the bytes are", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          readPushRequest(Buffer.from(bytes));
        } catch (error) {
          expect(isCoded(error, "push_malformed")).toBe(true);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("skips fields it does not know", () => {
    // Field 9 as varint, 64 and 32 bits, then an empty series.
    const bytes = Buffer.from([0x48, 0x96, 0x01, 0x49, 1, 2, 3, 4, 5, 6, 7, 8, 0x4d, 1, 2, 3, 4, 0x0a, 0x00]);
    expect(readPushRequest(bytes)).toEqual([{ labels: [], samples: [] }]);
  });

  it("refuses a length beyond the end", () => {
    expect(() => readPushRequest(Buffer.from([0x0a, 0x05, 0x00]))).toThrow(expect.objectContaining({ code: "push_malformed" }));
  });
});
