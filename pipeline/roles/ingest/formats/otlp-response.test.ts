import { describe, expect, it } from "vitest";
import { otlpOutcome } from "./otlp-response.ts";
import { malformed } from "./otlp-wire.ts";

describe("the outcome of an export request", () => {
  it("is empty when every profile was accepted", () => {
    expect(otlpOutcome(3, [])).toEqual({ rejectedProfiles: 0, message: "" });
  });
  it("counts what was refused and names each reason once, three at most", () => {
    const faults = ["a", "b", "a", "c", "d"].map((reason) => malformed(reason));
    expect(otlpOutcome(9, faults)).toEqual({ rejectedProfiles: 5, message: "5 of 9 profiles refused: a; b; c; and 1 other reasons" });
  });
  it("is the first fault when nothing was accepted", () => {
    expect(() => otlpOutcome(2, [malformed("first"), malformed("second")])).toThrow(expect.objectContaining({ rawMessage: "first" }));
  });
});
