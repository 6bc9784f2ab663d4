import { describe, expect, it } from "vitest";
import type { ObjectStore } from "./object-store.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (data: Uint8Array): string => new TextDecoder().decode(data);

async function keys(store: ObjectStore, prefix: string, startAfter?: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of store.list(prefix, startAfter === undefined ? {} : { startAfter })) found.push(key);
  return found;
}

/** What every bucket must do, whatever is behind it. */
export function describeObjectStore(name: string, open: () => Promise<ObjectStore>): void {
  describe(`object store: ${name}`, () => {
    it("gives back what was created, whole and by range", async () => {
      const store = await open();
      await store.create("segments/a", bytes("0123456789"));
      expect(text(await store.get("segments/a"))).toBe("0123456789");
      expect(text(await store.getRange("segments/a", 2, 3))).toBe("234");
      expect(text(await store.getRange("segments/a", 8, 100))).toBe("89");
      expect((await store.getRange("segments/a", 50, 1)).byteLength).toBe(0);
      expect((await store.getRange("segments/a", 3, 0)).byteLength).toBe(0);
    });

    it("gives bytes that belong to the caller", async () => {
      const store = await open();
      const given = bytes("abc");
      await store.create("segments/a", given);
      given.fill(0);
      const read = await store.get("segments/a");
      read.fill(0);
      const part = await store.getRange("segments/a", 0, 3);
      expect(text(part)).toBe("abc");
      expect(part.byteOffset).toBe(0);
      expect(part.buffer.byteLength).toBe(3);
      expect(part.constructor).toBe(Uint8Array);
      expect((await store.get("segments/a")).constructor).toBe(Uint8Array);
    });

    it("holds an empty object", async () => {
      const store = await open();
      await store.create("dead/empty", new Uint8Array(0));
      expect((await store.get("dead/empty")).byteLength).toBe(0);
    });

    it("never overwrites", async () => {
      const store = await open();
      await store.create("segments/a", bytes("first"));
      await expect(store.create("segments/a", bytes("second"))).rejects.toMatchObject({ code: "object_exists", kind: "conflict" });
      expect(text(await store.get("segments/a"))).toBe("first");
    });

    it("lets exactly one of many creators win", async () => {
      const store = await open();
      for (let round = 0; round < 10; round++) {
        const tries = Array.from({ length: 8 }, (_, i) => store.create(`catalog/0/log/${round}`, bytes(`writer ${i}`)));
        const outcomes = await Promise.allSettled(tries);
        const winners = outcomes.flatMap((outcome, i) => (outcome.status === "fulfilled" ? [`writer ${i}`] : []));
        expect(winners).toHaveLength(1);
        expect(text(await store.get(`catalog/0/log/${round}`))).toBe(winners[0]);
        for (const outcome of outcomes) if (outcome.status === "rejected") expect(outcome.reason).toMatchObject({ code: "object_exists" });
      }
    });

    it("says that an absent object is absent", async () => {
      const store = await open();
      await expect(store.get("segments/none")).rejects.toMatchObject({ code: "object_not_found", kind: "not_found" });
      await expect(store.getRange("segments/none", 0, 1)).rejects.toMatchObject({ code: "object_not_found" });
      await expect(store.get("segments")).rejects.toMatchObject({ code: "object_not_found" });
      await store.delete("segments/none");
    });

    it("forgets a deleted object and lets its key be used again", async () => {
      const store = await open();
      await store.create("segments/a", bytes("1"));
      await store.delete("segments/a");
      await expect(store.get("segments/a")).rejects.toMatchObject({ code: "object_not_found" });
      await store.create("segments/a", bytes("2"));
      expect(text(await store.get("segments/a"))).toBe("2");
    });

    it("lists by prefix in bytewise order of whole keys, with sizes", async () => {
      const store = await open();
      // "a-", "a.", "a/" and "a0" differ in the byte where a tree and a flat list disagree.
      const all = ["blocks/a-b", "blocks/a.b/x", "blocks/a/b", "blocks/a/c/d", "blocks/a0", "blocks/B", "segments/1"];
      for (const key of [...all].reverse()) await store.create(key, bytes(key));
      const sorted = [...all].sort();
      expect(await keys(store, "")).toEqual(sorted);
      expect(await keys(store, "blocks/a")).toEqual(sorted.filter((key) => key.startsWith("blocks/a")));
      expect(await keys(store, "blocks/a/")).toEqual(["blocks/a/b", "blocks/a/c/d"]);
      expect(await keys(store, "none/")).toEqual([]);
      for (const after of [...all, "blocks/a", "blocks/a/b/", "a", "z"]) {
        expect(await keys(store, "", after)).toEqual(sorted.filter((key) => key > after));
      }
      for await (const info of store.list("blocks/")) expect(info.sizeBytes).toBe(info.key.length);
    });

    it("lists while objects come and go", async () => {
      const store = await open();
      for (let i = 0; i < 20; i++) await store.create(`segments/${String(i).padStart(2, "0")}`, bytes("x"));
      const seen: string[] = [];
      for await (const { key } of store.list("segments/")) {
        if (seen.length === 0) await store.delete("segments/19");
        seen.push(key);
      }
      expect(seen.slice(0, 19)).toEqual(Array.from({ length: 19 }, (_, i) => `segments/${String(i).padStart(2, "0")}`));
    });

    it.each(["", "/a", "a/", "a//b", ".", "..", "a/../b", "a/.hidden", "ü", "a b", "a\\b", "x".repeat(300)])(
      "refuses the key %j",
      async (key) => {
        const store = await open();
        const refused = { code: "object_key_invalid", kind: "invalid" };
        await expect(store.create(key, bytes("x"))).rejects.toMatchObject(refused);
        await expect(store.get(key)).rejects.toMatchObject(refused);
        await expect(store.getRange(key, 0, 1)).rejects.toMatchObject(refused);
        await expect(store.delete(key)).rejects.toMatchObject(refused);
      },
    );
  });
}
