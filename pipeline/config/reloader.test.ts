import { mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { systemClock } from "../base/clock.ts";
import { CodedError, FaultKind } from "../base/errors.ts";
import { silentLog } from "../base/log.ts";
import { createRegistry } from "../base/metrics.ts";
import { Reloader } from "./reloader.ts";

const folder = mkdtempSync(join(tmpdir(), "brazier-reload-"));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
function watched(text: string) {
  const path = join(folder, `${files++}.txt`);
  writeFileSync(path, text);
  const registry = createRegistry();
  const messages: string[] = [];
  const log = { ...silentLog, error: (_facts: object, message: string) => void messages.push(message) };
  const reloader = new Reloader({ clock: systemClock, log, registry, intervalMs: 5 });
  const number = reloader.watch("number", [path], () => {
    const value = Number(readFileSync(path, "utf8"));
    if (Number.isNaN(value)) throw new CodedError("number_invalid", FaultKind.Invalid, "write digits");
    return value;
  });
  return { path, registry, reloader, number, messages };
}

describe("a file that is read anew", () => {
  it("is in force when it has changed, and tells who listens", () => {
    const { path, reloader, number } = watched("1");
    const heard: number[] = [];
    number.onChange((value) => heard.push(value));
    reloader.look();
    writeFileSync(path, "2");
    reloader.look();
    reloader.look();
    expect([number.current, heard]).toEqual([2, [2]]);
  });

  it("keeps the old value when it has a fault: logged once, counted, shown, and mended by the next content", async () => {
    const { path, registry, reloader, number, messages } = watched("1");
    writeFileSync(path, "one");
    reloader.look();
    reloader.look();
    expect([number.current, messages.length]).toEqual([1, 1]);
    expect(reloader.states()).toEqual([expect.objectContaining({ name: "number", fault: "[number_invalid] write digits" })]);
    expect(await registry.metrics()).toContain('brazier_reloads_total{setting="number",outcome="failed"} 1');
    expect(await registry.metrics()).toContain('brazier_reload_in_force{setting="number"} 0');

    rmSync(path);
    reloader.look();
    expect([number.current, messages.length]).toEqual([1, 2]);

    writeFileSync(path, "3");
    reloader.look();
    expect([number.current, reloader.states()[0]?.fault]).toEqual([3, undefined]);
    expect(await registry.metrics()).toContain('brazier_reload_in_force{setting="number"} 1');
  });

  it("is seen through a symbolic link that is swapped, as mounted secrets are", () => {
    const [old, young, link] = ["old", "young", "link"].map((name) => join(folder, name)) as [string, string, string];
    writeFileSync(old, "1");
    writeFileSync(young, "2");
    symlinkSync(old, link);
    const reloader = new Reloader({ clock: systemClock, log: silentLog, registry: createRegistry(), intervalMs: 5 });
    const number = reloader.watch("number", [link], () => Number(readFileSync(link, "utf8")));
    symlinkSync(young, `${link}-next`);
    renameSync(`${link}-next`, link);
    reloader.look();
    expect(number.current).toBe(2);
  });

  it("is looked at in the background until stopped", async () => {
    const { path, reloader, number } = watched("1");
    const running = reloader.start();
    writeFileSync(path, "2");
    await expect.poll(() => number.current, { timeout: 10_000 }).toBe(2);
    await running.stop();
    writeFileSync(path, "3");
    expect(number.current).toBe(2);
  });

  it("stops the start when it has a fault from the beginning", () => {
    expect(() => watched("one")).toThrow(expect.objectContaining({ code: "number_invalid" }));
  });
});
