import { describe, expect, it } from "vitest";
import { partitionOf } from "./partition.ts";

describe("partitionOf", () => {
  it("stays where it is: profiles wait in partitions across versions", () => {
    expect([
      partitionOf("anonymous", "shop", 64),
      partitionOf("anonymous", "cart", 64),
      partitionOf("acme", "shop", 64),
      partitionOf("", "", 7),
    ]).toEqual([7, 15, 52, 1]);
  });

  it("spreads similar names over all partitions", () => {
    const used = new Set(Array.from({ length: 640 }, (_, index) => partitionOf("anonymous", `service-${index}`, 64)));
    expect(used.size).toBeGreaterThan(60);
  });
});
