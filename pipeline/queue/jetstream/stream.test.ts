import type { StreamConfig } from "@nats-io/jetstream";
import { describe, expect, it } from "vitest";
import { differencesOf, streamIdOf, subjectPrefix } from "./stream.ts";

const WISH = { name: "BRAZIER_PROFILES", partitions: 16, replicas: 3, bytesMax: 0, ageMsMax: 0, duplicateWindowMs: 120_000 };

/** As a server of today gives it back, with keys that we do not care about. */
const CONFIG = {
  name: "BRAZIER_PROFILES",
  subjects: ["brazier.profiles.*"],
  retention: "limits",
  discard: "new",
  storage: "file",
  num_replicas: 3,
  max_bytes: -1,
  max_msgs: -1,
  max_age: 0,
  duplicate_window: 120_000_000_000,
  allow_direct: true,
  metadata: { "brazier-partitions": "16", "_nats.ver": "2.15.0" },
} as unknown as StreamConfig;

describe("the stream", () => {
  it("has subjects after its name", () => {
    expect(subjectPrefix("BRAZIER_PROFILES")).toBe("brazier.profiles");
    expect(subjectPrefix("SHOP")).toBe("shop");
  });

  it("is named by its creation in nine digits, so that texts sort as times do", () => {
    const id = (created: string) => streamIdOf("S", created);
    expect(id("2026-11-26T08:00:00Z")).toBe("S@2026-11-26T08:00:00.000000000Z");
    expect(id("2026-11-26T08:00:00.12Z")).toBe("S@2026-11-26T08:00:00.120000000Z");
    expect(id("2026-11-26T08:00:00.123456789Z") > id("2026-11-26T08:00:00.2Z")).toBe(false);
  });

  it("is what was asked for, whatever else it is", () => {
    expect(differencesOf(CONFIG, WISH)).toEqual([]);
  });

  it.each([
    ["retention", { retention: "workqueue" }, "workqueue", "limits"],
    ["discard", { discard: "old" }, "old", "new"],
    ["storage", { storage: "memory" }, "memory", "file"],
    ["num_replicas", { num_replicas: 1 }, 1, 3],
    ["max_bytes", { max_bytes: 5 }, 5, -1],
    ["max_age", { max_age: 5 }, 5, 0],
    ["duplicate_window", { duplicate_window: 5 }, 5, 120_000_000_000],
    ["subjects", { subjects: ["other.>"] }, "other.>", "brazier.profiles.*"],
    ["partitions", { metadata: {} }, "none", "16"],
  ])("differs in %s", (what, change, is, wanted) => {
    expect(differencesOf({ ...CONFIG, ...change } as unknown as StreamConfig, WISH)).toEqual([{ what, is, wanted }]);
  });
});
