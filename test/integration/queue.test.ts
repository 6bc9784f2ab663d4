import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CodedError, FaultKind } from "../../pipeline/base/errors.ts";
import { seededRandom } from "../../pipeline/base/random.ts";
import { describeQueue } from "../../pipeline/queue/conformance.ts";
import type { Queue, QueueMessage } from "../../pipeline/queue/queue.ts";
import { type NatsTestServer, startNats } from "../harness/nats.ts";
import { until } from "../harness/until.ts";
import { body, PARTITIONS, publishUntilTaken, QueueWorld } from "./queue-world.ts";

/*
 * Goal: the stream keeps what the queue promises, whoever dies. Method: a real nats-server; a "worker" is one queue object with a connection of
 * its own, the catalog is a number per partition.
 */

const SEED = Number(process.env["SEED"] ?? 8231);
const WIDE = { messagesMax: 100, bytesMax: 1_000_000 };
const never = new AbortController().signal;

let server: NatsTestServer;
const worlds: QueueWorld[] = [];
let streams = 0;

function newWorld(...wish: [ConstructorParameters<typeof QueueWorld>[2]?]): QueueWorld {
  const world = new QueueWorld(server.urls, `T${++streams}`, ...wish);
  worlds.push(world);
  return world;
}

async function pullAll(queue: Queue, count: number): Promise<QueueMessage[]> {
  const pulled: QueueMessage[] = [];
  while (pulled.length < count) pulled.push(...(await queue.pull(WIDE, never)));
  return pulled;
}

beforeAll(async () => {
  server = await startNats({ config: "max_payload: 64KB" });
});

afterAll(async () => {
  for (const each of worlds) await each.close();
  await server.stop();
});

describeQueue("JetStream", () => newWorld().queue(true, { messageBytesMax: 10_000 }));

describe(`JetStream queue (SEED=${SEED})`, () => {
  it("checks a stream that is there and names each difference, without changing it", async () => {
    await newWorld().queue(false);
    const name = `T${streams}`;
    const other = new QueueWorld(server.urls, name, { bytesMax: 1024 * 1024, partitions: 8 });
    worlds.push(other);
    await expect(other.queue(false)).rejects.toMatchObject({
      code: "queue_stream_differs",
      kind: "invalid",
      message: expect.stringMatching(/max_bytes is 67108864, not 1048576.*partitions is 4, not 8/),
    });
    await new QueueWorld(server.urls, name).queue(false).then(({ nats }) => nats.close());
  });

  it("refuses a stream that the server cannot hold as told", async () => {
    await expect(newWorld({ replicas: 3 }).queue(false)).rejects.toMatchObject({
      code: "queue_stream_differs",
      message: expect.stringContaining("replicas"),
    });
  });

  it("tells senders to pause while the stream is full, and takes more once messages are stored", async () => {
    const world = newWorld({ bytesMax: 200_000 });
    const queue = await world.queue(true);
    let taken = 0;
    const fill = async (): Promise<void> => {
      for (; taken < 100; taken++) await queue.publish(taken % PARTITIONS, { id: `${taken}`, bytes: new Uint8Array(10_000) });
    };
    await expect(fill()).rejects.toMatchObject({ code: "queue_full", kind: "limited", facts: { retryAfterSeconds: 1 } });
    expect(taken).toBeGreaterThan(10);
    const messages = await pullAll(queue, taken);
    world.commit(messages);
    for (const message of messages) message.ack();
    await until("room in the stream", async () => {
      await queue.publish(0, { id: "more", bytes: new Uint8Array(10_000) });
      return true;
    });
  });

  it("tells senders to pause when more is on its way than fits into memory", async () => {
    const queue = await newWorld().queue(false, { bytesMax: 50_000 });
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, (_, i) => queue.publish(0, { id: `${i}`, bytes: new Uint8Array(20_000) })),
    );
    const refused = outcomes.filter(({ status }) => status === "rejected") as PromiseRejectedResult[];
    expect(refused).toHaveLength(18);
    for (const { reason } of refused) expect(reason).toMatchObject({ code: "queue_full", kind: "limited" });
  });

  it("takes a message above the server's bound through the bucket, and leaves nothing behind", async () => {
    const world = newWorld();
    const queue = await world.queue(true);
    const large = new Uint8Array(300_000).fill(7);
    await queue.publish(1, { id: "large", bytes: large });
    await queue.publish(1, { id: "large", bytes: large }); // a retry: its object goes at once
    expect(await keysOf(world)).toHaveLength(1);
    const [message] = await pullAll(queue, 1);
    expect(Buffer.compare(message!.bytes, large)).toBe(0);
    world.commit([message!]);
    message!.ack();
    await until("an empty inbox", async () => (await keysOf(world)).length === 0);
  });

  it("gives a message whose object is gone with its fault", async () => {
    const world = newWorld();
    const publisher = await world.queue(false);
    await publisher.publish(1, { id: "large", bytes: new Uint8Array(300_000) });
    for (const key of await keysOf(world)) await world.store.delete(key);
    const [message] = await pullAll(await world.queue(true), 1);
    expect(message!.fault).toMatchObject({ code: "inbox_object_missing", kind: "corrupt" });
  });

  it("does not give at once what came back with a fault", async () => {
    const world = newWorld();
    const queue = await world.queue(true);
    await queue.publish(0, { id: "a", bytes: body("a") });
    const [message] = await pullAll(queue, 1);
    message!.nak(new CodedError("object_store_unavailable", FaultKind.Unavailable, "away"));
    const soon = new AbortController();
    setTimeout(() => soon.abort(), 300);
    expect(await queue.pull(WIDE, soon.signal)).toEqual([]);
    expect((await pullAll(queue, 1))[0]!.sequence).toBe(message!.sequence);
  });

  it("goes on behind the committed sequence, though nobody took the stored messages out", async () => {
    const world = newWorld();
    const publisher = await world.queue(false);
    for (const text of ["a", "b", "c"]) await publisher.publish(2, { id: text, bytes: body(text) });
    world.setCommitted(2, 2);
    const queue = await world.queue(true);
    const [message] = await pullAll(queue, 1);
    expect(message!.sequence).toBe(3);
    await until("the stored ones out of the stream", async () => (await queue.depth()).messages === 1);
  });

  it("shares partitions out, and hands them over within seconds when a worker dies with messages in flight", async () => {
    const world = newWorld();
    const publisher = await world.queue(false);
    const stop = new AbortController();
    const victimStop = new AbortController();
    const [first, victim] = [await world.queue(true), await world.queue(true)];
    const working = [world.work(first, () => 5, stop.signal), world.work(victim, () => 200, victimStop.signal)];
    const sent: string[] = [];
    const send = async (count: number): Promise<void> => {
      const texts = Array.from({ length: count }, (_, i) => `m${sent.length + i}`);
      sent.push(...texts);
      await Promise.all(texts.map((text, i) => publishUntilTaken(publisher, i % PARTITIONS, text)));
    };
    await send(200);
    victimStop.abort();
    await world.kill(victim);
    const killedMs = performance.now();
    await send(200);
    await until("all messages stored", () => world.stored.length === sent.length, { withinMs: 30_000 });
    expect(performance.now() - killedMs).toBeLessThan(15_000);
    expect([...world.stored].sort()).toEqual([...sent].sort());
    stop.abort();
    await Promise.all(working);
  });

  it("stores each message once, in order, though workers come and go and believe to own the same", async () => {
    const random = seededRandom(SEED);
    const world = newWorld();
    const publisher = await world.queue(false);
    const sent: string[] = [];
    let isSending = true;
    const senders = Array.from({ length: PARTITIONS }, async (_, partition) => {
      for (let i = 0; isSending; i++) {
        const text = `${partition}-${String(i).padStart(6, "0")}`;
        sent.push(text);
        await publishUntilTaken(publisher, partition, text);
      }
    });
    const workers: { readonly queue: Awaited<ReturnType<QueueWorld["queue"]>>; readonly stop: AbortController }[] = [];
    const working: Promise<void>[] = [];
    const hire = async (): Promise<void> => {
      const stop = new AbortController();
      const queue = await world.queue(true);
      workers.push({ queue, stop });
      working.push(world.work(queue, () => random.next() * 50, stop.signal));
    };
    await hire();
    await hire();
    for (let round = 0; round < 8; round++) {
      await new Promise((done) => setTimeout(done, 300 + random.next() * 500));
      if (workers.length < 2 || random.next() < 0.5) await hire();
      else {
        const [victim] = workers.splice(Math.floor(random.next() * workers.length), 1);
        victim!.stop.abort();
        if (random.next() < 0.5) await world.kill(victim!.queue);
        else await victim!.queue.close();
      }
    }
    isSending = false;
    await Promise.all(senders);
    await until("all messages stored", () => world.stored.length >= sent.length, { withinMs: 60_000 });
    for (const { stop } of workers) stop.abort();
    await Promise.all(working);
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const mine = (texts: readonly string[]) => texts.filter((text) => text.startsWith(`${partition}-`));
      expect(mine(world.stored)).toEqual(mine(sent));
    }
  }, 120_000);

  it("fences a worker whose stream was deleted and made anew", async () => {
    const world = newWorld();
    const queue = await world.queue(true);
    const { jetstreamManager } = await import("@nats-io/jetstream");
    const manager = await jetstreamManager(queue.nats.connection);
    const publisher = await world.queue(false);
    await manager.streams.delete(`T${streams}`);
    await publisher.check(); // makes it again
    await publisher.publish(0, { id: "again", bytes: body("again") });
    await expect(queue.check()).rejects.toMatchObject({ code: "queue_stream_replaced", kind: "fenced" });
    expect(world.fences).toHaveLength(1);
  });

  it("fences a worker whose stream ends before what is stored", async () => {
    const world = newWorld();
    world.setCommitted(1, 1000);
    await world.queue(true);
    await until("the fence", () => world.fences.length > 0);
    expect(world.fences[0]).toMatchObject({ code: "queue_stream_rewound", kind: "fenced" });
  });

  it("refuses quickly while NATS is stopped, and goes on without loss when it runs again", async () => {
    const world = newWorld();
    const queue = await world.queue(true);
    await queue.publish(0, { id: "before", bytes: body("before") });
    server.nodes[0]!.child.signal("SIGSTOP");
    try {
      const [first] = await Promise.allSettled([queue.publish(0, { id: "during", bytes: body("during") })]);
      expect(first).toMatchObject({ status: "rejected", reason: { code: "queue_unavailable", kind: "unavailable" } });
      const startMs = performance.now();
      await expect(queue.publish(0, { id: "during", bytes: body("during") })).rejects.toMatchObject({
        code: "queue_unavailable",
        facts: { retryAfterSeconds: 1 },
      });
      expect(performance.now() - startMs).toBeLessThan(1000);
    } finally {
      server.nodes[0]!.child.signal("SIGCONT");
    }
    await publishUntilTaken(queue, 0, "during");
    await publishUntilTaken(queue, 0, "after");
    expect((await pullAll(queue, 3)).map(({ bytes }) => Buffer.from(bytes).toString())).toEqual(["before", "during", "after"]);
  });

  it("goes on after a restart of NATS where it was, with what it had taken", async () => {
    const world = newWorld();
    const queue = await world.queue(true);
    for (const text of ["a", "b"]) await queue.publish(3, { id: text, bytes: body(text) });
    await server.nodes[0]!.kill();
    await expect(queue.publish(3, { id: "c", bytes: body("c") })).rejects.toMatchObject({ code: "queue_unavailable" });
    await server.nodes[0]!.start();
    for (const text of ["b", "c"]) await publishUntilTaken(queue, 3, text); // "b" again: known by its id
    const messages = await pullAll(queue, 3);
    expect(messages.map(({ bytes }) => Buffer.from(bytes).toString())).toEqual(["a", "b", "c"]);
    world.commit(messages);
    for (const message of messages) message.ack();
    await until("an empty stream", async () => (await queue.depth()).messages === 0);
  });
});

async function keysOf({ store }: QueueWorld): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list("inbox/")) keys.push(key);
  return keys;
}
