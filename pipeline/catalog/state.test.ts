import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LayeredMap } from "./layered-map.ts";
import { applyChange, conflictOf, EMPTY_STATE, type FoldedState } from "./state.ts";
import { change, liveObject, tombstone } from "./testing.ts";

const consumed = (partition: number, sequence: number, stream = "memory@100") => ({ stream, partition, sequence });

function fold(...changes: readonly ReturnType<typeof change>[]): FoldedState {
  return changes.reduce(applyChange, EMPTY_STATE);
}

describe("catalog state", () => {
  it("adds and retires, one version per change, and leaves older states as they were", () => {
    const one = fold(change({ added: [liveObject("segments/a"), liveObject("segments/b")] }));
    const two = applyChange(one, change({ added: [liveObject("blocks/t/c", { level: 1 })], retired: ["segments/a", "segments/b"] }));
    expect([...one.objects.keys()]).toEqual(["segments/a", "segments/b"]);
    expect([...two.objects.keys()]).toEqual(["blocks/t/c"]);
    expect([one.version, two.version]).toEqual([1, 2]);
  });

  it("remembers the last sequence of each partition of each stream", () => {
    const state = fold(change({ consumed: [consumed(0, 5), consumed(1, 7)] }), change({ consumed: [consumed(0, 6)] }));
    expect([0, 1, 2].map((partition) => state.consumedSequence("memory@100", partition))).toEqual([6, 7, 0]);
    expect(state.consumedSequence("memory@200", 0)).toBe(0);
  });

  it("forgets streams that were recreated more than three times since", () => {
    const state = fold(
      ...[98, 99, 100, 101, 102].map((created) =>
        change({ consumed: [consumed(0, 5, `memory@${created}`), consumed(0, 1, "other@1")].slice(0, created === 98 ? 2 : 1) }),
      ),
    );
    expect([98, 99, 100, 101, 102].map((created) => state.consumedSequence(`memory@${created}`, 0))).toEqual([0, 5, 5, 5, 5]);
    expect(state.consumedSequence("other@1", 0)).toBe(1);
  });

  it("keeps tombstones until they are dropped", () => {
    const state = fold(change({ tombstonesAdded: [tombstone("x"), tombstone("y")] }), change({ tombstonesDropped: ["x"] }));
    expect(state.tombstones.map(({ id }) => id)).toEqual(["y"]);
  });

  it.each([
    ["what it retires is not live", change({ retired: ["segments/none"] })],
    ["it retires an object twice", change({ retired: ["segments/a", "segments/a"] })],
    ["what it adds is live", change({ added: [liveObject("segments/a")] })],
    ["it adds an object twice", change({ added: [liveObject("segments/z"), liveObject("segments/z")] })],
    ["a sequence is consumed", change({ consumed: [consumed(0, 5)] })],
  ])("refuses a change when %s", (_, refused) => {
    const state = fold(change({ added: [liveObject("segments/a")], consumed: [consumed(0, 5)] }));
    expect(conflictOf(state, refused)).toBeTypeOf("string");
    expect(() => applyChange(state, refused)).toThrow(expect.objectContaining({ code: "catalog_conflict", kind: "conflict" }));
  });
});

describe("LayeredMap", () => {
  it("is a map that never changes, whatever was added and removed", () => {
    const steps = fc.array(fc.record({ add: fc.uniqueArray(fc.nat(200)), remove: fc.uniqueArray(fc.nat(200)) }), { maxLength: 60 });
    fc.assert(
      fc.property(steps, (changes) => {
        const model = new Map<string, number>();
        let map = LayeredMap.of<number>([]);
        changes.forEach(({ add, remove }, step) => {
          const removed = remove.map(String).filter((key) => model.has(key));
          for (const key of removed) model.delete(key);
          const added = add.map(String).filter((key) => !model.has(key));
          for (const key of added) model.set(key, step);
          const before = new Map(map);
          const next = map.with({ add: added.map((key) => [key, step] as const), remove: removed });
          expect(new Map(map)).toEqual(before);
          map = next;
          expect(new Map(map)).toEqual(model);
          expect(map.size).toBe(model.size);
          for (let key = 0; key < 200; key++) {
            expect(map.get(String(key))).toBe(model.get(String(key)));
            expect(map.has(String(key))).toBe(model.has(String(key)));
          }
        });
      }),
      { numRuns: 40 },
    );
  });
});
