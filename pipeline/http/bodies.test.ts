import { EventEmitter } from "node:events";
import { PassThrough } from "node:stream";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { createRegistry } from "../base/metrics.ts";
import { Bodies } from "./bodies.ts";
import type { Request, Response } from "./one-port.ts";

function exchange(headers: Record<string, string> = {}) {
  const stream = new PassThrough();
  const request = Object.assign(stream, { headers }) as unknown as Request;
  const response = new EventEmitter() as unknown as Response;
  return { stream, request, response, answered: () => (response as unknown as EventEmitter).emit("close") };
}

describe("bodies", () => {
  it("counts a body until its request is answered", async () => {
    const bodies = new Bodies(100, createRegistry());
    const one = exchange();
    const taken = bodies.takeRaw(one.request, one.response, 1000);
    one.stream.end(Buffer.alloc(60));
    expect((await taken).length).toBe(60);
    expect(bodies.inFlightBytes).toBe(60);
    one.answered();
    expect(bodies.inFlightBytes).toBe(0);
  });

  it("refuses the bytes that do not fit beside others, and takes them when the others are gone", async () => {
    const bodies = new Bodies(100, createRegistry());
    const [one, two, three] = [exchange(), exchange(), exchange()];
    const first = bodies.takeRaw(one.request, one.response, 1000);
    one.stream.end(Buffer.alloc(60));
    await first;
    const second = bodies.takeRaw(two.request, two.response, 1000);
    two.stream.end(Buffer.alloc(60));
    await expect(second).rejects.toMatchObject({ code: "bodies_in_flight", kind: "limited" });
    one.answered();
    const third = bodies.takeRaw(three.request, three.response, 1000);
    three.stream.end(Buffer.alloc(60));
    expect((await third).length).toBe(60);
  });

  it("takes a body above the bound when it is alone", async () => {
    const bodies = new Bodies(100, createRegistry());
    const one = exchange({ "content-encoding": "gzip" });
    const taken = bodies.take(one.request, one.response, 1000);
    one.stream.end(gzipSync(Buffer.alloc(500)));
    expect((await taken).length).toBe(500);
  });

  it("refuses by the stated length before a byte is read", async () => {
    const one = exchange({ "content-length": "1001" });
    await expect(new Bodies(1e9, createRegistry()).takeRaw(one.request, one.response, 1000)).rejects.toMatchObject({
      code: "body_too_large",
    });
  });

  it("names a body that stops in the middle", async () => {
    const one = exchange();
    const taken = new Bodies(1e9, createRegistry()).takeRaw(one.request, one.response, 1000);
    one.stream.write("half");
    one.stream.destroy(new Error("reset"));
    await expect(taken).rejects.toMatchObject({ code: "body_unreadable" });
  });
});
