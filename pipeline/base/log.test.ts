import { afterEach, describe, expect, it, vi } from "vitest";
import { createLog } from "./log.ts";

describe("log", () => {
  afterEach(() => vi.restoreAllMocks());

  it("tells of each line its own facts alone", () => {
    const lines: string[] = [];
    vi.spyOn(process.stderr, "write").mockImplementation((line) => lines.push(String(line)) > 0);
    const log = createLog({ level: "info", format: "json" });
    log.info({ first: 1 }, "one");
    log.info({ second: 2 }, "two");
    expect(lines.map((line) => Object.keys(JSON.parse(line) as object))).toEqual([
      ["level", "time", "first", "msg"],
      ["level", "time", "second", "msg"],
    ]);
  });
});
