import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { CPU_KIND, testQueuedProfile } from "../profile/testing/test-queued-profile.ts";
import { buildSegment } from "../roles/segment/build.ts";
import { ValueMode } from "./column/values.ts";
import { SectionKind } from "./directory.ts";
import { FOOTER_SIZE, FORMAT_VERSION, MAGIC } from "./layout.ts";
import { readDirectory } from "./reader.ts";
import { describeObject } from "./testing.ts";

/*
 * Goal: FORMAT.md says what the code does, and objects of every version stay readable.
 * Method: numbers of its tables are compared with the constants; its hex dump is printed anew; recorded objects are read.
 * UPDATE_GOLDEN=1 rewrites the dump.
 */

const DOCUMENT = new URL("FORMAT.md", import.meta.url);
const text = readFileSync(DOCUMENT, "utf8");

describe("FORMAT.md", () => {
  it("has the footer's size, version and magic number", () => {
    const rows = [...section("Footer").matchAll(/^\| (\d+) \| (\d+) \|/gm)].map(
      ([, offset, size]) => [Number(offset), Number(size)] as const,
    );
    let end = 0;
    for (const [offset, size] of rows) {
      expect(offset).toBe(end);
      end += size;
    }
    expect(end).toBe(FOOTER_SIZE);
    expect(section("Footer")).toContain(`format version, ${FORMAT_VERSION} `);
    expect(section("Footer")).toContain([...MAGIC].map((byte) => byte.toString(16).padStart(2, "0")).join(" "));
  });

  it("numbers the section kinds and value modes as the code does", () => {
    for (const [name, number] of Object.entries(SectionKind)) expect(section("Directory")).toContain(`${number} ${name}`);
    const modes = [...section("Values").matchAll(/^\| (\d) \| (\w+) \|/gm)].map(([, number, name]) => [name, Number(number)]);
    expect(Object.fromEntries(modes)).toEqual(
      Object.fromEntries(Object.entries(ValueMode).map(([name, number]) => [name.toLowerCase(), number])),
    );
  });

  it("shows the smallest object", () => {
    const dump = hexDump(buildSegment([smallestProfile()]).bytes);
    const current = /<!-- hex -->\n```\n([^`]*)```/.exec(text)?.[1];
    if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(DOCUMENT, text.replace(/(<!-- hex -->\n```\n)[^`]*```/, `$1${dump}\`\`\``));
    else expect(current).toBe(dump);
  });
});

describe("recorded objects", () => {
  it("of version 1 are read to the last sample", () => {
    const folder = new URL("../../test/corpus/blocks/v1/", import.meta.url);
    const object = readFileSync(new URL("segment.bin", folder));
    expect(readDirectory(object).level).toBe(0);
    expect(`${describeObject(object).join("\n")}\n`).toBe(readFileSync(new URL("segment.expected.txt", folder), "utf8"));
  });
});

function section(title: string): string {
  const start = text.indexOf(`\n## ${title}\n`);
  expect(start).toBeGreaterThan(0);
  const end = text.indexOf("\n## ", start + 1);
  return text.slice(start, end < 0 ? undefined : end);
}

function smallestProfile(): ReturnType<typeof testQueuedProfile> {
  return testQueuedProfile({ tenant: "t", service: "s", kind: CPU_KIND, timeMs: 1_700_000_000_000, idSeed: 1, stacks: ["main 1"] });
}

function hexDump(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = [...bytes.subarray(at, at + 16)];
    const hex = row.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const ascii = row.map((byte) => (byte >= 0x20 && byte < 0x7f && byte !== 0x60 ? String.fromCharCode(byte) : ".")).join("");
    lines.push(`${at.toString(16).padStart(4, "0")}  ${hex.padEnd(47)}  ${ascii}`);
  }
  return `${lines.join("\n")}\n`;
}
