import { describe, expect, it } from "vitest";
import type { PullBounds, Queue, QueueMessage } from "./queue.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (message: QueueMessage): string => new TextDecoder().decode(message.bytes);
const WIDE = { messagesMax: 100, bytesMax: 1_000_000 };
const never = new AbortController().signal;

/** Pulls until `count` messages are there: a queue may hand them out one by one. */
async function pullAll(queue: Queue, count: number): Promise<QueueMessage[]> {
  const pulled: QueueMessage[] = [];
  while (pulled.length < count) pulled.push(...(await queue.pull({ ...WIDE, messagesMax: count - pulled.length }, never)));
  return pulled;
}

async function pullAndAck(queue: Queue, bounds: PullBounds): Promise<readonly QueueMessage[]> {
  const pulled = await queue.pull(bounds, never);
  for (const message of pulled) message.ack();
  return pulled;
}

/** What every queue must do. `open` gives a queue with at least partitions 0 to 3, all owned by this puller, and a bound of 10 kB a message. */
export function describeQueue(name: string, open: () => Promise<Queue>): void {
  describe(`queue: ${name}`, () => {
    it("hands out each partition in order, with sequences that grow", async () => {
      const queue = await open();
      const published = ["a", "b", "c", "d"].map((body, i) => queue.publish(i % 2, { id: body, bytes: bytes(body) }));
      const messages = await pullAll(queue, 4);
      for (const partition of [0, 1]) {
        const mine = messages.filter((message) => message.partition === partition);
        expect(mine.map(text)).toEqual(partition === 0 ? ["a", "c"] : ["b", "d"]);
        expect(mine[0]!.sequence).toBeGreaterThan(0);
        expect(mine[1]!.sequence).toBeGreaterThan(mine[0]!.sequence);
      }
      for (const message of messages) message.ack();
      await Promise.all(published);
      await queue.close();
    });

    it("hands out the headers of a message with it", async () => {
      const queue = await open();
      const published = [
        queue.publish(0, { id: "h", bytes: bytes("h"), headers: { traceparent: "00-1-2-01" } }),
        queue.publish(0, { id: "n", bytes: bytes("n") }),
      ];
      const messages = await pullAll(queue, 2);
      expect(messages.map(({ headers }) => headers)).toEqual([{ traceparent: "00-1-2-01" }, undefined]);
      for (const message of messages) message.ack();
      await Promise.all(published);
      await queue.close();
    });

    it("waits for a message, and gives none when the signal is aborted", async () => {
      const queue = await open();
      const stop = new AbortController();
      const waiting = queue.pull(WIDE, stop.signal);
      stop.abort();
      expect(await waiting).toEqual([]);
      const next = queue.pull(WIDE, never);
      const published = queue.publish(2, { id: "late", bytes: bytes("late") });
      const [message] = await next;
      expect(text(message!)).toBe("late");
      message!.ack();
      await published;
      await queue.close();
    });

    it("respects the bounds of a pull, and gives one message however large", async () => {
      const queue = await open();
      const published = [1, 2, 3, 4, 5, 6].map((i) => queue.publish(0, { id: `${i}`, bytes: new Uint8Array(1000) }));
      const all = [
        { messagesMax: 2, bytesMax: 1_000_000 },
        { messagesMax: 10, bytesMax: 1500 },
        { messagesMax: 10, bytesMax: 10 },
      ];
      let seen = 0;
      for (let i = 0; seen < 6; i++) {
        const bounds = all[i % 3]!;
        const { length } = await pullAndAck(queue, bounds);
        expect(length).toBeGreaterThan(0);
        expect(length).toBeLessThanOrEqual(Math.min(bounds.messagesMax, Math.max(1, Math.floor(bounds.bytesMax / 1000))));
        seen += length;
      }
      await Promise.all(published);
      await queue.close();
    });

    it("delivers again what was given back, before what came later in the partition", async () => {
      const queue = await open();
      const published = ["a", "b", "c"].map((body) => queue.publish(0, { id: body, bytes: bytes(body) }));
      const [a, b] = await pullAll(queue, 2);
      const sequences = [a!.sequence, b!.sequence];
      b!.nak();
      a!.nak();
      const again = await pullAll(queue, 3);
      expect(again.map(text)).toEqual(["a", "b", "c"]);
      expect(again.slice(0, 2).map((message) => message.sequence)).toEqual(sequences);
      for (const message of again) message.ack();
      await Promise.all(published);
      expect(await queue.depth()).toEqual({ messages: 0, bytes: 0 });
      await queue.close();
    });

    it("takes a second message with the same id as published", async () => {
      const queue = await open();
      const first = queue.publish(0, { id: "same", bytes: bytes("1") });
      const retried = queue.publish(0, { id: "same", bytes: bytes("1") });
      const [message] = await pullAll(queue, 1);
      message!.ack();
      await Promise.all([first, retried]);
      await queue.publish(0, { id: "same", bytes: bytes("1") });
      expect((await queue.depth()).messages).toBe(0);
      await queue.close();
    });

    it("counts what waits and what is being worked on", async () => {
      const queue = await open();
      const published = queue.publish(3, { id: "x", bytes: new Uint8Array(10) });
      const [message] = await pullAll(queue, 1);
      expect((await queue.depth()).messages).toBe(1);
      message!.ack();
      await published;
      expect((await queue.depth()).messages).toBe(0);
      await queue.close();
    });

    it("refuses a message above its bound", async () => {
      const queue = await open();
      await expect(queue.publish(0, { id: "big", bytes: new Uint8Array(10_001) })).rejects.toMatchObject({
        code: "queue_message_too_large",
        kind: "too_large",
      });
      await queue.close();
    });

    it("names its stream, the same each time", async () => {
      const queue = await open();
      expect(await queue.streamId()).toMatch(/^[\w.-]+@\S+$/);
      expect(await queue.streamId()).toBe(await queue.streamId());
      await queue.close();
    });
  });
}
