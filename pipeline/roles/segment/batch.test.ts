import { describe, expect, it } from "vitest";
import { type OpenBatch, roomLeft, waitForMoreMs } from "./batch.ts";

const limits = { bytesMax: 1000, messagesMax: 10, flushIntervalMs: 200, idleMs: 15 };
const batch = (parts: Partial<OpenBatch>): OpenBatch => ({ messages: 1, bytes: 100, openedMs: 1000, lastMs: 1000, ...parts });

describe("when to cut a batch", () => {
  it.each([
    ["just opened: waits until it would be idle", batch({}), 1000, 15],
    ["halfway idle", batch({}), 1008, 7],
    ["idle", batch({}), 1015, 0],
    ["long idle", batch({}), 2000, 0],
    ["more came: waits anew", batch({ lastMs: 1100 }), 1100, 15],
    ["more keeps coming, the flush interval is near", batch({ lastMs: 1195 }), 1195, 5],
    ["the flush interval is over though more keeps coming", batch({ lastMs: 1200 }), 1200, 0],
    ["full by bytes", batch({ bytes: 1000 }), 1000, 0],
    ["full by messages", batch({ messages: 10 }), 1000, 0],
  ])("%s", (_, open, nowMs, expected) => expect(waitForMoreMs(open, limits, nowMs)).toBe(expected));

  it("knows what still fits", () =>
    expect(roomLeft(batch({ messages: 4, bytes: 900 }), limits)).toEqual({ messagesMax: 6, bytesMax: 100 }));
});
