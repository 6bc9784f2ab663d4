import { describe, expect, it } from "vitest";
import { isCoded } from "../../base/errors.ts";
import type { UnixMs } from "../../base/units.ts";
import { admitTimeNs, checkLabels, prepareLabels } from "./admit.ts";
import { DEFAULT_LIMITS, type IngestLimits } from "./limits.ts";

const GOOD = { __name__: "process_cpu", service_name: "shop" };

describe("prepareLabels", () => {
  it("sorts, and names a service that nobody named", () => {
    expect(prepared({ z: "1", __name__: "cpu" })).toEqual([
      ["__name__", "cpu"],
      ["service_name", "unknown_service"],
      ["z", "1"],
    ]);
    expect(prepared({ service_name: "" })).toEqual([["service_name", "unknown_service"]]);
  });

  it("refuses a label that comes twice, even with the same value", () => {
    const twice = [
      { name: "a", value: "1" },
      { name: "a", value: "1" },
    ];
    expect(faultCode(() => prepareLabels(twice, DEFAULT_LIMITS))).toBe("duplicate_label_names");
  });

  it("takes names as they are, and sanitises them only when told to", () => {
    const sanitize = { sanitizeLabelNames: true };
    expect(prepared({ "k8s.pod": "x", service_name: "s" })).toContainEqual(["k8s.pod", "x"]);
    expect(prepared({ "k8s.pod": "x", service_name: "s" }, sanitize)).toContainEqual(["k8s_pod", "x"]);
    expect(prepared({ "a.b": "x", a_b: "x", service_name: "s" }, sanitize)).toContainEqual(["a_b", "x"]);
    expect(faultCode(() => prepared({ "a.b": "x", a_b: "y" }, sanitize))).toBe("duplicate_label_names");
    expect(faultCode(() => prepared({ "a-b": "x" }, sanitize))).toBe("invalid_labels");
  });

  it("drops the session, or bounds the number of sessions", () => {
    const session = { __session_id__: "0700000000000000", service_name: "s" };
    expect(prepared(session)).toEqual([["service_name", "s"]]);
    expect(prepared(session, { sessionsPerSeriesMax: 4 })).toContainEqual(["__session_id__", "0300000000000000"]);
    expect(prepared({ ...session, __session_id__: "no hex" }, { sessionsPerSeriesMax: 4 })).toEqual([["service_name", "s"]]);
  });
});

describe("checkLabels", () => {
  it.each<[string, string, Record<string, string>, Partial<IngestLimits>]>([
    ["no labels", "missing_labels", {}, {}],
    ["no profile name", "invalid_labels", { service_name: "shop" }, {}],
    ["3 labels where 2 are allowed", "max_label_names_per_series", { ...GOOD, a: "1" }, { labelNamesMax: 2 }],
    ["a name of 1025 bytes", "label_name_too_long", { ...GOOD, ["é".repeat(512) + "x"]: "1" }, {}],
    ["a value of 2049 bytes", "label_value_too_long", { ...GOOD, a: "é".repeat(1024) + "x" }, {}],
    ["an empty name", "invalid_labels", { ...GOOD, "": "1" }, {}],
    ["half a surrogate pair", "invalid_labels", { ...GOOD, a: "\ud800" }, {}],
    ["a NUL", "invalid_labels", { ...GOOD, a: "x\0y" }, {}],
  ])("refuses %s", (_, code, labels, limits) => {
    expect(faultCode(() => check(labels, limits))).toBe(code);
  });

  it("takes labels at their limits", () => {
    check({ ...GOOD, ["é".repeat(512)]: "é".repeat(1024) });
    check(Object.fromEntries([...Object.entries(GOOD), ...Array.from({ length: 28 }, (_, index) => [`l${index}`, "x"])]));
    check({ ...GOOD, ["l".repeat(5000)]: "x".repeat(5000) }, { labelNameBytesMax: 0, labelValueBytesMax: 0, labelNamesMax: 0 });
  });
});

describe("admitTimeNs", () => {
  const nowMs = 1_700_000_000_000 as UnixMs;
  const at = (ms: number): bigint => BigInt(nowMs + ms) * 1_000_000n;

  it("takes what is newer than an hour ago and older than in 10 minutes", () => {
    for (const ms of [-3_599_999, 0, 599_999]) expect(admitTimeNs(at(ms), nowMs, DEFAULT_LIMITS)).toBe(at(ms));
    for (const ms of [-3_600_000, 600_000])
      expect(faultCode(() => admitTimeNs(at(ms), nowMs, DEFAULT_LIMITS))).toBe("not_in_ingestion_window");
  });

  it("takes any time when there is no bound, and now for none", () => {
    const unbounded = { ...DEFAULT_LIMITS, rejectNewerThanMs: 0, rejectOlderThanMs: 0 };
    expect(admitTimeNs(1n, nowMs, unbounded)).toBe(1n);
    expect(admitTimeNs(2n ** 62n, nowMs, unbounded)).toBe(2n ** 62n);
    expect(admitTimeNs(0n, nowMs, DEFAULT_LIMITS)).toBe(at(0));
    expect(admitTimeNs(-5n, nowMs, DEFAULT_LIMITS)).toBe(at(0));
  });
});

function prepared(labels: Record<string, string>, limits: Partial<IngestLimits> = {}): (readonly [string, string])[] {
  const all = Object.entries(labels).map(([name, value]) => ({ name, value }));
  return prepareLabels(all, { ...DEFAULT_LIMITS, ...limits }).map(({ name, value }) => [name, value]);
}

function check(labels: Record<string, string>, limits: Partial<IngestLimits> = {}): void {
  checkLabels(
    Object.entries(labels).map(([name, value]) => ({ name, value })),
    { ...DEFAULT_LIMITS, ...limits },
  );
}

function faultCode(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (isCoded(error)) return error.code;
    throw error;
  }
  return "no fault";
}
