import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { ask, push } from "../test/harness/client.ts";
import { REPOSITORY, startServer } from "../test/harness/server.ts";
import { openBrowser, openPage } from "../test/ui/browser.ts";
import { makeFleet } from "./bench/fleet.ts";

/*
 * `npm run screenshots`: takes the pictures in docs/screenshots anew. A server profiles itself while a small fleet pushes to
 * it for a while, so that both the pushed services and its own profiles have something to show.
 */

const LOAD_MS = 110_000;
const TICKS = 60;
/** The corpus is named by language. */
const NAMES: Readonly<Record<string, string>> = { go: "checkout", node: "storefront" };
const SHOTS = [
  { name: "dark", colorScheme: "dark", address: "?service=checkout&by=pod", viewport: { width: 1440, height: 900 } },
  { name: "light", colorScheme: "light", address: "?service=brazier&from=now-2m&sort=total", viewport: { width: 1440, height: 900 } },
  { name: "phone", colorScheme: "dark", address: "?service=checkout", viewport: { width: 390, height: 844 } },
] as const;

const folder = join(REPOSITORY, "docs/screenshots");
await mkdir(folder, { recursive: true });
const server = await startServer({ selfProfile: true });
const browser = await openBrowser();
try {
  // The last profile is pushed when it was taken; those before were taken earlier than they arrive, as after an outage.
  const startedMs = Date.now();
  const { profiles } = makeFleet({ pods: 3, ticks: TICKS, endMs: startedMs + LOAD_MS, seed: 7 });
  for (const [i, { labels, profile }] of profiles.entries()) {
    const service = NAMES[labels["service_name"] ?? ""] ?? labels["service_name"] ?? "";
    const named = { ...labels, service_name: service, pod: `${service}-${labels["pod"]?.split("-").at(-1)}` };
    await push(server.url, [{ labels: named, profile }]);
    const aheadMs = startedMs + (LOAD_MS * (i + 1)) / profiles.length - Date.now();
    if (aheadMs > 0) await new Promise((done) => setTimeout(done, aheadMs));
  }
  await untilOwnProfiles();
  for (const { name, colorScheme, address, viewport } of SHOTS) {
    const { page, faults } = await openPage(browser, server.url, { colorScheme, viewport });
    await page.goto(`${server.url}/${address}`);
    await page.waitForSelector(".table-row");
    await page.waitForTimeout(800);
    await page.screenshot({ path: join(folder, `${name}.png`) });
    for (const fault of faults) console.error(`${name}: ${fault}`);
    await page.context().close();
  }
} finally {
  await browser.close();
  await server.stop();
  await server.removeData();
}

/** The last of them covers the end of the load. */
async function untilOwnProfiles(): Promise<void> {
  await new Promise((done) => setTimeout(done, 16_000));
  const range = { start: String(Date.now() - 60_000), end: String(Date.now()) };
  const { names = [] } = await ask<{ names?: string[] }>(server.url, "LabelValues", { ...range, name: "service_name", matchers: [] });
  if (!names.includes("brazier")) throw new Error(`the server has no profiles of its own:\n${server.logs()}`);
}
