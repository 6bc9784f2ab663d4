import { describe, expect, it } from "vitest";
import { isCoded } from "../../base/errors.ts";
import { parseSelector, selectorMatchers } from "./selector.ts";

function faultOf(text: string): { code: string; position: unknown } | undefined {
  try {
    parseSelector(text);
    return undefined;
  } catch (error) {
    if (!isCoded(error)) throw error;
    return { code: error.code, position: error.facts["position"] };
  }
}

describe("parseSelector", () => {
  const cases: readonly [string, readonly [string, string, string][]][] = [
    ["{}", []],
    [" { } ", []],
    ['{a="b"}', [["a", "=", "b"]]],
    ['{a="b",}', [["a", "=", "b"]]],
    [
      '{a="b",c!="d",e=~"f.*",g!~"h|i"}',
      [
        ["a", "=", "b"],
        ["c", "!=", "d"],
        ["e", "=~", "f.*"],
        ["g", "!~", "h|i"],
      ],
    ],
    [
      "{a='it\\'s', b=`c\\d`}",
      [
        ["a", "=", "it's"],
        ["b", "=", "c\\d"],
      ],
    ],
    [
      '{"k8s.pod.name"="p","ü"="\\u00fc\\x41\\xc3\\xbc\\101"}',
      [
        ["k8s.pod.name", "=", "p"],
        ["ü", "=", "üAüA"],
      ],
    ],
    [
      'up{a="b"}',
      [
        ["__name__", "=", "up"],
        ["a", "=", "b"],
      ],
    ],
    [
      '{"up", a="b"}',
      [
        ["__name__", "=", "up"],
        ["a", "=", "b"],
      ],
    ],
    ["process_cpu:cpu:nanoseconds:cpu:nanoseconds", [["__profile_type__", "=", "process_cpu:cpu:nanoseconds:cpu:nanoseconds"]]],
    [
      'off_cpu:off_cpu:nanoseconds::{a=""}',
      [
        ["__profile_type__", "=", "off_cpu:off_cpu:nanoseconds::"],
        ["a", "=", ""],
      ],
    ],
  ];
  it.each(cases)("reads %s", (text, expected) => {
    expect(selectorMatchers(parseSelector(text)).map((m) => [m.name, m.op, m.value])).toEqual(expected);
  });

  const faults: readonly [string, number][] = [
    ["", 1],
    ["{service_name=", 15],
    ["{", 2],
    ['{a="b"', 7],
    ['{a="b" c="d"}', 8],
    ["{a=b}", 4],
    ['{a=="b"}', 4],
    ['{a="b}', 4],
    ["{a=`b}", 4],
    ['{a="\\q"}', 5],
    ['{a="b"} x', 9],
    ["{,}", 2],
    ['{1a="b"}', 2],
    ['a{"b"}', 7],
  ];
  it.each(faults)("refuses %s at position %i", (text, position) => {
    expect(faultOf(text)).toEqual({ code: "selector_invalid", position });
  });

  it("refuses an expression that is not RE2 before anything is read", () => {
    expect(faultOf('{a=~"("}')?.code).toBe("selector_regex_invalid");
    expect(faultOf('{a!~"(?=x)"}')?.code).toBe("selector_regex_invalid");
    expect(faultOf('{a="("}')).toBeUndefined();
  });
});
