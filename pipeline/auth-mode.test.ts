import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { authMode } from "./auth-mode.ts";
import { systemClock } from "./base/clock.ts";
import { type CodedError, isCoded } from "./base/errors.ts";
import { silentLog } from "./base/log.ts";
import { createRegistry } from "./base/metrics.ts";
import { loadConfig } from "./config/load.ts";
import { Reloader } from "./config/reloader.ts";
import { createAuthenticate, tokenHash } from "./http/authenticate.ts";
import { readTenants } from "./http/caller.ts";
import { createGate } from "./http/gate.ts";

const folder = mkdtempSync(join(tmpdir(), "brazier-tokens-"));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
function modeOf(text: string) {
  const path = join(folder, `${files++}.yaml`);
  writeFileSync(path, text);
  const { config } = loadConfig({ flags: { "auth.mode": "tokens", "auth.tokens_file": path }, environment: {}, file: undefined });
  return { mode: authMode(config, reloader), path };
}

const reloader = new Reloader({ clock: systemClock, log: silentLog, registry: createRegistry(), intervalMs: 1000 });

describe("tokens file", () => {
  it("opens tenants to a token, given in the clear or by its hash", () => {
    const { mode } = modeOf(`
tokens:
  - { token: the-writer-of-acme, tenants: [acme], rights: [write] }
  - { token_sha256: ${tokenHash("the-reader-of-both")}, tenants: [beta, acme], rights: [read] }
`);
    const authenticate = createAuthenticate(mode);
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
    ["a right to write that names no tenant", "tokens: [{ token: a-long-enough-token, rights: [write, operate] }]"],
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

  it("opens the process itself to who operates it, without a tenant", () => {
    const { mode } = modeOf(
      "tokens:\n  - { token: the-one-who-operates, rights: [operate] }\n  - { token: the-reader-of-acme, tenants: [acme], rights: [read] }",
    );
    const gate = createGate(mode);
    expect(() => gate.operator({ authorization: "Bearer the-one-who-operates" })).not.toThrow();
    expect(() => gate.operator({ authorization: "Bearer the-reader-of-acme" })).toThrow(
      expect.objectContaining({ code: "operate_denied" }),
    );
    expect(() => gate.operator({})).toThrow(expect.objectContaining({ code: "credentials_missing" }));
    expect(() => gate.known({ authorization: "Bearer the-reader-of-acme" })).not.toThrow();
    expect(() => readTenants(createAuthenticate(mode)({ authorization: "Bearer the-one-who-operates" }))).toThrow(
      expect.objectContaining({ code: "read_denied" }),
    );
  });

  it("is in force as soon as it has changed, and a fault in it closes nobody out", () => {
    const { mode, path } = modeOf("tokens: [{ token: the-first-of-them, tenants: [acme], rights: [read] }]");
    const authenticate = createAuthenticate(mode);
    const opens = (token: string): boolean => {
      try {
        return authenticate({ authorization: `Bearer ${token}` }).mayRead;
      } catch {
        return false;
      }
    };
    expect([opens("the-first-of-them"), opens("the-second-of-them")]).toEqual([true, false]);
    writeFileSync(path, "tokens: [{ token: the-second-of-them, tenants: [acme], rights: [read] }]");
    reloader.look();
    expect([opens("the-first-of-them"), opens("the-second-of-them")]).toEqual([false, true]);
    writeFileSync(path, "tokens: [{ token: short");
    reloader.look();
    expect(opens("the-second-of-them")).toBe(true);
  });

  it("must be there", () => {
    const { config } = loadConfig({
      flags: { "auth.mode": "tokens", "auth.tokens_file": join(folder, "absent") },
      environment: {},
      file: undefined,
    });
    expect(() => authMode(config, reloader)).toThrow(expect.objectContaining({ code: "tokens_unreadable" }));
  });
});
