import { describe, expect, it } from "vitest";
import type { CodedError } from "../base/errors.ts";
import type { TenantId } from "../base/units.ts";
import { acceptsUtf8LabelNames, parseAccept } from "./accept.ts";
import { createAuthenticate, type Grant, tokenHash } from "./authenticate.ts";
import { readTenants, writeTenant } from "./caller.ts";
import { tenantsOfHeader } from "./tenant-header.ts";

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return (error as CodedError).code;
  }
  return "no fault";
}

describe("tenant header", () => {
  it.each([
    ["acme", ["acme"]],
    ["b|a|b", ["a", "b"]],
    ["A-z_0.9!*'()", ["A-z_0.9!*'()"]],
    ["x".repeat(150), ["x".repeat(150)]],
  ])("takes %s", (header, tenants) => {
    expect(tenantsOfHeader(header)).toEqual(tenants);
  });

  it.each([
    [undefined, "tenant_missing"],
    ["", "tenant_missing"],
    ["a|", "tenant_invalid"],
    ["a b", "tenant_invalid"],
    ["a/b", "tenant_invalid"],
    [".", "tenant_invalid"],
    ["..", "tenant_invalid"],
    ["é", "tenant_invalid"],
    ["x".repeat(151), "tenant_invalid"],
  ])("refuses %s", (header, code) => {
    expect(codeOf(() => tenantsOfHeader(header))).toBe(code);
  });
});

describe("authentication", () => {
  const grant: Grant = { tenants: ["acme", "beta"] as TenantId[], mayRead: true, mayWrite: false, mayOperate: false };
  const none = createAuthenticate({ kind: "none" });
  const header = createAuthenticate({ kind: "header" });
  const tokens = createAuthenticate({ kind: "tokens", grants: () => new Map([[tokenHash("a-long-enough-token"), grant]]) });
  const bearer = { authorization: "Bearer a-long-enough-token" };

  it("is one tenant without a mode, whatever the header says", () => {
    expect(none({ "x-scope-orgid": "acme" }).tenants).toEqual(["anonymous"]);
  });

  it("trusts the header in mode header", () => {
    expect(header({ "x-scope-orgid": "acme|beta" })).toMatchObject({ tenants: ["acme", "beta"], mayRead: true, mayWrite: true });
    expect(codeOf(() => header({}))).toBe("tenant_missing");
  });

  it("opens the tenants of a bearer token, or of a password", () => {
    const opened = { tenants: grant.tenants, mayRead: true, mayWrite: false };
    expect(tokens(bearer)).toMatchObject(opened);
    const basic = `Basic ${Buffer.from("anyone:a-long-enough-token").toString("base64")}`;
    expect(tokens({ authorization: basic })).toMatchObject(opened);
  });

  it("lets the header choose among the tenants of a token, and no others", () => {
    expect(tokens({ ...bearer, "x-scope-orgid": "beta" }).tenants).toEqual(["beta"]);
    expect(codeOf(() => tokens({ ...bearer, "x-scope-orgid": "beta|gamma" }))).toBe("tenant_denied");
  });

  it.each([
    [{}, "credentials_missing"],
    [{ authorization: "Bearer" }, "credentials_missing"],
    [{ authorization: "Digest x" }, "credentials_missing"],
    [{ authorization: "Bearer wrong-token-of-someone" }, "credentials_unknown"],
  ])("refuses %j", (headers, code) => {
    expect(codeOf(() => tokens(headers))).toBe(code);
  });

  it("keeps reading and writing apart", () => {
    const caller = tokens(bearer);
    expect(readTenants(caller)).toEqual(["acme", "beta"]);
    expect(codeOf(() => writeTenant(caller))).toBe("write_denied");
    expect(codeOf(() => writeTenant({ ...caller, mayWrite: true }))).toBe("tenant_ambiguous");
    expect(codeOf(() => readTenants({ ...caller, mayRead: false }))).toBe("read_denied");
  });
});

describe("accept header", () => {
  it.each([
    [undefined, false],
    ["*/*", false],
    ["*/*; allow-utf8-labelnames=true", true],
    ["application/json, */*;q=0.5;allow-utf8-labelnames=true", true],
    ["*/*; Allow-UTF8-LabelNames=true", true],
    ['*/*; allow-utf8-labelnames="true"', true],
    ["*/*; allow-utf8-labelnames=false", false],
    ["text/html;q=0.9", false],
  ])("%s allows any UTF-8 label name: %s", (accept, allowed) => {
    expect(acceptsUtf8LabelNames(accept)).toBe(allowed);
  });

  it.each(["text/html;=", ";a=b", "text/html extra", "a/b,,c/d", "*/*; a="])("refuses %s", (accept) => {
    expect(codeOf(() => acceptsUtf8LabelNames(accept))).toBe("accept_malformed");
  });

  it("reads quoted values with escapes", () => {
    expect(parseAccept('a/b; c="d\\"e"')[0]?.parameters.get("c")).toBe('d"e');
  });
});
