import { describe, expect, it } from "vitest";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import { Repeated } from "./repeated.ts";

describe("repeated values", () => {
  it("are what plain decoding gives, equal ones are the same, and more of them than are remembered do no harm", () => {
    const texts = Array.from({ length: 500 }, (_, i) => ({ text: "x".repeat((i * 7) % 23) + String((i * i) % 31) }));
    const writer = new ByteWriter();
    for (const { text } of texts) writer.text(text);
    const reader = new ByteReader(writer.take());
    let decoded = 0;
    const repeated = new Repeated((from) => {
      decoded++;
      return { text: from.text() };
    });
    expect(texts.map(() => repeated.read(reader))).toEqual(texts);
    reader.end();
    const again = new ByteWriter();
    for (let i = 0; i < 100; i++) again.text("same");
    const second = new ByteReader(again.take());
    const before = decoded;
    expect(new Set(Array.from({ length: 100 }, () => repeated.read(second))).size).toBe(1);
    expect(decoded).toBe(before + 1);
  });

  it("do not read past the end of bytes that only begin like one", () => {
    const writer = new ByteWriter();
    writer.text("name");
    const bytes = writer.take();
    const repeated = new Repeated((from) => from.text());
    expect(repeated.read(new ByteReader(bytes))).toBe("name");
    expect(() => repeated.read(new ByteReader(bytes.subarray(0, 3)))).toThrow(expect.objectContaining({ code: "block_section_corrupt" }));
  });
});
