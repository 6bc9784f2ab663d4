import { describe, expect, it } from "vitest";
import { isCoded } from "../base/errors.ts";
import { decodeQueuedProfile, encodeQueuedProfile } from "./queued-profile-codec.ts";
import { MEMORY_KIND, queuedProfileText, testQueuedProfile } from "./testing/test-queued-profile.ts";

const profile = testQueuedProfile({
  kind: MEMORY_KIND,
  labels: { region: "eu" },
  stacks: ["a;b;c 3 4", "a;b 1 2 span=0011223344556677 trace=000102030405060708090a0b0c0d0e0f", "a;x|y;n@0x40 0 9007199254740991 thread=1"],
});

describe("queued profile codec", () => {
  it("gives back what it was given", () => {
    expect(decodeQueuedProfile(encodeQueuedProfile(profile))).toEqual(profile);
  });

  it("reads bytes at any offset of a buffer", () => {
    const bytes = encodeQueuedProfile(profile);
    for (const shift of [1, 4, 8]) {
      const moved = new Uint8Array(bytes.length + shift).subarray(shift);
      moved.set(bytes);
      expect(decodeQueuedProfile(moved)).toEqual(profile);
    }
  });

  it("refuses every cut of the bytes as corrupt", () => {
    const bytes = encodeQueuedProfile(profile);
    for (let length = 0; length < bytes.length; length++) {
      const cut = bytes.slice(0, length);
      expect(
        faultCode(() => decodeQueuedProfile(cut)),
        `${length} bytes`,
      ).toBe("queued_profile_corrupt");
    }
  });

  it("refuses an unknown version as corrupt", () => {
    const bytes = encodeQueuedProfile(profile);
    for (const version of [0, 1, 3]) {
      bytes[3] = version;
      expect(faultCode(() => decodeQueuedProfile(bytes))).toBe("queued_profile_corrupt");
    }
  });

  it.each([
    [
      "a parent that comes after its node",
      { nodes: { ...profile.nodes, parent: profile.nodes.parent.map((parent, i) => (i === 1 ? 2 : parent)) } },
    ],
    ["a location that is not there", { nodes: { ...profile.nodes, location: profile.nodes.location.map(() => 99) } }],
    ["a stack that is not there", { samples: { ...profile.samples, stack: profile.samples.stack.map(() => 99) } }],
    ["a series that is not there", { samples: { ...profile.samples, series: profile.samples.series.map(() => 9) } }],
    ["a string that is not there", { functions: { ...profile.functions, name: profile.functions.name.map(() => 99) } }],
    ["a function that is not there", { lines: { ...profile.lines, function: profile.lines.function.map(() => 99) } }],
    ["a mapping that is not there", { locations: { ...profile.locations, mapping: profile.locations.mapping.map(() => 9) } }],
  ])("refuses %s as corrupt", (_, change) => {
    expect(faultCode(() => decodeQueuedProfile(encodeQueuedProfile({ ...profile, ...change })))).toBe("queued_profile_corrupt");
  });
});

describe("test profiles", () => {
  it("print as the text they were made of", () => {
    expect(queuedProfileText(profile)).toEqual([
      "a;b 1 2 span=0011223344556677 trace=000102030405060708090a0b0c0d0e0f region=eu",
      "a;b;c 3 4 region=eu",
      "a;x|y;@0x40 0 9007199254740991 region=eu thread=1",
    ]);
  });
});

function faultCode(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (isCoded(error)) return error.code;
    throw error;
  }
  return "no fault";
}
