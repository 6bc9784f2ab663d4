import { describe, expect, it } from "vitest";
import { age, textTable } from "./text-table.ts";

describe("a table of text", () => {
  it("has columns as wide as their widest cell, and nothing behind the last", () => {
    expect(
      textTable(
        ["A", "B"],
        [
          ["long", "x"],
          ["y", ""],
        ],
      ),
    ).toBe("A     B\nlong  x\ny\n");
  });
});

describe("an age", () => {
  it.each([
    ["2026-03-01T11:59:15Z", "45s"],
    ["2026-03-01T11:58:00Z", "2m"],
    ["2026-03-01T10:00:00Z", "2h"],
    ["2026-02-20T12:00:00Z", "9d"],
    ["2026-03-01T12:00:05Z", "0s"],
    [undefined, "-"],
  ])("of %s is %s", (since, shown) => {
    expect(age(since, Date.parse("2026-03-01T12:00:00Z"))).toBe(shown);
  });
});
