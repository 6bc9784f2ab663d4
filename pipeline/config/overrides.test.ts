import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { isCoded } from "../base/errors.ts";
import { DAY_MS, MIB } from "../base/units.ts";
import { loadConfig } from "./load.ts";
import { NO_OVERRIDES, type Overrides, readOverridesFile, tenantSettings } from "./overrides.ts";

const folder = mkdtempSync(join(tmpdir(), "brazier-overrides-"));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
function file(text: string): string {
  const path = join(folder, `${files++}.yaml`);
  writeFileSync(path, text);
  return path;
}

const { config } = loadConfig({
  flags: {},
  environment: {},
  file: file(`
limits: { samples_max: 5 }
limits_per_tenant: { acme: { body_max: 2MiB, samples_max: 6 } }
retention: { period: 31d, per_tenant: { acme: { period: 20d, services: { shop: 3d, pay: 4d } } } }
`),
});

describe("the overrides file", () => {
  it("wins over what the configuration says of a tenant, key by key", () => {
    const overrides = readOverridesFile(
      file(
        "overrides:\n  acme: { samples_max: 7, retention: { services: { shop: 1d } } }\n  beta: { body_max: 1MiB, retention: { period: 0s } }\n",
      ),
    );
    const settings = tenantSettings(config, () => overrides);
    expect(settings.limitsOf("acme")).toMatchObject({ samples_max: 7, body_max: 2 * MIB });
    expect(settings.limitsOf("acme")).not.toHaveProperty("retention");
    expect(settings.limitsOf("beta")).toMatchObject({ samples_max: 5, body_max: MIB });
    expect(settings.limitsOf("constructor").samples_max).toBe(5);
    const days = (tenant: string, service: string): number => settings.retentionMs(tenant, service) / DAY_MS;
    expect([days("acme", "shop"), days("acme", "pay"), days("acme", "x")]).toEqual([1, 4, 20]);
    expect([days("beta", "shop"), days("gamma", "shop")]).toEqual([0, 31]);
  });

  it("is asked anew each time", () => {
    let current: Overrides = NO_OVERRIDES;
    const settings = tenantSettings(config, () => current);
    expect(settings.limitsOf("acme").samples_max).toBe(6);
    current = { acme: { samples_max: 8 } };
    expect(settings.limitsOf("acme").samples_max).toBe(8);
    current = { acme: { samples_max: 9 } };
    expect(settings.limitsOf("acme").samples_max).toBe(9);
  });

  it.each(["", "overrides:", "overrides: { acme: }"])("may say nothing: '%s'", (text) => {
    expect(tenantSettings(config, () => readOverridesFile(file(text))).limitsOf("acme").samples_max).toBe(6);
  });

  it.each([
    [
      "a limit that is none",
      "overrides: { acme: { sample_max: 7 } }",
      /overrides\.acme\.sample_max: is no key; did you mean samples_max\?/,
    ],
    ["a value that does not fit", "overrides: { acme: { body_max: much } }", /overrides\.acme\.body_max: takes a size/],
    ["a retention that is none", "overrides: { acme: { retention: 3d } }", /overrides\.acme\.retention/],
    ["another word at the top", "override: {}", /override: is no key; did you mean overrides\?/],
    ["no YAML", "overrides: {\n  a: ]", /line 2/],
  ])("refuses %s, and says where", (_, text, message) => {
    let fault: unknown;
    try {
      readOverridesFile(file(text));
    } catch (error) {
      fault = error;
    }
    expect(isCoded(fault, "overrides_invalid")).toBe(true);
    expect((fault as Error).message).toMatch(message);
  });

  it("must be there", () => {
    expect(() => readOverridesFile(join(folder, "absent"))).toThrow(expect.objectContaining({ code: "overrides_unreadable" }));
  });
});
