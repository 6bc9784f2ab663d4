import { describe, expect, it } from "vitest";
import { assignPartitions } from "./assignment.ts";

const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `worker-${i * 7919}`);

describe("sharing partitions out", () => {
  it.each([
    [1, 16],
    [2, 16],
    [3, 16],
    [5, 64],
    [20, 64],
    [60, 64],
  ])("gives each of %i workers its share of %i partitions, and every partition to one", (workers, partitions) => {
    const shares = [...assignPartitions(names(workers), partitions).values()];
    expect(shares.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: partitions }, (_, i) => i));
    for (const share of shares) expect(share.length).toBeLessThanOrEqual(Math.ceil(partitions / workers));
  });

  it("comes to the same result in whatever order the names were heard", () => {
    const forth = assignPartitions(names(5), 64);
    const back = assignPartitions(names(5).reverse(), 64);
    for (const [worker, share] of forth) expect(back.get(worker)).toEqual(share);
  });

  it("leaves most partitions where they are when one of many workers goes", () => {
    const before = assignPartitions(names(8), 64);
    const after = assignPartitions(names(7), 64);
    const ownerOf = (assignment: ReturnType<typeof assignPartitions>, partition: number) =>
      [...assignment].find(([, share]) => share.includes(partition))![0];
    const orphaned = before.get(names(8)[7]!)!.length;
    const moved = Array.from({ length: 64 }, (_, i) => i).filter((i) => ownerOf(before, i) !== ownerOf(after, i)).length;
    expect(moved).toBeGreaterThanOrEqual(orphaned);
    expect(moved).toBeLessThan(32);
  });

  it("leaves workers beyond the partitions without any", () => {
    const shares = [...assignPartitions(names(6), 4).values()].map(({ length }) => length);
    expect(shares.filter((length) => length === 1)).toHaveLength(4);
    expect(shares.filter((length) => length === 0)).toHaveLength(2);
  });
});
