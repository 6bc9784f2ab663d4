import { describe, expect, it } from "vitest";
import { systemClock } from "../base/clock.ts";
import { seededRandom } from "../base/random.ts";
import { objectError } from "./errors.ts";
import { MemoryStore } from "./memory.ts";
import { probeCreate, probeWrite } from "./probe.ts";

const deps = { clock: systemClock, random: seededRandom(1) };

describe("probing a bucket", () => {
  it("accepts one that creates once", async () => {
    await probeCreate({ ...deps, store: new MemoryStore() });
  });

  it("refuses one that overwrites, and leaves nothing in it", async () => {
    const store = new (class extends MemoryStore {
      override async create(key: string, bytes: Uint8Array): Promise<void> {
        await this.delete(key);
        await super.create(key, bytes);
      }
    })();
    await expect(probeCreate({ ...deps, store })).rejects.toMatchObject({ code: "object_store_unsuitable", kind: "invalid" });
    for await (const { key } of store.list("")) expect.unreachable(key);
  });

  it("finds that nothing can be written", async () => {
    const store = new (class extends MemoryStore {
      override async create(): Promise<void> {
        throw objectError("object_store_full", "no space", {});
      }
    })();
    await expect(probeWrite({ ...deps, store })).rejects.toMatchObject({ code: "object_store_full" });
  });
});
