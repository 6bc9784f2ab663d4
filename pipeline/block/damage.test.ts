import { describe, expect, it } from "vitest";
import { CodedError } from "../base/errors.ts";
import { seededRandom } from "../base/random.ts";
import { MEMORY_KIND, testQueuedProfile } from "../profile/testing/test-queued-profile.ts";
import { buildSegment } from "../roles/segment/build.ts";
import { decompress } from "./compression.ts";
import { type SectionEntry, SectionKind } from "./directory.ts";
import { decodeFooter, readDirectory } from "./reader.ts";
import { decodeProfiles } from "./section/profiles.ts";
import { decodeSeries } from "./section/series.ts";
import { decodeStackValues } from "./section/stack-values.ts";
import { decodeSymbols } from "./section/symbols.ts";
import { describeObject } from "./testing.ts";

/*
 * Goal: whatever happened to an object's bytes, a reader says so with a code; it neither crashes nor hangs nor takes memory without bound.
 * Method: truncation at every length, seeded bit flips anywhere, and (behind the checksum's back) random bytes in decompressed sections.
 */

const object = buildSegment([
  testQueuedProfile({ service: "a", timeMs: 1_700_000_000_000, idSeed: 1, stacks: ["main;work 5", "main;wait 7 span=0011223344556677"] }),
  testQueuedProfile({
    service: "a",
    kind: MEMORY_KIND,
    timeMs: 1_700_000_000_000,
    idSeed: 2,
    stacks: ["main;work 5 240", "main;x@0x1f 1 48"],
  }),
]).bytes;

describe("a damaged object", () => {
  it("is refused at every truncation", () => {
    for (let size = 0; size < object.length; size++) expect(() => describeObject(object.subarray(0, size))).toThrow(CodedError);
  });

  it("is refused or read unharmed after any flipped bit", () => {
    const random = seededRandom(5);
    const intact = describeObject(object);
    for (let i = 0; i < 3000; i++) {
      const damaged = object.slice();
      damaged[Math.floor(random.next() * damaged.length)]! ^= 1 << Math.floor(random.next() * 8);
      try {
        expect(describeObject(damaged)).toEqual(intact);
      } catch (error) {
        expect(error).toBeInstanceOf(CodedError);
        expect((error as CodedError).code).toMatch(/^block_/);
      }
    }
  });

  it("names what is wrong with its end", () => {
    const code = (bytes: Uint8Array): string => {
      try {
        decodeFooter(bytes);
        return "none";
      } catch (error) {
        return (error as CodedError).code;
      }
    };
    const changed = (at: number): Uint8Array => {
      const bytes = object.slice();
      bytes[bytes.length - 32 + at]! ^= 0xff;
      return bytes;
    };
    expect(code(object)).toBe("none");
    expect(code(object.subarray(0, 31))).toBe("block_too_small");
    expect(code(changed(31))).toBe("block_magic_mismatch");
    expect(code(changed(0))).toBe("block_checksum_mismatch");
  });
});

describe("a section that passes its checksum but not its format", () => {
  const dataset = readDirectory(object).datasets[0]!;
  const cases: readonly { name: string; kind: SectionKind; decode: (raw: Uint8Array) => unknown }[] = [
    { name: "series", kind: SectionKind.Series, decode: decodeSeries },
    { name: "symbols", kind: SectionKind.Symbols, decode: decodeSymbols },
    { name: "profiles", kind: SectionKind.Profiles, decode: (raw) => decodeProfiles(raw, 1) },
    { name: "samples", kind: SectionKind.Samples, decode: (raw) => decodeStackValues(raw, 1) },
  ];
  for (const { name, kind, decode } of cases) {
    it(`is refused with block_section_corrupt or decoded, never worse: ${name}`, () => {
      const raw = rawSection(dataset.sections.find((section) => section.kind === kind)!);
      const random = seededRandom(kind);
      let refused = 0;
      for (let i = 0; i < 2000; i++) {
        const damaged = raw.slice(0, i % 10 === 0 ? Math.floor(random.next() * raw.length) : undefined);
        for (let flips = 1 + Math.floor(random.next() * 3); flips > 0 && damaged.length > 0; flips--) {
          damaged[Math.floor(random.next() * damaged.length)] = Math.floor(random.next() * 256);
        }
        try {
          decode(damaged);
        } catch (error) {
          refused++;
          expect((error as CodedError).code).toBe("block_section_corrupt");
        }
      }
      expect(refused).toBeGreaterThan(100);
    });
  }
});

function rawSection(section: SectionEntry): Uint8Array {
  return decompress(object.subarray(section.offset, section.offset + section.sizeBytes), section);
}
