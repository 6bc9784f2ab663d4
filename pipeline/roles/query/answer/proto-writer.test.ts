import { BinaryReader } from "@bufbuild/protobuf/wire";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ProtoWriter } from "./proto-writer.ts";

/** What protobuf-es reads back: the other side of the wire, not ours. */
function readerOf(writer: ProtoWriter): BinaryReader {
  return new BinaryReader(writer.finish());
}

describe("ProtoWriter", () => {
  it("writes whole numbers up to 2^53 - 1", () => {
    fc.assert(
      fc.property(fc.oneof(fc.maxSafeNat(), fc.nat(200)), (value) => {
        const writer = new ProtoWriter(1);
        writer.uintAlways(1001, value);
        const reader = readerOf(writer);
        expect(reader.tag()).toEqual([1001, 0]);
        expect(reader.uint64()).toEqual(BigInt(value));
      }),
    );
  });

  it("writes 64 bits from two halves", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: (1n << 64n) - 1n }), (value) => {
        const writer = new ProtoWriter(1);
        writer.uint64(3, Number(value & 0xffffffffn), Number(value >> 32n));
        const reader = readerOf(writer);
        expect(reader.tag()).toEqual([3, 0]);
        expect(reader.uint64()).toBe(value);
      }),
    );
  });

  it("writes doubles, text and bytes", () => {
    const writer = new ProtoWriter(1);
    writer.double(1, -1.5);
    writer.string(2, "größer");
    writer.bytes(3, Buffer.from("abcdef"), 2, 3);
    writer.bytes(3, new Uint8Array(100).fill(7));
    const reader = readerOf(writer);
    expect([reader.tag(), reader.double()]).toEqual([[1, 1], -1.5]);
    expect([reader.tag(), reader.string()]).toEqual([[2, 2], "größer"]);
    expect([reader.tag(), Buffer.from(reader.bytes()).toString()]).toEqual([[3, 2], "cde"]);
    expect([reader.tag(), reader.bytes().length]).toEqual([[3, 2], 100]);
  });

  it("leaves defaults out, but not where a field always counts", () => {
    const writer = new ProtoWriter();
    writer.uint(1, 0);
    writer.uint64(1, 0, 0);
    writer.double(1, 0);
    writer.string(1, "");
    writer.bool(1, false);
    writer.packedUints(1, []);
    expect(writer.length).toBe(0);
    writer.uintAlways(1, 0);
    writer.stringAlways(1, "");
    expect(writer.length).toBe(4);
  });

  it("nests messages of every size, one in the other", () => {
    for (const size of [0, 1, 126, 127, 128, 16_382, 16_383, 16_384, 300_000]) {
      const writer = new ProtoWriter(1);
      const outer = writer.begin(1);
      const inner = writer.begin(2);
      writer.raw(new Uint8Array(size).fill(9));
      writer.end(inner);
      writer.uint(3, 5);
      writer.end(outer);
      writer.uint(4, 6);
      const reader = readerOf(writer);
      expect(reader.tag()).toEqual([1, 2]);
      const message = new BinaryReader(reader.bytes());
      expect(message.tag()).toEqual([2, 2]);
      expect(Buffer.compare(message.bytes(), new Uint8Array(size).fill(9))).toBe(0);
      expect([message.tag(), message.uint32()]).toEqual([[3, 0], 5]);
      expect([reader.tag(), reader.uint32()]).toEqual([[4, 0], 6]);
    }
  });
});
