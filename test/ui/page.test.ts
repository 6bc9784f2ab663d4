import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import axeCore from "axe-core";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ask } from "../harness/client.ts";
import { type WireFlameGraph, weighFunctions } from "../harness/flame-graph.ts";
import { REPOSITORY, type Server, startServer } from "../harness/server.ts";
import { openBrowser, openPage, type WatchedPage, whyNoBrowser } from "./browser.ts";
import { params, readRows } from "./page-reading.ts";

/*
 * Goal: what the page shows is what the server answers, in a real browser, with nothing said in the console.
 * Method: the server profiles itself for a while and is then started again without, so that the data stands still and three
 * readers can be compared to the unit: the page's table, the API's flame graph (summed here by an independent reading of
 * the wire) and `brazier top`.
 */

const run = promisify(execFile);
const absent = whyNoBrowser();
if (absent !== undefined) console.warn(`test/ui is skipped: ${absent}`);

const CPU = /^process_cpu:cpu:nanoseconds:/;

describe.skipIf(absent !== undefined)("the page", () => {
  let dataDir: string;
  let server: Server;
  let browser: Browser;
  let typeId: string;
  let window: { readonly from: number; readonly until: number };

  beforeAll(async () => {
    await run(join(REPOSITORY, "node_modules/.bin/vite"), ["build", join(REPOSITORY, "ui"), "--logLevel", "warn"]);
    dataDir = await mkdtemp(join(tmpdir(), "brazier-ui-"));
    const profiled = await startServer({ dataDir, selfProfile: true });
    const startedMs = Date.now();
    typeId = await untilSelfProfiled(profiled);
    await profiled.stop();
    server = await startServer({ dataDir });
    window = { from: startedMs - 60_000, until: Date.now() };
    browser = await openBrowser();
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    await server?.stop();
    if (dataDir !== undefined) await rm(dataDir, { recursive: true, force: true });
  });

  async function open(more = ""): Promise<WatchedPage> {
    const watched = await openPage(browser, server.url);
    await watched.page.goto(`${server.url}/?service=brazier&from=${window.from}&until=${window.until}${more}`);
    return watched;
  }

  it("lists the services and opens one with a click", async () => {
    const { page, faults } = await openPage(browser, server.url);
    await page.goto(`${server.url}/?from=${window.from}&until=${window.until}`);
    await page.getByRole("navigation", { name: "Services" }).getByText("brazier", { exact: true }).click();
    expect(params(page).get("service")).toBe("brazier");
    await page.waitForSelector(".table-row");
    expect(await page.title()).toContain("brazier · CPU time");
    expect(faults).toEqual([]);
    await page.context().close();
  });

  it("shows the functions of the API and of `brazier top`, equal to the unit", async () => {
    const { page, faults } = await open();
    const shown = await readRows(page);
    expect(shown.length).toBeGreaterThan(5);

    const range = { start: String(window.from), end: String(window.until) };
    const question = { ...range, profileTypeID: typeId, labelSelector: '{service_name="brazier"}', maxNodes: "1000000" };
    const { flamegraph } = await ask<{ flamegraph: WireFlameGraph }>(server.url, "SelectMergeStacktraces", question);
    const weights = weighFunctions(flamegraph);
    for (const { name, self, total } of shown) expect({ name, ...weights.get(name) }).toEqual({ name, flat: self, cum: total });
    const hottest = [...weights].map(([name, { flat }]) => ({ name, flat })).sort((a, b) => b.flat - a.flat || (a.name < b.name ? -1 : 1));
    expect(shown.slice(0, 5).map(({ name }) => name)).toEqual(hottest.slice(0, 5).map(({ name }) => name));

    const top = await run(join(REPOSITORY, "bin/brazier"), [
      "top",
      "brazier",
      "--url",
      server.url,
      "--type",
      typeId,
      "--since",
      "30m",
      "--json",
    ]);
    const { functions } = JSON.parse(top.stdout) as { functions: { name: string; flat: number; cum: number }[] };
    const inTop = new Map(functions.map(({ name, flat, cum }) => [name, { flat, cum }]));
    for (const { name, self, total } of shown.slice(0, 5)) expect({ name, ...inTop.get(name) }).toEqual({ name, flat: self, cum: total });
    expect(faults).toEqual([]);
    await page.context().close();
  });

  it("keeps everything in the address: a copy of the link shows the same, the back button undoes", async () => {
    const { page, faults } = await open();
    await readRows(page);
    await page.getByRole("button", { name: "Total" }).click();
    await page.getByRole("button", { name: "Flame", exact: true }).click();
    await page.getByRole("button", { name: "Both", exact: true }).click();
    const [first] = await readRows(page);
    await page.locator(`.function-name[title=${JSON.stringify(first!.name)}]`).click();
    await page.getByText("Callers", { exact: true }).waitFor();
    expect(Object.fromEntries(params(page))).toMatchObject({ service: "brazier", sort: "total", focus: first!.name });

    const copy = await page.context().newPage();
    await copy.goto(page.url());
    await copy.getByText("Callees", { exact: true }).waitFor();
    // How many rows are in the document depends on the moment: the first ones are always there.
    expect((await readRows(copy)).slice(0, 10)).toEqual((await readRows(page)).slice(0, 10));

    await page.goBack();
    expect(params(page).has("focus")).toBe(false);
    await page.getByText("Callers", { exact: true }).waitFor({ state: "detached" });
    await page.goBack();
    expect(params(page).get("show")).toBe("flame");
    expect(faults).toEqual([]);
    await page.context().close();
  });

  it("searches the table and the flame graph at once", async () => {
    const { page, faults } = await open();
    const [first] = await readRows(page);
    await page.keyboard.press("/");
    await page.keyboard.type(first!.name);
    await page.waitForURL(({ searchParams }) => searchParams.get("search") === first!.name);
    expect(await page.locator(".search output").textContent()).toMatch(/^[\d.]+ %$/);
    for (const { name } of await readRows(page)) expect(name.toLowerCase()).toContain(first!.name.toLowerCase());
    await page.keyboard.press("Escape");
    await page.waitForURL(({ searchParams }) => !searchParams.has("search"));
    expect(faults).toEqual([]);
    await page.context().close();
  });

  it("zooms the flame graph with the pointer and with the keyboard", async () => {
    const { page, faults } = await open("&show=flame");
    const stage = page.locator(".flame-stage");
    await stage.waitFor();
    const before = await stage.screenshot();
    // The second row, in the middle: some frame right below the root.
    const box = (await stage.boundingBox())!;
    await stage.click({ position: { x: box.width / 2, y: 28 } });
    await page.waitForURL(({ searchParams }) => searchParams.has("zoom"));
    await page.mouse.move(5, 5);
    await page.waitForTimeout(300);
    expect((await stage.screenshot()).equals(before)).toBe(false);
    await page.keyboard.press("Escape");
    await page.waitForURL(({ searchParams }) => !searchParams.has("zoom"));

    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    expect(await page.locator("[aria-live]").textContent()).toMatch(/total .+, self .+/);
    await page.keyboard.press("Enter");
    await page.waitForURL(({ searchParams }) => searchParams.has("zoom"));
    expect(faults).toEqual([]);
    await page.context().close();
  });

  it("asks for the stretch that is dragged across on the timeline", async () => {
    const { page, faults } = await open();
    const plot = page.locator(".timeline .u-over");
    await plot.waitFor();
    const box = (await plot.boundingBox())!;
    await page.mouse.move(box.x + box.width * 0.25, box.y + 40);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.75, box.y + 40, { steps: 4 });
    await page.mouse.up();
    await page.waitForURL(({ searchParams }) => searchParams.get("from") !== String(window.from));
    const length = window.until - window.from;
    expect(Number(params(page).get("from"))).toBeCloseTo(window.from + length * 0.25, -4);
    expect(Number(params(page).get("until"))).toBeCloseTo(window.from + length * 0.75, -4);
    expect(faults).toEqual([]);
    await page.context().close();
  });

  it("suggests label names and values, and filters by them", async () => {
    const { page, faults } = await open();
    const input = page.getByRole("combobox", { name: "Add a label condition" });
    await input.click();
    await page.getByRole("listbox", { name: "Label names" }).getByRole("option", { name: "service_name" }).click();
    await page.getByRole("listbox", { name: "Values of service_name" }).getByRole("option", { name: "brazier" }).click();
    expect(params(page).get("filter")).toBe('service_name="brazier"');
    await page.getByRole("button", { name: /^service_name=brazier$/ }).click();
    expect(params(page).get("filter")).toBe('service_name!="brazier"');
    await page.getByText("No profile of this type matches").waitFor();
    expect(faults).toEqual([]);
    await page.context().close();
  });

  it("compares with the window before", async () => {
    const { page, faults } = await open();
    await page.getByLabel("Compare with").selectOption("previous");
    await page.getByRole("button", { name: "Δ self" }).click();
    await page.getByText("no profiles to compare with").waitFor();
    expect(Object.fromEntries(params(page))).toMatchObject({ compare: "previous", sort: "selfChange" });
    expect(faults).toEqual([]);
    await page.context().close();
  });

  it("downloads the same as pprof", async () => {
    const { page, faults } = await open();
    await readRows(page);
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Download as pprof" }).click()]);
    const bytes = await readFile(await download.path());
    expect(download.suggestedFilename()).toBe("brazier-cpu.pprof");
    expect(bytes.length).toBeGreaterThan(500);
    expect(faults).toEqual([]);
    await page.context().close();
  });

  it("shows the way to the newest profiles when the time range has none", async () => {
    const { page, faults } = await openPage(browser, server.url);
    await page.goto(`${server.url}/?from=${window.from - 7_200_000}&until=${window.from - 3_600_000}`);
    await page.getByRole("heading", { name: "No profiles in this time range" }).waitFor();
    await page.getByRole("button", { name: "Show the newest" }).click();
    await page.waitForSelector(".table-row");
    expect(faults).toEqual([]);
    await page.context().close();
  });

  it.each(["dark", "light"] as const)("has nothing that axe-core objects to, in the %s theme and on a phone", async (colorScheme) => {
    for (const viewport of [
      { width: 1440, height: 900 },
      { width: 390, height: 844 },
    ]) {
      const { page } = await openPage(browser, server.url, { colorScheme, viewport, bypassCSP: true });
      await page.goto(`${server.url}/?service=brazier&from=${window.from}&until=${window.until}`);
      await readRows(page);
      expect(await violations(page)).toEqual([]);
      expect(await page.evaluate<number>("document.documentElement.scrollWidth - innerWidth")).toBeLessThanOrEqual(0);
      await page.context().close();
    }
  });
});

describe.skipIf(absent !== undefined)("the page of a server without profiles", () => {
  it("asks who asks where tenants are told apart, then says how to push", async () => {
    const server = await startServer({ config: { auth: { mode: "header" } } });
    const browser = await openBrowser();
    try {
      const { page } = await openPage(browser, server.url);
      await page.goto(server.url);
      await page.getByRole("heading", { name: "The server asks who you are" }).waitFor();
      await page.getByRole("alert").getByLabel("Tenant").fill("team-a");
      await page.getByRole("alert").getByRole("button", { name: "Use" }).click();
      await page.getByRole("heading", { name: "No profiles yet" }).waitFor();
      expect(params(page).get("tenant")).toBe("team-a");
      for (const sdk of ["curl", "Go", "Node.js", "OpenTelemetry"]) {
        await page.getByRole("tab", { name: sdk }).click();
        expect(await page.locator(".snippet pre").textContent()).toContain(`127.0.0.1:${server.port}`);
      }
    } finally {
      await browser.close();
      await server.stop();
      await server.removeData();
    }
  }, 60_000);
});

/** Waits until the server's own CPU profile is found, and gives its type. */
async function untilSelfProfiled(server: Server): Promise<string> {
  const deadlineMs = Date.now() + 60_000;
  while (Date.now() < deadlineMs) {
    const range = { start: String(Date.now() - 600_000), end: String(Date.now()) };
    type Answer = { labelsSet?: { labels: { name: string; value: string }[] }[] };
    const { labelsSet = [] } = await ask<Answer>(server.url, "Series", {
      ...range,
      matchers: ['{service_name="brazier"}'],
      labelNames: ["__profile_type__"],
    });
    const found = labelsSet.flatMap(({ labels }) => labels.map(({ value }) => value)).find((id) => CPU.test(id));
    if (found !== undefined) return found;
    await new Promise((done) => setTimeout(done, 250));
  }
  throw new Error(`the server sent no CPU profile of its own within a minute:\n${server.logs()}`);
}

async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axeCore.source);
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: typeof import("axe-core") };
    const { violations } = await axe.run({ resultTypes: ["violations"] });
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(" | ")}`);
  });
}
