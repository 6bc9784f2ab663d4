import { describe, expect, it } from "vitest";
import { SingleProcess } from "./single-process.ts";
import { MANY, World } from "./world.ts";

/*
 * Goal: the invariants of docs/ARCHITECTURE.md hold whatever fails: nothing acknowledged is lost, nothing counted twice, nothing overwritten, no answer
 * changed by compaction, no tenant sees another, no bad message stops the others.
 * Method: the real roles in simulated time over a bucket, a stream and machines that fail as the seed says. `npm run sim -- SEED` repeats a seed.
 */
describe("simulation", () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])("holds every invariant with seed %i", async (seed) => {
    const report = await new World(seed).run();
    expect(report.kills).toBeGreaterThan(5);
    expect(report.commits).toBeGreaterThan(100);
    expect(report.compactedBlocks).toBeGreaterThan(20);
  });

  it.each([11, 12, 13, 14])("holds every invariant where many share the work, with seed %i", async (seed) => {
    const report = await new World(seed, MANY).run();
    expect(report.kills).toBeGreaterThan(5);
    expect(report.commits).toBeGreaterThan(100);
    expect(report.compactedBlocks).toBeGreaterThan(20);
  });

  const fresh = Math.floor(Math.random() * 1e6);
  it(`holds every invariant with a seed nobody has tried (${fresh})`, async () => {
    await new World(fresh).run();
    await new World(fresh, MANY).run();
    await new SingleProcess(fresh).run();
  });

  it.each([1, 2, 3, 4, 5, 6])("holds what a single process promises, with seed %i", async (seed) => {
    const report = await new SingleProcess(seed).run();
    expect(report.kills + report.restarts).toBeGreaterThan(5);
    expect(report.questions).toBeGreaterThan(5);
  });

  it("repeats a seed to the last byte", async () => {
    expect(await new World(77).run()).toEqual(await new World(77).run());
  });
});
