import { describe, expect, it } from "vitest";
import { MemoryStore } from "./memory.ts";
import { Register } from "./register.ts";

const PREFIX = "leases/test/";
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (value: Uint8Array): string => new TextDecoder().decode(value);

describe("a register in a bucket", () => {
  it("counts every one of many increments by writers that race", async () => {
    const store = new MemoryStore();
    const increment = async (register: Register): Promise<void> => {
      for (;;) {
        const reading = await register.read();
        if (await register.swap(reading, bytes(String(Number(text(reading.bytes)) + 1)))) return;
      }
    };
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        const register = new Register(store, PREFIX);
        for (let i = 0; i < 25; i++) await increment(register);
      }),
    );
    expect(text((await new Register(store, PREFIX).read()).bytes)).toBe("200");
    const left: string[] = [];
    for await (const { key } of store.list(PREFIX)) left.push(key);
    expect(left.length).toBeLessThanOrEqual(17);
  });

  it("refuses a writer that slept until the name of its version was free again", async () => {
    const register = new Register(new MemoryStore(), PREFIX);
    const firstSleeper = await register.read();
    await register.swap(await register.read(), bytes("0"));
    const sleeper = await register.read();
    await register.swap(sleeper, bytes("1"));
    const secondSleeper = await register.read();
    for (let i = 2; i <= 40; i++) expect(await register.swap(await register.read(), bytes(String(i)))).toBe(true);
    expect(await register.swap(sleeper, bytes("late"))).toBe(false);
    expect(await register.swap(secondSleeper, bytes("late too"))).toBe(false);
    expect(await register.swap(firstSleeper, bytes("later"))).toBe(false);
    expect(text((await register.read()).bytes)).toBe("40");
  });

  it("refuses the second of two that have read the same", async () => {
    const register = new Register(new MemoryStore(), PREFIX);
    const reading = await register.read();
    expect(reading.version).toBe(0);
    expect(await register.swap(reading, bytes("a"))).toBe(true);
    expect(await register.swap(reading, bytes("b"))).toBe(false);
    expect(text((await register.read()).bytes)).toBe("a");
  });
});
