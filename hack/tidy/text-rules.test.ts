import { describe, expect, it } from "vitest";
import { checkLeaks, checkLengths } from "./text-rules.ts";

describe("checkLeaks", () => {
  const machine = ["", "root", "secret.txt"].join("/");
  const cases: readonly [path: string, text: string, faults: number][] = [
    ["docs/a.md", `see ${machine}`, 1],
    ["docs/a.md", "see ./root/x and a/root/x", 0],
    ["package-lock.json", `{"${"resolved"}": "x"}`, 1],
    ["docs/a.md", `from https://${"registry"}.example.org/x`, 1],
    ["docs/a.md", "from https://example.org/x", 0],
    ["test/corpus/x.txt", `frame ${machine}`, 0],
  ];
  for (const [path, text, faults] of cases) {
    it(`finds ${faults} in ${path} with ${JSON.stringify(text)}`, () => {
      expect(checkLeaks([{ path, text }])).toHaveLength(faults);
    });
  }
});

describe("checkLengths", () => {
  it("allows 500 lines and refuses 501, but not in generated code", () => {
    const file = (path: string, lines: number) => ({ path, text: "x\n".repeat(lines) });
    expect(checkLengths([file("pipeline/a.ts", 500)])).toHaveLength(0);
    expect(checkLengths([file("pipeline/a.ts", 501)])).toHaveLength(1);
    expect(checkLengths([file("pipeline/api/gen/a.ts", 5000)])).toHaveLength(0);
  });
});
