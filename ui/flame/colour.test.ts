import { describe, expect, it } from "vitest";
import { changeStrength, frameColour, packageOf } from "./colour.ts";
import { fitName } from "./paint.ts";

describe("packageOf", () => {
  it.each([
    ["net/http.(*conn).serve", "net/http"],
    ["github.com/acme/pay/ledger.Post", "github.com/acme/pay/ledger"],
    ["runtime.mallocgc", "runtime"],
    ["main.main.func1", "main"],
    ["java/util/HashMap.put", "java/util/HashMap"],
    ["com.acme.pay.Ledger.post", "com.acme.pay.Ledger"],
    ["std::vec::Vec<T>::push", "std::vec"],
    ["libc.so.6!0x2a1f", "libc.so.6"],
    ["(idle)", "("],
    ["(anonymous values.ts:26)", "values.ts"],
    ["memcpy", "memcpy"],
  ])("%s belongs to %s", (name, expected) => {
    expect(packageOf(name)).toBe(expected);
  });
});

describe("frameColour", () => {
  it("is the same every time, and differs between themes", () => {
    expect(frameColour("main.work", "dark")).toEqual(frameColour("main.work", "dark"));
    expect(frameColour("main.work", "dark").fill).not.toBe(frameColour("main.work", "light").fill);
  });
});

describe("changeStrength", () => {
  it("is 0 for equal shares, 1 for new and −1 for gone, and full at four times", () => {
    expect(changeStrength(0.2, 0.2)).toBe(0);
    expect(changeStrength(0, 0.1)).toBe(1);
    expect(changeStrength(0.1, 0)).toBe(-1);
    expect(changeStrength(0.1, 0.4)).toBe(1);
    expect(changeStrength(0.1, 0.2)).toBe(0.5);
  });
});

describe("fitName", () => {
  it("drops the import path before it cuts the name", () => {
    expect(fitName("github.com/acme/pay/ledger.Post", 40)).toBe("github.com/acme/pay/ledger.Post");
    expect(fitName("github.com/acme/pay/ledger.Post", 12)).toBe("ledger.Post");
    expect(fitName("github.com/acme/pay/ledger.Post", 6)).toBe("ledge…");
    expect(fitName("ledger.Post", 2)).toBe("");
  });
});
