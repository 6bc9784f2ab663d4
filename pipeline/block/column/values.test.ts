import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { seededRandom } from "../../base/random.ts";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import { readValues, ValueMode, writeValues } from "./values.ts";

/*
 * Goal: value columns come back to the unit, whatever mode was chosen, and siblings cost next to nothing.
 */

const MAX = Number.MAX_SAFE_INTEGER;
const value = fc.oneof(fc.nat(300), fc.nat({ max: 2 ** 31 - 1 }), fc.constantFrom(0, 1, MAX - 1, MAX));

function written(columns: readonly Float64Array[], runEnds: Uint32Array): Uint8Array {
  const writer = new ByteWriter();
  writeValues(writer, columns, runEnds);
  return writer.take();
}

describe("value columns", () => {
  it("come back as they were", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(value, value, value), { maxLength: 60 }),
        fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 30 }),
        (rows, lengths) => {
          const columns = [0, 1, 2].map((i) => Float64Array.from(rows, (row) => row[i]!));
          const ends: number[] = [];
          for (let end = 0, i = 0; end < rows.length; i++) ends.push((end = Math.min(rows.length, end + (lengths[i] ?? 5))));
          const runEnds = Uint32Array.from(ends);
          const reader = new ByteReader(written(columns, runEnds));
          expect(readValues(reader, 3, runEnds)).toEqual(columns);
          reader.end();
        },
      ),
      { seed: 3, numRuns: 500 },
    );
  });

  it("come back as they were when there are many, whatever the mode", () => {
    const random = seededRandom(7);
    const count = 5000;
    const ends: number[] = [];
    for (let end = 0; end < count; ) ends.push((end = Math.min(count, end + 1 + Math.floor(random.next() * 700))));
    const runEnds = Uint32Array.from(ends);
    const drifting = Float64Array.from({ length: count }, (_, i) => 2 ** 40 + i * 3 + Math.floor(random.next() * 100));
    const sizes = drifting.map((value, i) => value * (1 + Math.floor(i / 900)));
    const huge = Float64Array.from({ length: count }, (_, i) => (i % 2 === 0 ? MAX : i));
    const columns = [drifting, sizes, huge];
    const reader = new ByteReader(written(columns, runEnds));
    expect(readValues(reader, columns.length, runEnds)).toEqual(columns);
    reader.end();
  });

  const rows = 1000;
  const runEnds = Uint32Array.from({ length: rows / 10 }, (_, i) => (i + 1) * 10);
  const samples = Float64Array.from({ length: rows }, (_, i) => 1 + (i % 7));

  it.each([
    ["all zero", new Float64Array(rows), ValueMode.Zero, 1],
    ["a constant times its sibling", samples.map((count) => count * 10_000_000), ValueMode.Sibling, rows + 10],
    ["a size per run times its sibling", samples.map((count, i) => count * (16 + 8 * Math.floor(i / 10))), ValueMode.Sibling, rows + 200],
    ["slowly drifting and large", samples.map((_, i) => 1_000_000_000 + i), ValueMode.Delta, rows + 700],
  ] as const)("takes the cheapest mode for a column that is %s", (_, column, mode, sizeMax) => {
    const first = written([samples], runEnds).length;
    const both = written([samples, column], runEnds);
    expect(both[first]).toBe(mode);
    expect(both.length - first).toBeLessThanOrEqual(sizeMax);
  });

  it("refuses a column that leans on a later one", () => {
    const bytes = Uint8Array.of(ValueMode.Sibling, 0, 0);
    expect(() => readValues(new ByteReader(bytes), 1, Uint32Array.of(1))).toThrow(
      expect.objectContaining({ code: "block_section_corrupt" }),
    );
  });
});

describe("signed numbers and varints", () => {
  it("are exact for every difference of two legal values", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.integer({ min: -MAX, max: MAX }), fc.constantFrom(0, -1, 63, 64, -64, MAX, -MAX))), (numbers) => {
        const writer = new ByteWriter(1);
        for (const number of numbers) writer.signed(number);
        for (const number of numbers) writer.varint(Math.abs(number));
        const reader = new ByteReader(writer.take());
        for (const number of numbers) expect(reader.signed()).toBe(number === 0 ? 0 : number);
        for (const number of numbers) expect(reader.varint()).toBe(Math.abs(number));
        reader.end();
      }),
      { seed: 4, numRuns: 500 },
    );
  });

  it("refuses more than eight bytes, and an end in the middle", () => {
    expect(() => new ByteReader(new Uint8Array(9).fill(0xff)).varint()).toThrow(expect.objectContaining({ code: "block_section_corrupt" }));
    expect(() => new ByteReader(Uint8Array.of(0x80)).varint()).toThrow(expect.objectContaining({ code: "block_section_corrupt" }));
  });
});
