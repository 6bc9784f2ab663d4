import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../base/clock.ts";
import { CodedError, FaultKind } from "../base/errors.ts";
import { silentLog } from "../base/log.ts";
import { createRegistry } from "../base/metrics.ts";
import { systemRandom } from "../base/random.ts";
import type { DurationMs } from "../base/units.ts";
import { loadConfig } from "../config/load.ts";
import { NO_OVERRIDES, type Overrides, tenantSettings } from "../config/overrides.ts";
import { Reloader } from "../config/reloader.ts";
import { type App, createApp } from "./app.ts";
import { createAuthenticate } from "./authenticate.ts";
import { Bodies } from "./bodies.ts";
import { OPEN_GATE } from "./gate.ts";
import { createHttpMetrics } from "./metrics.ts";
import { OnePortServer } from "./one-port.ts";
import { pageRoutes } from "./page-files.ts";
import { probeRoutes } from "./probe-routes.ts";
import { Readiness } from "./readiness.ts";
import { statusRoutes } from "./status-routes.ts";
import { statusRpcs } from "./status-rpcs.ts";

/* What the process says about itself, and the page: over real HTTP, with a folder of files that changes. */

const folder = mkdtempSync(join(tmpdir(), "brazier-page-"));
let app: App;
let server: OnePortServer;
let url: string;
let writeFault: Error | undefined;
let overrides: Overrides = NO_OVERRIDES;

beforeAll(async () => {
  const registry = createRegistry();
  const loaded = loadConfig({ flags: { "log.level": "warn" }, environment: {}, file: undefined });
  // A clock that flies: what is remembered for a second is looked at anew each time.
  const clock = { ...systemClock, monotonicMs: () => performance.now() * 1e6 };
  const bucket = {
    name: "bucket",
    look: async () => {
      if (writeFault !== undefined) throw writeFault;
    },
  };
  const readiness = new Readiness([bucket, { name: "queue", look: async () => {} }], clock);
  app = await createApp({
    authenticate: createAuthenticate({ kind: "none" }),
    gate: OPEN_GATE,
    random: systemRandom,
    bodies: new Bodies(1e9, createRegistry()),
    connect: [statusRpcs([{ name: "utf8LabelNames", enabled: true, description: "" }])],
    plain: [
      probeRoutes({ readiness, registry }),
      statusRoutes({
        loaded,
        build: { version: "9.9.9", revision: "abc", branch: "main", buildDate: "" },
        roles: ["ingest", "query"],
        readiness,
        reloader: new Reloader({ clock: systemClock, log: silentLog, registry, intervalMs: 1000 }),
        tenants: tenantSettings(loaded.config, () => overrides),
      }),
      pageRoutes({ folder, absent: () => "no page yet\n" }),
    ],
    direct: [],
    log: silentLog,
    metrics: createHttpMetrics(registry, systemClock),
  });
  server = new OnePortServer(app.listener);
  url = `http://127.0.0.1:${await server.listen(0, "127.0.0.1")}`;
});

afterAll(async () => {
  await server.close(1000 as DurationMs);
  await app.close();
  rmSync(folder, { recursive: true });
});

function rpc(path: string): Promise<Response> {
  return fetch(`${url}/${path}`, { method: "POST", body: "{}", headers: { "content-type": "application/json" } });
}

describe("status", () => {
  it("is ready when every part is, and names the part and its fault otherwise; it lives all the while", async () => {
    expect(await (await fetch(`${url}/ready`)).text()).toBe("ready\n");
    writeFault = new CodedError("object_store_full", FaultKind.Unavailable, "no space left");
    const response = await fetch(`${url}/ready`);
    expect([response.status, await response.text()]).toEqual([503, "not ready\nbucket: [object_store_full] no space left\n"]);
    for (const path of ["/healthz", "/-/healthy"]) expect((await fetch(url + path)).status).toBe(200);
    expect(await (await fetch(`${url}/api/v1/status`)).json()).toMatchObject({
      version: "9.9.9",
      roles: ["ingest", "query"],
      ready: false,
      parts: [
        { name: "bucket", ready: false, fault: "[object_store_full] no space left" },
        { name: "queue", ready: true },
      ],
    });
    writeFault = undefined;
    expect((await fetch(`${url}/ready`)).status).toBe(200);
  });

  it("gives version, settings and limits", async () => {
    expect(await (await fetch(`${url}/api/v1/status/buildinfo`)).json()).toMatchObject({ status: "success", data: { version: "9.9.9" } });
    expect(await (await fetch(`${url}/api/v1/status/config`)).text()).toContain("level: warn");
    expect(await (await fetch(`${url}/api/v1/status/config/diff`)).text()).toBe("log:\n  level: warn\n");
    expect(await (await fetch(`${url}/api/v1/status/config/default`)).text()).toContain("level: info");
    expect(await (await fetch(`${url}/api/v1/tenant_limits`)).text()).toContain("samples_max: 16000");
    overrides = { anonymous: { samples_max: 7 } };
    expect(await (await fetch(`${url}/api/v1/tenant_limits`)).text()).toContain("samples_max: 7");
    expect(await (await fetch(`${url}/runtime_config`)).text()).toBe("overrides:\n  anonymous:\n    samples_max: 7\n");
  });

  it("counts requests by route", async () => {
    await rpc("version.v1.Version/Version");
    expect(await (await fetch(`${url}/metrics`)).text()).toMatch(
      /brazier_http_request_duration_seconds_count\{[^}]*route="\/version\.v1\.Version\/Version"[^}]*\} [1-9]/,
    );
  });

  it("answers version and feature flags, no to debug information, and 501 to what is not built", async () => {
    expect(await (await rpc("version.v1.Version/Version")).json()).toEqual({ QuerierAPI: "1" });
    expect(await (await rpc("capabilities.v1.FeatureFlagsService/GetFeatureFlags")).json()).toMatchObject({
      featureFlags: [{ name: "utf8LabelNames", enabled: true }],
    });
    const shouldUpload = await (await rpc("debuginfo.v1alpha1.DebuginfoService/ShouldInitiateUpload")).json();
    expect(shouldUpload).not.toHaveProperty("shouldInitiateUpload");
    for (const path of [
      "settings.v1.SettingsService/Get",
      "settings.v1.RecordingRulesService/ListRecordingRules",
      "vcs.v1.VCSService/GithubApp",
      "adhocprofiles.v1.AdHocProfileService/List",
      "debuginfo.v1alpha1.DebuginfoService/UploadFinished",
      "debuginfo.v1alpha1.DebuginfoService/Upload/abc",
    ]) {
      expect([path, (await rpc(path)).status]).toEqual([path, 501]);
    }
    expect((await rpc("no.such.Service/Method")).status).toBe(404);
  });
});

describe("page", () => {
  const html = { accept: "text/html" };

  it("says so while it is not built, and is there as soon as it is", async () => {
    const before = await fetch(`${url}/`, { headers: html });
    expect([before.status, await before.text()]).toEqual([503, "no page yet\n"]);
    mkdirSync(join(folder, "assets"));
    writeFileSync(join(folder, "assets/app-1a2b.js"), "let x;");
    writeFileSync(join(folder, "index.html"), "<p>first");
    const after = await fetch(`${url}/`, { headers: html });
    expect([after.status, await after.text()]).toEqual([200, "<p>first"]);
    expect(after.headers.get("content-security-policy")).toContain("default-src 'self'");
  });

  it("serves a place in the page, hashed files for ever, and nothing outside its folder", async () => {
    expect(await (await fetch(`${url}/explore?x=1`, { headers: html })).text()).toBe("<p>first");
    const asset = await fetch(`${url}/assets/app-1a2b.js`);
    expect([asset.headers.get("cache-control"), asset.headers.get("content-type")]).toEqual([
      expect.stringContaining("immutable"),
      "text/javascript; charset=utf-8",
    ]);
    expect((await fetch(`${url}/assets/gone.js`, { headers: html })).status).toBe(404);
    expect((await fetch(`${url}/..%2f..%2fetc/passwd`)).status).toBe(404);
    expect((await fetch(`${url}/explore`, { headers: { accept: "application/json" } })).status).toBe(404);
  });

  it("takes up a newer build", async () => {
    writeFileSync(join(folder, "index.html"), "<p>second");
    utimesSync(join(folder, "index.html"), new Date(), new Date(Date.now() + 5000));
    expect(await (await fetch(`${url}/`, { headers: html })).text()).toBe("<p>second");
    // As in an image that is the same whenever it is built: its files have no time.
    writeFileSync(join(folder, "index.html"), "<p>timeless");
    utimesSync(join(folder, "index.html"), 0, 0);
    expect(await (await fetch(`${url}/`, { headers: html })).text()).toBe("<p>timeless");
  });
});
