import { describe, expect, it } from "vitest";
import { systemClock } from "../base/clock.ts";
import { CodedError, FaultKind } from "../base/errors.ts";
import type { UnixMs } from "../base/units.ts";
import { describeQueue } from "./conformance.ts";
import { MemoryQueue } from "./memory.ts";

describeQueue("in-process", async () => new MemoryQueue({ clock: systemClock, messageBytesMax: 10_000 }));

const WIDE = { messagesMax: 100, bytesMax: 1_000_000 };
const never = new AbortController().signal;
const message = (id: string, size = 1) => ({ id, bytes: new Uint8Array(size) });

describe("in-process queue", () => {
  it("answers the publisher only when the worker has settled the message", async () => {
    const queue = new MemoryQueue({ clock: systemClock });
    let answered = false;
    const published = queue.publish(0, message("a")).then(() => (answered = true));
    const [pulled] = await queue.pull(WIDE, never);
    await new Promise(setImmediate);
    expect(answered).toBe(false);
    pulled!.ack();
    await published;
  });

  it("gives the publisher the fault of a message that was put aside, and takes its id again", async () => {
    const queue = new MemoryQueue({ clock: systemClock });
    const refused = queue.publish(0, message("a"));
    (await queue.pull(WIDE, never))[0]!.term(new CodedError("queued_profile_corrupt", FaultKind.Corrupt, "broken"));
    await expect(refused).rejects.toMatchObject({ code: "queued_profile_corrupt" });
    const again = queue.publish(0, message("a"));
    (await queue.pull(WIDE, never))[0]!.ack();
    await again;
  });

  it("gives a message that cannot be stored for now back to its publisher", async () => {
    const queue = new MemoryQueue({ clock: systemClock });
    const published = queue.publish(0, message("a"));
    (await queue.pull(WIDE, never))[0]!.nak(new CodedError("object_store_full", FaultKind.Unavailable, "no space"));
    await expect(published).rejects.toMatchObject({ code: "object_store_full", kind: "unavailable" });
    expect(await queue.depth()).toEqual({ messages: 0, bytes: 0 });
  });

  it("tells publishers to pause when it is full, and takes more once messages are settled", async () => {
    const queue = new MemoryQueue({ clock: systemClock, bytesMax: 100 });
    const first = queue.publish(0, message("a", 250)); // alone, any size goes
    await expect(queue.publish(0, message("b", 10))).rejects.toMatchObject({
      code: "queue_full",
      kind: "limited",
      facts: { retryAfterSeconds: 1 },
    });
    (await queue.pull(WIDE, never))[0]!.ack();
    await first;
    const second = queue.publish(0, message("b", 10));
    (await queue.pull(WIDE, never))[0]!.ack();
    await second;
  });

  it("forgets an id after the duplicate window", async () => {
    let nowMs = 1_000;
    const queue = new MemoryQueue({ clock: { ...systemClock, nowMs: () => nowMs as UnixMs }, duplicateWindowMs: 500 });
    void queue.publish(0, message("a"));
    nowMs += 499;
    void queue.publish(0, message("a"));
    expect((await queue.depth()).messages).toBe(1);
    nowMs += 1;
    void queue.publish(0, message("a"));
    expect((await queue.depth()).messages).toBe(2);
  });

  it("rejects open publishes on close, and later ones", async () => {
    const queue = new MemoryQueue({ clock: systemClock });
    const waiting = queue.publish(0, message("a"));
    const working = queue.publish(0, message("b"));
    const [pulled] = await queue.pull({ ...WIDE, messagesMax: 1 }, never);
    const pulling = queue.pull(WIDE, never).then(() => queue.pull(WIDE, never));
    await queue.close();
    const refused = { code: "queue_unavailable", kind: "unavailable" };
    await expect(waiting).rejects.toMatchObject(refused);
    await expect(working).rejects.toMatchObject(refused);
    await expect(queue.publish(0, message("c"))).rejects.toMatchObject(refused);
    pulled!.ack(); // too late, and harmless
    expect(await pulling).toEqual([]);
    expect(await queue.depth()).toEqual({ messages: 0, bytes: 0 });
  });
});
