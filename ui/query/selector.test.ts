import { describe, expect, it } from "vitest";
import { completeDraft, readDraft, suggest } from "./draft.ts";
import { formatMatchers, parseMatchers, selectorOf } from "./selector.ts";

describe("parseMatchers", () => {
  it("reads all four operators, with or without braces", () => {
    const expected = [
      { name: "a", op: "=", value: "b" },
      { name: "c", op: "!=", value: "d" },
      { name: "e", op: "=~", value: "f.*" },
      { name: "g", op: "!~", value: "h" },
    ];
    expect(parseMatchers('a="b", c!="d",e=~"f.*" , g!~\'h\'')).toEqual({ ok: true, matchers: expected });
    expect(parseMatchers('{a="b",c!="d",e=~"f.*",g!~"h"}')).toEqual({ ok: true, matchers: expected });
    expect(parseMatchers("  ")).toEqual({ ok: true, matchers: [] });
  });
  it("reads quoted names and escapes, and writes them back", () => {
    const text = '"k8s.pod.name"="a\\"b\\\\c",d="`"';
    const parsed = parseMatchers(text);
    expect(parsed).toMatchObject({ ok: true, matchers: [{ name: "k8s.pod.name", value: 'a"b\\c' }, { value: "`" }] });
    expect(parsed.ok && formatMatchers(parsed.matchers)).toBe(text);
  });
  it.each(["a", "a=", "a=b", 'a="b', '="b"', 'a="b" c="d"', '{a="b"'])("says what is wrong with %s", (text) => {
    const parsed = parseMatchers(text);
    expect(parsed.ok).toBe(false);
    expect(!parsed.ok && parsed.fault.length).toBeGreaterThan(10);
  });
});

describe("selectorOf", () => {
  it("puts the service first and escapes it", () => {
    expect(selectorOf('a"b', [{ name: "c", op: "=~", value: "d" }])).toBe('{service_name="a\\"b",c=~"d"}');
    expect(selectorOf("", [])).toBe("{}");
  });
});

describe("a draft", () => {
  it("moves from name to operator to value", () => {
    expect(readDraft("names")).toEqual({ kind: "name", text: "names" });
    expect(readDraft("namespace ")).toEqual({ kind: "op", name: "namespace", text: "" });
    expect(readDraft("namespace!")).toEqual({ kind: "op", name: "namespace", text: "!" });
    expect(readDraft("namespace=~pro")).toEqual({ kind: "value", name: "namespace", op: "=~", value: "pro" });
    expect(readDraft('"k8s.pod.name"="x"')).toEqual({ kind: "value", name: "k8s.pod.name", op: "=", value: "x" });
  });
  it("offers what starts like the text before what contains it", () => {
    expect(suggest(readDraft("pod"), ["k8s.pod", "pod", "zone"])).toEqual(["pod", "k8s.pod"]);
    expect(suggest(readDraft("a!"), [])).toEqual(["!=", "!~"]);
  });
  it("becomes a condition when a value is taken", () => {
    expect(completeDraft(readDraft("pod"), "pod")).toBe("pod=");
    expect(completeDraft(readDraft("po"), "odd name")).toBe('"odd name"=');
    expect(completeDraft(readDraft("pod!=a"), "api-1")).toEqual({ name: "pod", op: "!=", value: "api-1" });
  });
});
