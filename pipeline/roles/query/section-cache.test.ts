import { describe, expect, it } from "vitest";
import type { Bytes } from "../../base/units.ts";
import { SectionCache } from "./section-cache.ts";

const size = (value: string): number => value.length;

describe("SectionCache", () => {
  it("reads once what is asked for at the same time, and again what was dropped", async () => {
    const cache = new SectionCache(10 as Bytes);
    let reads = 0;
    const read = async (): Promise<string> => `${++reads}`.padStart(6);
    const [a, b] = await Promise.all([cache.get("x", read, size), cache.get("x", read, size)]);
    expect([a, b, reads]).toEqual(["     1", "     1", 1]);
    await cache.get("y", read, size);
    expect(cache.sizeBytes).toBe(6);
    await cache.get("y", read, size);
    expect(reads).toBe(2);
    await cache.get("x", read, size);
    expect(reads).toBe(3);
  });

  it("forgets a failed read", async () => {
    const cache = new SectionCache(10 as Bytes);
    await expect(cache.get("x", () => Promise.reject(new Error("away")), size)).rejects.toThrow("away");
    expect(await cache.get("x", async () => "back", size)).toBe("back");
  });
});
