import { describe, expect, it } from "vitest";
import { isCoded } from "../../base/errors.ts";
import { parseTimeNs } from "../../base/time-text.ts";
import type { UnixMs } from "../../base/units.ts";
import { parseAppName } from "./app-name.ts";
import { parseIngestParams } from "./ingest-params.ts";

const NOW_MS = 1_700_000_000_000 as UnixMs;

describe("the name parameter", () => {
  it.each<[string, string, [string, string][]]>([
    ["shop", "shop", []],
    ["shop.cpu{}", "shop.cpu", []],
    ["shop{region=eu}", "shop", [["region", "eu"]]],
    [
      " shop { a = x y , b=http://h:1/?q } trailing",
      "shop",
      [
        ["a", "x y"],
        ["b", "http://h:1/?q"],
      ],
    ],
    [
      "a/b-c_d{x=1,x=2,__session_id__=ff}",
      "a/b-c_d",
      [
        ["x", "2"],
        ["__session_id__", "ff"],
      ],
    ],
    ["shop{open=1", "shop", [["open", "1"]]],
    ["shop{a=}", "shop", [["a", ""]]],
  ])("reads %s", (name, app, labels) => {
    expect(parseAppName(name)).toEqual({ app, labels: labels.map(([label, value]) => ({ name: label, value })) });
  });

  it.each(["", "{a=1}", "a b", "ä", "app{a-b=1}", "app{__name__=x}", "app{=1}"])("refuses %j", (name) => {
    expect(faultCode(() => parseAppName(name))).toBe("ingest_params");
  });
});

describe("times", () => {
  it.each<[string, bigint | undefined]>([
    ["1700000000", 1_700_000_000_000_000_000n],
    ["0", 0n],
    ["1700000000123", 1_700_000_000_123_000_000n],
    ["1700000000123456", 1_700_000_000_123_456_000n],
    ["1700000000123456789", 1_700_000_000_123_456_789n],
    ["20231114", 1_699_920_000_000_000_000n],
    ["now", BigInt(NOW_MS) * 1_000_000n],
    ["now-1h", BigInt(NOW_MS - 3_600_000) * 1_000_000n],
    ["now-2min", BigInt(NOW_MS - 120_000) * 1_000_000n],
    ["now+1h", BigInt(NOW_MS + 3_600_000) * 1_000_000n],
    ["yesterday", undefined],
    ["-5", undefined],
    ["99999999999999999999", undefined],
  ])("reads %s", (text, expected) => {
    expect(parseTimeNs(text, NOW_MS)).toBe(expected);
  });
});

describe("the query string", () => {
  it("has a default for everything but the name", () => {
    expect(parseIngestParams("name=app", NOW_MS)).toEqual({
      app: "app",
      labels: [],
      fromNs: BigInt(NOW_MS) * 1_000_000n,
      untilNs: BigInt(NOW_MS) * 1_000_000n,
      timeGiven: false,
      format: "",
      sampleRate: 100,
      spyName: "unknown",
    });
  });

  it("takes the default for a sample rate that is no number", () => {
    expect(parseIngestParams("name=app&sampleRate=fast", NOW_MS).sampleRate).toBe(100);
    expect(parseIngestParams("name=app&sampleRate=0", NOW_MS).sampleRate).toBe(0);
  });

  it("refuses a time that is none", () => {
    expect(faultCode(() => parseIngestParams("name=app&until=soon", NOW_MS))).toBe("ingest_params");
  });
});

function faultCode(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (isCoded(error)) return error.code;
    throw error;
  }
  return "no fault";
}
