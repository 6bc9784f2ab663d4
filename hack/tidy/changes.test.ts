import { describe, expect, it } from "vitest";
import { checkChanges } from "./changes.ts";

describe("checkChanges", () => {
  const cases: readonly [text: string, faults: number][] = [
    ["added\n\nNew things.\n", 0],
    ["new\n\nNew things.\n", 1],
    ["added\nNew things.\n", 1],
    ["added\n\n", 1],
  ];
  for (const [text, faults] of cases) {
    it(`finds ${faults} in ${JSON.stringify(text)}`, () => {
      expect(checkChanges([{ path: ".changes/x.md", text }])).toHaveLength(faults);
    });
  }
});
