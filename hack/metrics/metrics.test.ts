import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { silentLog } from "../../pipeline/base/log.ts";
import { loadConfig } from "../../pipeline/config/load.ts";
import { type Server, startServer } from "../../pipeline/main.ts";
import { push } from "../../test/harness/client.ts";
import { makePprof } from "../../test/harness/make-pprof.ts";
import { ALERTS_FILE, alertExpressions } from "../dashboards/alerts.ts";
import { DASHBOARD_FILE, dashboard, dashboardExpressions } from "../dashboards/dashboard.ts";
import { checkPromql, metricNamesOf } from "../dashboards/promql.ts";
import { ROOT } from "../tidy/repository.ts";
import { metricsDocument } from "./document.ts";
import { sourceMetrics } from "./source-metrics.ts";

/* Goal: what is measured is documented, and what dashboards and alerts ask for is measured. */

const folder = mkdtempSync(join(tmpdir(), "brazier-metrics-"));
const declared = sourceMetrics(ROOT);
let server: Server;
let exposed: string;

beforeAll(async () => {
  const flags = {
    data_dir: join(folder, "data"),
    "http.host": "127.0.0.1",
    "http.port": "0",
    "otlp.enabled": "false",
    "self_profile.enabled": "false",
  };
  const loaded = loadConfig({ flags, environment: {}, file: undefined });
  server = await startServer(loaded, silentLog, { page: { folder: join(folder, "no-page"), absent: () => "" } });
  const url = `http://127.0.0.1:${server.port}`;
  const profile = makePprof({ stacks: { "main;work": [1, 10] }, time: Date.now() });
  await push(url, [{ labels: { service_name: "shop", __name__: "process_cpu" }, profile }]);
  exposed = await (await fetch(`${url}/metrics`)).text();
}, 60_000);

afterAll(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

function exposedNames(): readonly string[] {
  return [...exposed.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name as string);
}

/** Series of a histogram under the name of the histogram. */
function known(name: string): boolean {
  const names = new Set([...declared.map((metric) => metric.name), ...exposedNames().filter((one) => /^(process|nodejs)_/.test(one))]);
  // Made by Prometheus itself.
  return name === "up" || names.has(name) || names.has(name.replace(/_(bucket|sum|count)$/, ""));
}

describe("docs/metrics.md", () => {
  it("is what the source says", () => {
    const path = join(ROOT, "docs/metrics.md");
    if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(path, metricsDocument(declared));
    expect(readFileSync(path, "utf8")).toBe(metricsDocument(declared));
  });

  it("names every metric that a running server shows", () => {
    const own = exposedNames().filter((name) => !/^(process|nodejs)_/.test(name));
    expect(own.length).toBeGreaterThan(20);
    expect(own.filter((name) => !declared.some((metric) => metric.name === name))).toEqual([]);
  });

  it("has names that end in their unit, and each metric once", () => {
    expect(declared.filter(({ name, kind }) => kind === "counter" && !name.endsWith("_total"))).toEqual([]);
    expect(declared.filter(({ name, kind }) => kind === "histogram" && !/_(seconds|bytes)$/.test(name))).toEqual([]);
    const names = declared.map(({ name }) => name);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });
});

describe.each([
  ["alert", () => alertExpressions(readFileSync(join(ROOT, ALERTS_FILE), "utf8"))],
  ["dashboard", () => dashboardExpressions(JSON.parse(readFileSync(join(ROOT, DASHBOARD_FILE), "utf8")))],
] as const)("every expression of an %s", (_, expressions) => {
  it("is PromQL, and asks for metrics that exist", () => {
    const all = expressions();
    expect(all.length).toBeGreaterThan(5);
    for (const expression of all) {
      expect([expression, checkPromql(expression)]).toEqual([expression, undefined]);
      const unknown = metricNamesOf(expression).filter((name) => !known(name));
      expect([expression, unknown]).toEqual([expression, []]);
      expect(metricNamesOf(expression).length).toBeGreaterThan(0);
    }
  });
});

describe("the check of PromQL", () => {
  it.each(["rate(brazier_x_total[5m]", "sum by (a brazier_x", "histogram_quantile(0.9, )", "a b"])("refuses '%s'", (expression) => {
    expect(checkPromql(expression)).toBeDefined();
  });

  it("finds the names", () => {
    expect(metricNamesOf('sum by (tenant) (rate(brazier_a_total{b="c"}[5m])) / on (tenant) brazier_d')).toEqual([
      "brazier_a_total",
      "brazier_d",
    ]);
  });
});

describe("the dashboard", () => {
  it("is what its source says", () => {
    const path = join(ROOT, DASHBOARD_FILE);
    const text = `${JSON.stringify(dashboard(), null, 2)}\n`;
    if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(path, text);
    expect(readFileSync(path, "utf8")).toBe(text);
  });
});

describe("the runbook", () => {
  it("has a section for every alert, and none for others", () => {
    const operations = readFileSync(join(ROOT, "docs/operations.md"), "utf8");
    const alerts = [...readFileSync(join(ROOT, ALERTS_FILE), "utf8").matchAll(/- alert: (\w+)/g)].map(([, name]) => name as string);
    const sections = [...operations.matchAll(/^### (Brazier\w+)$/gm)].map(([, name]) => name as string);
    expect(sections.toSorted()).toEqual(alerts.toSorted());
  });
});
