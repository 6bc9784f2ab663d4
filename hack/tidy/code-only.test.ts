import { describe, expect, it } from "vitest";
import { codeOnly } from "./code-only.ts";

describe("codeOnly", () => {
  const cases: readonly [name: string, code: string, keeps: readonly string[], drops: readonly string[]][] = [
    ["blanks a line comment", "a(); // Date.now()\nb();", ["a();", "b();"], ["Date"]],
    ["blanks a block comment over lines", "a();\n/* fetch(\n */\nb();", ["a();", "b();"], ["fetch"]],
    ["blanks a string and its escaped quote", 'x = "a\\"fetch("; y();', ["y();"], ["fetch"]],
    ["takes no comment from inside a string", 'x = "http://a"; fetch(x);', ["fetch(x)"], ["http"]],
    ["keeps the code inside a template", "x = `at ${Date.now()} // not a comment`; y();", ["Date.now()", "y();"], ["comment"]],
    ["keeps the code after nested templates", "x = `a${b ? `c${d}` : {e: 1}.e}f`; g();", ["b ?", "d", "g();"], ["f`x"]],
    ["takes no string from inside a regular expression", 'x.replace(/["/]/g, y); fetch(z);', ["fetch(z)", "y)"], []],
    ["takes a division for what it is", 'a = b / c; d = "/ fetch("; e();', ["b / c", "e();"], ["fetch"]],
  ];
  for (const [name, code, keeps, drops] of cases) {
    it(name, () => {
      const only = codeOnly(code);
      expect(only.split("\n")).toHaveLength(code.split("\n").length);
      for (const part of keeps) expect(only).toContain(part);
      for (const part of drops) expect(only).not.toContain(part);
    });
  }
});
