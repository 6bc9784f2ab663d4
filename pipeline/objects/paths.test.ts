import { describe, expect, it } from "vitest";
import { systemClock } from "../base/clock.ts";
import { seededRandom } from "../base/random.ts";
import type { UnixMs } from "../base/units.ts";
import { newObjectId, objectIdTimeMs } from "./object-id.ts";
import { blockKey, catalogLogKey, catalogLogPrefix, catalogVersion, isKey, objectIdOfKey, segmentKey } from "./paths.ts";

const ID = "018bcfe568000123456789abcdef";

describe("object keys", () => {
  it.each(["anonymous", "a.b", ".", "..", ".hidden", "a/b", "a b", "tänant", "100%", "a|b", "~", "!-_.*'()"])(
    "hold the tenant %j as one part",
    (tenant) => {
      const key = blockKey(tenant, ID);
      expect(isKey(key)).toBe(true);
      expect(key.split("/")).toHaveLength(3);
      expect(decodeURIComponent(key.split("/")[1]!)).toBe(tenant);
    },
  );

  it("tell the id of our objects, and nothing of foreign ones", () => {
    expect(objectIdOfKey(segmentKey(ID))).toBe(ID);
    expect(objectIdOfKey(blockKey("a/b", ID))).toBe(ID);
    for (const foreign of [
      "segments/readme",
      `segments/x/${ID}`,
      `dead/${ID}`,
      `blocks/${ID}`,
      `segments/${ID}.bak`,
      `segments/${ID.toUpperCase()}`,
    ]) {
      expect(objectIdOfKey(foreign)).toBeUndefined();
    }
  });

  it("sort as the versions of the catalog do", () => {
    const versions = [1, 9, 10, 99, 100, 2 ** 40];
    const keys = versions.map((version) => catalogLogKey(0, version));
    expect([...keys].sort()).toEqual(keys);
    expect(keys.map((key) => catalogVersion(key, catalogLogPrefix(0)))).toEqual(versions);
    expect(catalogVersion("catalog/0/log/12", catalogLogPrefix(0))).toBeUndefined();
    expect(catalogVersion(catalogLogKey(1, 1), catalogLogPrefix(0))).toBeUndefined();
  });
});

describe("object ids", () => {
  it("sort by time, differ within a ms, and tell when they were made", () => {
    const random = seededRandom(1);
    let nowMs = 1_700_000_000_000;
    const clock = { ...systemClock, nowMs: () => nowMs as UnixMs };
    const ids = Array.from({ length: 100 }, () => {
      nowMs += 997;
      return newObjectId(clock, random);
    });
    expect([...ids].sort()).toEqual(ids);
    expect(objectIdTimeMs(ids[99]!)).toBe(nowMs);
    expect(newObjectId(clock, random)).not.toBe(newObjectId(clock, random));
  });
});
