import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CodedError, FaultKind } from "../../../base/errors.ts";
import { type Random, seededRandom } from "../../../base/random.ts";
import type { Tombstone } from "../../../catalog/catalog.ts";
import { profileTypeId } from "../../../profile/profile-type.ts";
import { CPU_KIND, testQueuedProfile } from "../../../profile/testing/test-queued-profile.ts";
import { buildSegment } from "../../segment/build.ts";
import { EVERY_STACK } from "../engine-interface.ts";
import {
  Bucket,
  everything,
  fastAnswer,
  pick,
  type Question,
  randomQuestion,
  randomTombstone,
  randomWritten,
  slowAnswer,
  split,
  T0,
} from "../testing/engine-fixture.ts";
import { answerPart } from "./answer-part.ts";
import { decodePart } from "./part.ts";
import { type AskPeer, SharedEngine } from "./shared-engine.ts";

/*
 * Goal: what is shared out gives the same answers, by every method, also when peers fail.
 * Method: the generators of the engine's own test; a peer with a cache of its own that is reached as bytes; the obvious implementation.
 */

/** A peer over the same objects that sees nothing but the bytes of a part. */
function peerOver(bucket: Bucket, parts: { count: number }): AskPeer {
  return async (bytes) => {
    parts.count++;
    const part = decodePart(bytes.slice());
    return answerPart(part.call, bucket.engineOver(part.state, { limits: { bytesMax: part.bytesMax }, isDistinct: part.isDistinct }));
  };
}

function shared(bucket: Bucket, deleted: readonly Tombstone[], askPeer: AskPeer): SharedEngine {
  return new SharedEngine({ state: bucket.state(deleted), local: bucket.engine(deleted), askPeer, shareAboveBytes: 1 });
}

/** Fails now and then, in the ways that a peer can. */
function unreliable(random: Random, peer: AskPeer): AskPeer {
  return async (bytes) => {
    const answer = await peer(bytes);
    switch (pick(random, 4)) {
      case 0:
        throw new CodedError("query_peer_lost", FaultKind.Unavailable, "killed");
      case 1:
        throw new Error("anything");
      case 2:
        return answer.subarray(0, pick(random, answer.length));
      default:
        return answer;
    }
  };
}

describe("SharedEngine", () => {
  it("answers as one engine does, with peers that answer and with peers that fail", async () => {
    const parts = { count: 0 };
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 1e9 }), async (seed) => {
        const random = seededRandom(seed);
        const written = randomWritten(random, 1 + pick(random, 14));
        const segments = split(random, written).map((part) => buildSegment(part.map(({ profile }) => profile)));
        const bucket = new Bucket(segments);
        const blocks = await bucket.compacted();
        for (let i = 0; i < 3; i++) {
          const question = randomQuestion(random, written);
          const deleted = pick(random, 3) === 0 ? [randomTombstone(random)] : [];
          const expected = slowAnswer(written, question, deleted);
          for (const one of [bucket, blocks]) {
            const peer = peerOver(one, parts);
            expect(await fastAnswer(shared(one, deleted, peer), question)).toEqual(expected);
            expect(await fastAnswer(shared(one, deleted, unreliable(random, peer)), question)).toEqual(expected);
          }
        }
      }),
      { numRuns: 40, seed: 23 },
    );
    expect(parts.count).toBeGreaterThan(500);
  }, 120_000);

  const question: Question = { selection: { ...everything("t"), profileTypeId: profileTypeId(CPU_KIND, 0) }, stacks: EVERY_STACK };
  const service = (name: string, idSeed: number, timeMs: number) =>
    buildSegment([testQueuedProfile({ tenant: "t", service: name, idSeed, timeMs, stacks: [`main;${name} 5`] })]);

  it("keeps together what may hold a row twice, and cuts what does not", async () => {
    const parts = { count: 0 };
    const twins = new Bucket([service("a", 1, T0), service("a", 2, T0), service("b", 3, T0)]);
    const tree = await shared(twins, [], peerOver(twins, parts)).tree(question.selection, EVERY_STACK);
    expect([tree.total[0], parts.count]).toEqual([10, 2]);
    parts.count = 0;
    const apart = new Bucket([service("a", 1, T0), service("a", 2, T0 + 1), service("b", 3, T0)]);
    const three = await shared(apart, [], peerOver(apart, parts)).tree(question.selection, EVERY_STACK);
    expect([three.total[0], parts.count]).toEqual([15, 3]);
  });

  it("keeps small calls to itself", async () => {
    const bucket = new Bucket([service("a", 1, T0), service("b", 2, T0)]);
    const askPeer = (): Promise<Uint8Array> => Promise.reject(new Error("nobody was to be asked"));
    const engine = new SharedEngine({ state: bucket.state([]), local: bucket.engine([]), askPeer, shareAboveBytes: 1e6 });
    expect((await engine.tree(question.selection, EVERY_STACK)).total[0]).toBe(10);
  });

  it("counts what peers read, and passes on what would fail here as well", async () => {
    const bucket = new Bucket([service("a", 1, T0), service("b", 2, T0)]);
    const small = new SharedEngine({
      state: bucket.state([]),
      local: bucket.engine([], { bytesMax: 100 }),
      askPeer: peerOver(bucket, { count: 0 }),
      shareAboveBytes: 1,
    });
    await expect(small.tree(question.selection, EVERY_STACK)).rejects.toMatchObject({ code: "query_limit_bytes", kind: "too_large" });
    const damaged: AskPeer = () => Promise.reject(new CodedError("block_checksum_mismatch", FaultKind.Corrupt, "damaged"));
    await expect(shared(bucket, [], damaged).tree(question.selection, EVERY_STACK)).rejects.toMatchObject({
      code: "block_checksum_mismatch",
    });
  });
});
