import { describe, expect, it } from "vitest";
import { systemClock } from "../../base/clock.ts";
import { CodedError, FaultKind } from "../../base/errors.ts";
import { seededRandom } from "../../base/random.ts";
import { openCatalog } from "../../catalog/bucket-catalog.ts";
import { MemoryStore } from "../../objects/memory.ts";
import { newObjectId } from "../../objects/object-id.ts";
import { deadKey } from "../../objects/paths.ts";
import { encodeQueuedProfile } from "../../profile/queued-profile-codec.ts";
import { testQueuedProfile } from "../../profile/testing/test-queued-profile.ts";
import type { QueueMessage } from "../../queue/queue.ts";
import { deadLetter, readDeadLetter } from "./dead-letter.ts";
import { replayDeadLetter } from "./replay.ts";

const random = seededRandom(5);
const fault = new CodedError("queued_profile_corrupt", FaultKind.Corrupt, "an older version could not read it");

async function letterOf(bytes: Uint8Array) {
  const store = new MemoryStore();
  const catalog = await openCatalog({ store, clock: systemClock, random });
  const id = newObjectId(systemClock, random);
  const message: QueueMessage = { partition: 3, sequence: 17, bytes, ack: () => {}, nak: () => {}, term: () => {} };
  await store.create(deadKey(id), deadLetter(message, fault, { stream: "S@1", nowMs: systemClock.nowMs() }));
  return { id, deps: { store, catalog, clock: systemClock, random } };
}

const goodMessage = () =>
  encodeQueuedProfile(
    testQueuedProfile({ tenant: "acme", service: "shop", timeNs: 1_700_000_000_000_000_000n, idSeed: 1, stacks: ["main;f 7"] }),
  );

describe("dead letters", () => {
  it("give back head and message", async () => {
    const { id, deps } = await letterOf(Buffer.from("line one\nline two"));
    const { head, message } = readDeadLetter(await deps.store.get(deadKey(id)));
    expect(head).toMatchObject({ code: fault.code, reason: fault.rawMessage, stream: "S@1", partition: 3, sequence: 17, size_bytes: 17 });
    expect(Buffer.from(message).toString()).toBe("line one\nline two");
  });

  it("are told from other objects", () => {
    for (const text of ["", "no line", "{}\n", "not json\n"]) {
      expect(() => readDeadLetter(Buffer.from(text))).toThrow(expect.objectContaining({ code: "dead_letter_corrupt" }));
    }
  });

  it("become a segment when they can be read now, and are removed", async () => {
    const { id, deps } = await letterOf(goodMessage());
    const key = await replayDeadLetter(id, deps);
    expect([...deps.catalog.state.objects.keys()]).toEqual([key]);
    expect(deps.catalog.state.objects.get(key)!.datasets).toMatchObject([{ tenant: "acme", service: "shop" }]);
    await expect(deps.store.get(deadKey(id))).rejects.toMatchObject({ code: "object_not_found" });
    await expect(replayDeadLetter(id, deps)).rejects.toMatchObject({ code: "dead_letter_unknown", kind: "not_found" });
  });

  it("stay when they still cannot be read", async () => {
    const { id, deps } = await letterOf(Buffer.from("still garbage"));
    await expect(replayDeadLetter(id, deps)).rejects.toMatchObject({ code: "queued_profile_corrupt" });
    expect(deps.catalog.state.objects.size).toBe(0);
    expect(await deps.store.get(deadKey(id))).toBeDefined();
  });
});
