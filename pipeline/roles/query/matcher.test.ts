import fc from "fast-check";
import { RE2JS } from "re2js";
import { describe, expect, it } from "vitest";
import { compileMatcher, compileMatchers, compileSearchRegex, type MatcherOp, matchesAll } from "./matcher.ts";

function matches(op: MatcherOp, value: string, text: string): boolean {
  return compileMatcher({ name: "n", op, value }).matches(text);
}

describe("compileMatcher", () => {
  const cases: readonly [MatcherOp, string, string, boolean][] = [
    ["=", "a", "a", true],
    ["=", "", "", true],
    ["!=", "a", "", true],
    ["!=", "", "", false],
    ["=~", "a|b", "b", true],
    ["=~", "a|b", "ab", false],
    ["=~", "(a|b)", "a", true],
    ["=~", "a.*", "abc", true],
    ["=~", "a.+", "a", false],
    ["=~", ".*", "", true],
    ["=~", ".+", "", false],
    ["=~", ".*", "a\nb", true],
    ["=~", "a.c", "a\nc", true],
    ["=~", "", "", true],
    ["=~", "|a", "", true],
    ["=~", "x\\.y", "x.y", true],
    ["=~", "x\\.y", "xzy", false],
    ["=~", "[ab]|c", "c", true],
    ["=~", "[|]", "|", true],
    ["=~", "^a$", "a", true],
    ["!~", ".+", "", true],
    ["!~", "a|b", "c", true],
    ["=~", "b", "abc", false],
  ];
  it.each(cases)("%s %j over %j is %s", (op, value, text, expected) => {
    expect(matches(op, value, text)).toBe(expected);
  });

  it("gives the same answer by its shortcuts as by the automaton", () => {
    const alphabet = fc.constantFrom("a", "b", ".", "*", "+", "|", "\\.", "(", ")", "\n", "/");
    const pattern = fc.array(alphabet, { maxLength: 7 }).map((parts) => parts.join(""));
    const text = fc.array(fc.constantFrom("a", "b", ".", "\n", "/", "|"), { maxLength: 5 }).map((parts) => parts.join(""));
    fc.assert(
      fc.property(pattern, text, (value, candidate) => {
        let slow: RE2JS;
        try {
          slow = RE2JS.compile(value, RE2JS.DOTALL);
        } catch {
          expect(() => matches("=~", value, candidate)).toThrow("selector_regex_invalid");
          return;
        }
        expect(matches("=~", value, candidate)).toBe(slow.matches(candidate));
      }),
      { numRuns: 500 },
    );
  });

  it("takes a missing label as the empty value", () => {
    const matchers = compileMatchers([
      { name: "gone", op: "=", value: "" },
      { name: "here", op: "!=", value: "" },
    ]);
    expect(matchesAll(matchers, (name) => (name === "here" ? "x" : undefined))).toBe(true);
    expect(matchesAll(matchers, () => undefined)).toBe(false);
  });

  it("lists the values a matcher can only mean", () => {
    expect(compileMatcher({ name: "n", op: "=~", value: "a|b\\.c" }).literals).toEqual(["a", "b.c"]);
    expect(compileMatcher({ name: "n", op: "=~", value: "a.*" }).literals).toBeUndefined();
  });
});

describe("compileSearchRegex", () => {
  it("finds a match anywhere", () => {
    expect(compileSearchRegex("runtime\\.")("golang.runtime.main")).toBe(true);
    expect(compileSearchRegex("^runtime")("golang.runtime.main")).toBe(false);
  });
});
