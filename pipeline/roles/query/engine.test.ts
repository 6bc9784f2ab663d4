import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { seededRandom } from "../../base/random.ts";
import { MAPPING_SHOWS_ADDRESSES } from "../../profile/decoded-profile.ts";
import { profileTypeId } from "../../profile/profile-type.ts";
import { CPU_KIND, testQueuedProfile } from "../../profile/testing/test-queued-profile.ts";
import { buildSegment } from "../segment/build.ts";
import { EVERY_STACK } from "./engine-interface.ts";
import {
  Bucket,
  everything,
  fastAnswer,
  pick,
  randomQuestion,
  randomTombstone,
  randomWritten,
  slowAnswer,
  split,
  T0,
} from "./testing/engine-fixture.ts";

/*
 * Goal: the engine's answers are those of the profiles themselves, whatever objects they are in, before and after compaction, with deletions.
 * Method: random profiles as text; an obvious implementation that walks the text; the engine over segments and over merged blocks.
 */

describe("BlockEngine", () => {
  it("answers as the profiles say, however they are split and merged", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 1e9 }), async (seed) => {
        const random = seededRandom(seed);
        const written = randomWritten(random, 1 + pick(random, 14));
        const segments = split(random, written).map((part) => buildSegment(part.map(({ profile }) => profile)));
        const bucket = new Bucket(segments);
        const blocks = await bucket.compacted();
        for (let i = 0; i < 4; i++) {
          const question = randomQuestion(random, written);
          const deleted = pick(random, 3) === 0 ? [randomTombstone(random)] : [];
          const expected = slowAnswer(written, question, deleted);
          expect(await fastAnswer(bucket.engine(deleted), question)).toEqual(expected);
          expect(await fastAnswer(blocks.engine(deleted), question)).toEqual(expected);
        }
      }),
      { numRuns: 150, seed: 11 },
    );
  }, 120_000);

  it("counts a profile that is in two objects once, and keeps the one compaction keeps", async () => {
    const twins = [2, 1].map((idSeed) => testQueuedProfile({ tenant: "t", idSeed, timeMs: T0, stacks: [`main;from${idSeed} 5`] }));
    const bucket = new Bucket(twins.map((profile) => buildSegment([profile])));
    const question = { selection: { ...everything("t"), profileTypeId: profileTypeId(CPU_KIND, 0) }, stacks: EVERY_STACK };
    const before = await fastAnswer(bucket.engine([]), question);
    expect(before.tree.reduce((sum, [, self]) => sum + self, 0)).toBe(5);
    expect(await fastAnswer((await bucket.compacted()).engine([]), question)).toEqual(before);
  });

  it("shows a native frame without a function as binary!0xaddress, and keeps its value", async () => {
    const profile = testQueuedProfile({ tenant: "t", timeMs: T0, stacks: ["main;x@0x1f 5"] });
    const answer = await fastAnswer(new Bucket([buildSegment([profile])]).engine([]), {
      selection: { ...everything("t"), profileTypeId: profileTypeId(CPU_KIND, 0) },
      stacks: EVERY_STACK,
    });
    expect(answer.tree).toEqual([["main;app!0x1f", 5]]);
  });

  it("hides the addresses that a function with a name was called from, unless their mapping says to show them", async () => {
    const profile = testQueuedProfile({ tenant: "t", timeMs: T0, stacks: ["x@0x1f;main;y@0x2f 5", "x@0x1f 2"] });
    const shown = {
      ...profile,
      mappings: { ...profile.mappings, flags: profile.mappings.flags.map((flags) => flags | MAPPING_SHOWS_ADDRESSES) },
    };
    const treeOf = async (one: typeof profile) => {
      const question = { selection: { ...everything("t"), profileTypeId: profileTypeId(CPU_KIND, 0) }, stacks: EVERY_STACK };
      return (await fastAnswer(new Bucket([buildSegment([one])]).engine([]), question)).tree;
    };
    expect(await treeOf(profile)).toEqual(
      expect.arrayContaining([
        ["main;app!0x2f", 5],
        ["app!0x1f", 2],
      ]),
    );
    expect(await treeOf(shown)).toEqual(
      expect.arrayContaining([
        ["app!0x1f;main;app!0x2f", 5],
        ["app!0x1f", 2],
      ]),
    );
  });

  it("refuses to read more bytes than a query may", async () => {
    const bucket = new Bucket([buildSegment([testQueuedProfile({ tenant: "t", timeMs: T0, stacks: ["main 5"] })])]);
    const engine = bucket.engine([], { bytesMax: 10 });
    await expect(engine.tree({ ...everything("t"), profileTypeId: profileTypeId(CPU_KIND, 0) }, EVERY_STACK)).rejects.toMatchObject({
      code: "query_limit_bytes",
    });
  });

  it("reads nothing of another tenant", async () => {
    const bucket = new Bucket([
      buildSegment(["a", "b"].map((tenant) => testQueuedProfile({ tenant, timeMs: T0, stacks: [`main;${tenant} 5`] }))),
    ]);
    const question = { selection: { ...everything("a"), profileTypeId: profileTypeId(CPU_KIND, 0) }, stacks: EVERY_STACK };
    expect((await fastAnswer(bucket.engine([]), question)).tree).toEqual([["main;a", 5]]);
  });
});
