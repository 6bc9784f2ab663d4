import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { authMode } from "./auth-mode.ts";
import { type CodedError, isCoded } from "./base/errors.ts";
import { loadConfig } from "./config/load.ts";
import { createAuthenticate, tokenHash } from "./http/authenticate.ts";

const folder = mkdtempSync(join(tmpdir(), "brazier-tokens-"));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
function modeOf(text: string) {
  const path = join(folder, `${files++}.yaml`);
  writeFileSync(path, text);
  const { config } = loadConfig({ flags: { "auth.mode": "tokens", "auth.tokens_file": path }, environment: {}, file: undefined });
  return authMode(config);
}

describe("tokens file", () => {
  it("opens tenants to a token, given in the clear or by its hash", () => {
    const authenticate = createAuthenticate(
      modeOf(`
tokens:
  - { token: the-writer-of-acme, tenants: [acme], rights: [write] }
  - { token_sha256: ${tokenHash("the-reader-of-both")}, tenants: [beta, acme], rights: [read] }
`),
    );
    expect(authenticate({ authorization: "Bearer the-writer-of-acme" })).toMatchObject({
      tenants: ["acme"],
      mayRead: false,
      mayWrite: true,
    });
    expect(authenticate({ authorization: "Bearer the-reader-of-both" })).toMatchObject({
      tenants: ["acme", "beta"],
      mayRead: true,
      mayWrite: false,
    });
  });

  it.each([
    ["a short token", "tokens: [{ token: short, tenants: [a], rights: [read] }]"],
    ["no tenant", "tokens: [{ token: a-long-enough-token, tenants: [], rights: [read] }]"],
    ["a tenant that cannot be one", "tokens: [{ token: a-long-enough-token, tenants: [a/b], rights: [read] }]"],
    ["an unknown right", "tokens: [{ token: a-long-enough-token, tenants: [a], rights: [admin] }]"],
    ["neither token nor hash", "tokens: [{ tenants: [a], rights: [read] }]"],
    ["another key", "tokens: [{ token: a-long-enough-token, tenants: [a], rights: [read], admin: true }]"],
    ["no YAML", "tokens: [{ token: a-long-enough-token"],
  ])("refuses %s, and never repeats a token", (_, text) => {
    let fault: unknown;
    try {
      modeOf(text);
    } catch (error) {
      fault = error;
    }
    expect(isCoded(fault, "tokens_invalid")).toBe(true);
    expect((fault as CodedError).message).not.toContain("a-long-enough-token");
  });

  it("must be there", () => {
    const { config } = loadConfig({
      flags: { "auth.mode": "tokens", "auth.tokens_file": join(folder, "absent") },
      environment: {},
      file: undefined,
    });
    expect(() => authMode(config)).toThrow(expect.objectContaining({ code: "tokens_unreadable" }));
  });
});
