import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Engine, startEngine, whyNoEngine } from "../../hack/neighbours/engine.ts";
import { describeQueue } from "../../pipeline/queue/conformance.ts";
import { type NatsContainer, startNatsContainer } from "../harness/nats-container.ts";
import { NumberedLoad } from "../harness/numbered-load.ts";
import { startServer } from "../harness/server.ts";
import { QueueWorld } from "./queue-world.ts";

/* Goal: the stream is the same where NATS runs as people run it, in a container. Method: testcontainers, with an engine of our own where none answers. */

describe.skipIf(whyNoEngine() !== undefined)("NATS in a container", () => {
  let engine: Engine;
  let nats: NatsContainer;
  const worlds: QueueWorld[] = [];

  beforeAll(async () => {
    engine = await startEngine();
    nats = await startNatsContainer(engine);
  });

  afterAll(async () => {
    for (const world of worlds) await world.close();
    await nats?.stop();
    await engine?.stop();
  });

  describeQueue("JetStream in a container", () => {
    const world = new QueueWorld(nats.urls, `C${worlds.length}`);
    worlds.push(world);
    return world.queue(true, { messageBytesMax: 10_000 });
  });

  it("carries profiles from the client to the querier", async () => {
    const server = await startServer({ config: { queue: { kind: "nats", nats: { servers: nats.urls, max_bytes: "64MiB" } } } });
    try {
      const load = new NumberedLoad({ url: () => server.url, clients: 4 });
      load.start();
      await load.more(50);
      await load.stop();
      expect(await load.faults(server.url)).toEqual({ lost: [], wrong: [] });
    } finally {
      await server.stop();
    }
  });
});
