import { describe, expect, it } from "vitest";
import { mix, StringHash } from "./string-hash.ts";
import { StringInterner } from "./string-interner.ts";

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("StringInterner", () => {
  it("gives equal strings one id, the empty one 0, and keeps their bytes", () => {
    const interner = new StringInterner({ strings: 1, stringBytes: 8 });
    const texts = ["", "main", "main.go", "runtime.mallocgc", "äöü", "main", ""];
    const ids = texts.map((text) => interner.intern(encode(text), 0, encode(text).length));
    expect(ids).toEqual([0, 1, 2, 3, 4, 1, 0]);
    const back = [...interner.ends.view()].map((end, id) => Buffer.from(interner.bytes.subarray(interner.start(id), end)).toString());
    expect(back).toEqual(["", "main", "main.go", "runtime.mallocgc", "äöü"]);
  });
});

describe("mix", () => {
  it("spreads keys of small numbers, also where two of them are the same", () => {
    const slots = new Set<number>();
    const count = 10_000;
    for (let name = 0; name < count; name++) slots.add(mix(mix(mix(name, name), name % 50), 0) & 0xfffff);
    // 2^20 slots: about count²/2^21 = 48 keys meet another by chance.
    expect(count - slots.size).toBeLessThan(100);
  });
});

describe("StringHash", () => {
  it("tells hundreds of thousands of similar names apart in each half, as well as chance would", () => {
    const hash = new StringHash();
    const low = new Set<number>();
    const both = new Set<string>();
    const count = 200_000;
    for (let i = 0; i < count; i++) {
      const text = encode(`github.com/acme/service/pkg${i % 100}.(*Handler${i}).func${i % 7}`);
      hash.of(text, 0, text.length);
      low.add(hash.lo);
      both.add(`${hash.lo}/${hash.hi}`);
    }
    expect(both.size).toBe(count);
    // 32 bits: about count²/2^33 = 5 pairs collide by chance.
    expect(count - low.size).toBeLessThan(25);
  });

  it("depends on every byte and on the length", () => {
    const hash = new StringHash();
    const seen = new Set<string>();
    for (let length = 0; length < 40; length++) {
      const bytes = new Uint8Array(length);
      for (let changed = -1; changed < length; changed++) {
        if (changed >= 0) bytes[changed] = 1;
        hash.of(bytes, 0, length);
        seen.add(`${hash.lo}/${hash.hi}`);
        if (changed >= 0) bytes[changed] = 0;
      }
    }
    expect(seen.size).toBe((40 * 41) / 2);
  });
});
