import { describe, expect, it } from "vitest";
import { systemClock } from "../../../base/clock.ts";
import { CodedError, FaultKind } from "../../../base/errors.ts";
import { silentLog } from "../../../base/log.ts";
import { askPeers, PARTS_SUBJECT } from "./ask-peers.ts";
import { decodeFrame } from "./exchange-frames.ts";
import { type ServePartsOptions, serveParts } from "./serve-parts.ts";
import { MemoryBroker, type MemoryBus } from "./testing/memory-bus.ts";

/*
 * Goal: a part gets an answer from some peer, or its asker learns soon that it must answer itself; peers do not work for nobody.
 * Method: askers and peers on a bus in memory that loses messages and processes.
 */

const NOBODY_LEAVES = new AbortController().signal;
const PATIENCE = { acceptWithinMs: 400, silenceMsMax: 1_500 };

type Answer = ServePartsOptions["answer"];

function peer(bus: MemoryBus, answer: Answer, options: Partial<ServePartsOptions> = {}) {
  return serveParts({ bus, clock: systemClock, log: silentLog, partsMax: 2, answer, ...options });
}

function ask(bus: MemoryBus, text: string, signal = NOBODY_LEAVES, attempts = 3): Promise<string> {
  return askPeers({ part: Buffer.from(text), leftMs: 60_000, signal }, { bus, clock: systemClock, attempts, ...PATIENCE }).then((bytes) =>
    Buffer.from(bytes).toString(),
  );
}

const echo: Answer = async (part) => Buffer.from(`answer to ${Buffer.from(part).toString()}`);
const never: Answer = (_, { signal }) =>
  new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(new Error("stopped"))));

describe("parts between queriers", () => {
  it("are answered, be the answer empty, small, or many messages long", async () => {
    const broker = new MemoryBroker();
    const long = Buffer.alloc(3_000_000, "0123456789");
    const server = peer(broker.process(100_000), async (part) =>
      part.length === 0 ? new Uint8Array() : part.length === 1 ? long : Buffer.from("x"),
    );
    const bus = broker.process(100_000);
    expect(await ask(bus, "")).toBe("");
    expect(await ask(bus, "ab")).toBe("x");
    expect((await ask(bus, "l")) === long.toString()).toBe(true);
    expect(server.open).toBe(0);
  });

  it("go to another peer when one is killed at work, or is busy", async () => {
    const broker = new MemoryBroker();
    const victim = broker.process();
    peer(victim, () => {
      victim.kill();
      return new Promise(() => {});
    });
    peer(broker.process(), echo, { partsMax: 0 });
    peer(broker.process(), echo);
    const asked = await Promise.all(["1", "2", "3"].map((text) => ask(broker.process(), text)));
    expect(asked).toEqual(["answer to 1", "answer to 2", "answer to 3"]);
  });

  it("come back at once when nobody listens, and soon when nobody answers", async () => {
    const broker = new MemoryBroker();
    await expect(ask(broker.process(), "x")).rejects.toMatchObject({ code: "query_peers_silent", kind: "unavailable" });
    peer(broker.process(), echo);
    broker.delivers = (subject) => subject !== PARTS_SUBJECT;
    await expect(ask(broker.process(), "x", NOBODY_LEAVES, 1)).rejects.toMatchObject({ code: "query_peers_silent" });
    await expect(ask(broker.process(10), "too long for a message")).rejects.toMatchObject({ code: "query_part_too_large" });
  });

  it("are asked for again when a message of the answer was lost", async () => {
    const broker = new MemoryBroker();
    peer(broker.process(1_000), async () => Buffer.alloc(2_500, "x"));
    let lost = 0;
    broker.delivers = (_, bytes) => {
      const frame = decodeFrame(bytes);
      return !(frame?.kind === "chunk" && frame.index === 1 && lost++ === 0);
    };
    expect(await ask(broker.process(1_000), "x")).toHaveLength(2_500);
    expect(lost).toBeGreaterThan(1);
  });

  it("stop when the asker does, and when the querier stops", async () => {
    const broker = new MemoryBroker();
    let begun = 0;
    const started: (() => void)[] = [];
    const server = peer(broker.process(), (part, options) => {
      begun++;
      for (const tell of started.splice(0)) tell();
      return never(part, options);
    });
    const gone = new AbortController();
    const begin = new Promise<void>((resolve) => started.push(resolve));
    const left = ask(broker.process(), "x", gone.signal);
    await begin;
    gone.abort();
    await expect(left).rejects.toMatchObject({ code: "query_cancelled" });
    await expect.poll(() => server.open, { timeout: 5_000 }).toBe(0);
    const beginAgain = new Promise<void>((resolve) => started.push(resolve));
    const stays = ask(broker.process(), "y", NOBODY_LEAVES, 1);
    const lost = expect(stays).rejects.toMatchObject({ code: "query_peers_silent" });
    await beginAgain;
    await server.stop();
    expect([begun, server.open]).toEqual([2, 0]);
    await lost;
  });

  it("bring the peer's faults along", async () => {
    const broker = new MemoryBroker();
    peer(broker.process(), () =>
      Promise.reject(new CodedError("query_limit_bytes", FaultKind.TooLarge, "too much", { facts: { limit: 1 } })),
    );
    await expect(ask(broker.process(), "x")).rejects.toMatchObject({ code: "query_limit_bytes", kind: "too_large", facts: { limit: 1 } });
  });

  it("are given up when the asker takes nothing any more", async () => {
    const broker = new MemoryBroker();
    const asker = broker.process(1_000);
    const server = peer(broker.process(1_000), async () => Buffer.alloc(20_000), { ackWithinMs: 200 });
    broker.delivers = (_, bytes) => {
      if (decodeFrame(bytes)?.kind === "chunk") asker.kill();
      return true;
    };
    void ask(asker, "x", NOBODY_LEAVES, 1).catch(() => {});
    await expect.poll(() => server.open, { timeout: 5_000 }).toBe(1);
    await expect.poll(() => server.open, { timeout: 5_000 }).toBe(0);
  });
});
