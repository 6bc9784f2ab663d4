import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { UnixMs } from "../base/units.ts";
import { CHECKSUM_SIZE, COMMIT_ID_SIZE, encodeLogEntry, FileKind, FORMAT_VERSION, HEADER_SIZE, MAGIC } from "./codec.ts";
import { NO_CHANGE } from "./testing.ts";

const document = readFileSync(join(import.meta.dirname, "FORMAT.md"), "utf8");

/** Rows of the frame's table: offset, size, type, meaning. */
const rows = document
  .split("\n")
  .filter((line) => /^\| (\d+|end)/.test(line))
  .map((line) =>
    line
      .split("|")
      .map((cell) => cell.trim())
      .slice(1),
  );

describe("FORMAT.md of the catalog", () => {
  it("says what the code does", () => {
    expect(document).toContain(`# Catalog files, version ${FORMAT_VERSION}`);
    expect(rows[0]![3]).toBe(
      `\`${Buffer.from(MAGIC)
        .toString("hex")
        .replace(/(..)(?=.)/g, "$1 ")}\``,
    );
    expect(rows[1]![3]).toBe(`${FileKind.LogEntry} log entry, ${FileKind.Checkpoint} checkpoint`);
    expect(rows[2]![3]).toBe(`format version, ${FORMAT_VERSION}`);
    expect(rows.slice(0, 5).reduce((sum, [, size]) => sum + Number(size), 0)).toBe(HEADER_SIZE);
    expect(rows.at(-1)!.slice(0, 2)).toEqual([`end − ${CHECKSUM_SIZE}`, String(CHECKSUM_SIZE)]);
    expect(document).toContain(`commit id ${COMMIT_ID_SIZE} bytes`);
  });

  it("draws the frame of a real entry", () => {
    const bytes = encodeLogEntry({ version: 1, commitId: new Uint8Array(16), createdMs: 0 as UnixMs, change: NO_CHANGE });
    expect([...bytes.subarray(0, 8)]).toEqual([...MAGIC, 1, 1, 0, 0]);
    expect(new DataView(bytes.buffer).getUint32(8, true)).toBe(1 + 16 + 1 + 5);
  });
});
