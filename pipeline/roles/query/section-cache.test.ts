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

  it("gives up a read when all who waited have left, and not before", async () => {
    const cache = new SectionCache(10 as Bytes);
    const signals: AbortSignal[] = [];
    const never = (signal: AbortSignal): Promise<string> => {
      signals.push(signal);
      return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    };
    const [a, b] = [new AbortController(), new AbortController()];
    const left = [a, b].map(({ signal }) => expect(cache.get("x", never, size, signal)).rejects.toMatchObject({ code: "query_cancelled" }));
    a.abort();
    await left[0];
    expect([signals.length, signals[0]!.aborted, cache.has("x")]).toEqual([1, false, true]);
    b.abort();
    await left[1];
    expect([signals[0]!.aborted, cache.has("x")]).toEqual([true, false]);
    expect(await cache.get("x", async () => "anew", size, new AbortController().signal)).toBe("anew");
    // One that came without leaving keeps it for all.
    const stays = cache.get("y", async () => "read", size);
    await expect(cache.get("y", never, size, a.signal)).rejects.toMatchObject({ code: "query_cancelled" });
    expect(await stays).toBe("read");
    expect(cache.has("y")).toBe(true);
  });

  it("forgets a failed read", async () => {
    const cache = new SectionCache(10 as Bytes);
    await expect(cache.get("x", () => Promise.reject(new Error("away")), size)).rejects.toThrow("away");
    expect(await cache.get("x", async () => "back", size)).toBe("back");
  });
});
