import { describe, expect, it } from "vitest";
import type { UnixMs } from "../base/units.ts";
import { decodeCheckpoint, decodeLogEntry, encodeCheckpoint, encodeLogEntry, type LogEntry } from "./codec.ts";
import { applyChange, EMPTY_STATE } from "./state.ts";
import { change, liveObject, tombstone } from "./testing.ts";

const ENTRY: LogEntry = {
  version: 7,
  commitId: Uint8Array.from({ length: 16 }, (_, i) => i),
  createdMs: 1_700_000_000_000 as UnixMs,
  change: change({
    added: [liveObject("segments/a", { services: ["shop", "käse"], minTimeNs: -5n }), liveObject("blocks/t/b", { level: 3 })],
    retired: ["segments/x", "segments/y"],
    consumed: [
      { stream: "s@1", partition: 0, sequence: 9 },
      { stream: "s@1", partition: 3, sequence: 2 ** 40 },
      { stream: "t@1", partition: 0, sequence: 1 },
    ],
    tombstonesAdded: [tombstone("d1"), tombstone("d2", { service: "shop" })],
    tombstonesDropped: ["d0"],
  }),
};

const pause = async (): Promise<void> => {};

describe("catalog codec", () => {
  it("gives back a log entry", () => {
    expect(decodeLogEntry(encodeLogEntry(ENTRY), "k")).toEqual(ENTRY);
  });

  it("gives back a state from a checkpoint", async () => {
    const { added, consumed, tombstonesAdded } = ENTRY.change;
    const state = applyChange(EMPTY_STATE, change({ added, consumed, tombstonesAdded }));
    const read = decodeCheckpoint(await encodeCheckpoint(state, pause), "k");
    expect([...read.objects]).toEqual([...state.objects]);
    expect(read.consumed).toEqual(state.consumed);
    expect(read.tombstones).toEqual(state.tombstones);
    expect(read.version).toBe(1);
    expect(read.consumedSequence("s@1", 3)).toBe(2 ** 40);
  });

  it("encodes a large state in portions, and lets others work in between", async () => {
    const services = Array.from({ length: 50 }, (_, i) => `service-${i}`);
    const state = applyChange(
      EMPTY_STATE,
      change({ added: Array.from({ length: 200 }, (_, i) => liveObject(`segments/${i}`, { services })) }),
    );
    let pauses = 0;
    const bytes = await encodeCheckpoint(state, async () => {
      pauses++;
    });
    expect(pauses).toBeGreaterThan(2);
    expect([...decodeCheckpoint(bytes, "k").objects]).toEqual([...state.objects]);
  });

  it("finds every truncation and every flipped bit, and names the key", () => {
    const bytes = encodeLogEntry(ENTRY);
    const corrupt = expect.objectContaining({ facts: expect.objectContaining({ key: "catalog/0/log/7" }) });
    for (let size = 0; size < bytes.length; size++)
      expect(() => decodeLogEntry(bytes.subarray(0, size), "catalog/0/log/7")).toThrow(corrupt);
    for (let at = 0; at < bytes.length; at++) {
      const flipped = bytes.slice();
      flipped[at]! ^= 1 << (at % 8);
      expect(() => decodeLogEntry(flipped, "catalog/0/log/7")).toThrow(corrupt);
    }
  });

  it("takes neither kind of file for the other, and refuses a later format by its own code", () => {
    expect(() => decodeCheckpoint(encodeLogEntry(ENTRY), "k")).toThrow(expect.objectContaining({ code: "catalog_entry_corrupt" }));
    const later = encodeLogEntry(ENTRY);
    later[5] = 2;
    expect(() => decodeLogEntry(later, "k")).toThrow(expect.objectContaining({ code: "catalog_version_unknown", kind: "invalid" }));
  });
});
