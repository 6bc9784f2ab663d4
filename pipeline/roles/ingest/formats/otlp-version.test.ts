import { describe, expect, it } from "vitest";
import { checkOtlpVersion } from "./otlp-version.ts";

describe("the version of the profiles protocol", () => {
  it.each([undefined, null, "1"])("is known when the header is %j", (header) => {
    expect(() => checkOtlpVersion(header)).not.toThrow();
  });
  it.each(["2", "", "01", "1, 1"])("is refused when the header is %j", (header) => {
    expect(() => checkOtlpVersion(header)).toThrow(expect.objectContaining({ code: "malformed_profile", kind: "invalid" }));
  });
});
