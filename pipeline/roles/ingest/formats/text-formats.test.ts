import { describe, expect, it } from "vitest";
import { isCoded } from "../../../base/errors.ts";
import { seededRandom } from "../../../base/random.ts";
import { speedscopeProfiles } from "./speedscope.ts";
import { foldedStacks, lineStacks, type TextStack } from "./stack-text.ts";
import { textType } from "./text-type.ts";
import { treeStacks, trieStacks } from "./transport-tree.ts";

describe("folded text", () => {
  it("has the number after the last space of a line", () => {
    expect(read(foldedStacks(Buffer.from("a;b c;d 12\r\n\nnothing\nx 0\ny -3\nlast 7")))).toEqual(["a;b c;d=12", "x=0", "y=-3", "last=7"]);
  });

  it.each(["a b", "a 1.5", "a 1e3", "a 99999999999999999999", "ok 1\na 0x10"])("refuses %j", (text) => {
    expect(faultCode(() => read(foldedStacks(Buffer.from(text))))).toBe("malformed_profile");
  });

  it("refuses bytes that are not UTF-8", () => {
    expect(faultCode(() => read(foldedStacks(Uint8Array.of(0x61, 0xff, 0x20, 0x31))))).toBe("malformed_profile");
  });
});

describe("lines", () => {
  it("are stacks seen once each", () => {
    expect(read(lineStacks(Buffer.from("a;b\na;b\n\nc d\n")))).toEqual(["a;b=1", "a;b=1", "c d=1"]);
  });
});

describe("transport trees", () => {
  /** name, value, children */
  type Node = readonly [string, number, readonly Node[]];
  const bytes = ([name, value, children]: Node): number[] => [
    ...varint(Buffer.byteLength(name)),
    ...Buffer.from(name),
    ...varint(value),
    ...varint(children.length),
    ...children.flatMap(bytes),
  ];

  it("join the pieces of a trie", () => {
    const root: Node = [
      "",
      0,
      [
        [
          "foo;",
          0,
          [
            ["bar", 300, []],
            ["baz", 0, [[";x", 2, []]]],
          ],
        ],
        ["q", 1, []],
      ],
    ];
    expect(read(trieStacks(Uint8Array.from(bytes(root))))).toEqual(["foo;bar=300", "foo;baz;x=2", "q=1"]);
  });

  it("join the frames of a tree", () => {
    const root: Node = [
      "",
      0,
      [
        [
          "main",
          1,
          [
            ["work", 2, []],
            ["rest", 3, []],
          ],
        ],
      ],
    ];
    expect(read(treeStacks(Uint8Array.from(bytes(root))))).toEqual(["main=1", "main;work=2", "main;rest=3"]);
  });

  it("refuse what ends early, goes on too long or nests without end", () => {
    const whole = Uint8Array.from(bytes(["", 0, [["main", 1, []]]]));
    for (let length = 0; length < whole.length; length++)
      expect(faultCode(() => read(treeStacks(whole.subarray(0, length))))).toBe("malformed_profile");
    expect(faultCode(() => read(treeStacks(Uint8Array.of(...whole, 0))))).toBe("malformed_profile");
    expect(faultCode(() => read(treeStacks(new Uint8Array(600_000).fill(1).map((_, at) => (at % 3 === 0 ? 0 : 1)))))).toBe(
      "malformed_profile",
    );
  });

  it("end in stacks or the fault for random bytes", () => {
    const random = seededRandom(99);
    for (let round = 0; round < 300; round++) {
      const body = random.fill(new Uint8Array(1 + Math.floor(random.next() * 60))).map((byte) => byte & 0x83);
      expect(["no fault", "malformed_profile"]).toContain(faultCode(() => read(trieStacks(body))));
    }
  });
});

describe("speedscope", () => {
  const file = (profile: object): Buffer =>
    Buffer.from(JSON.stringify({ shared: { frames: [{ name: "a" }, { name: "b;c" }] }, profiles: [profile] }));

  it("reads samples with weights as nanoseconds", () => {
    const [profile] = speedscopeProfiles(
      file({ type: "sampled", unit: "milliseconds", samples: [[0, 1], [0]], weights: [1.5, 2], startValue: 0, endValue: 4 }),
    );
    expect([profile!.suffix, profile!.sampleRate, read(profile!.stacks)]).toEqual(["wall", 1_000_000_000, ["a;b:c=1500000", "a=2000000"]]);
  });

  it("reads events as the time between them", () => {
    const events = [
      { type: "O", frame: 0, at: 10 },
      { type: "O", frame: 1, at: 13 },
      { type: "C", frame: 1, at: 14 },
      { type: "C", frame: 0, at: 20 },
    ];
    const [profile] = speedscopeProfiles(file({ type: "evented", unit: "bytes", startValue: 0, endValue: 20, events }));
    expect([profile!.suffix, read(profile!.stacks)]).toEqual(["bytes", ["a=3", "a;b:c=1", "a=6"]]);
  });

  it.each<[string, string, () => unknown]>([
    ["no JSON", "malformed_profile", () => speedscopeProfiles(Buffer.from("{"))],
    ["another JSON", "malformed_profile", () => speedscopeProfiles(Buffer.from("{}"))],
    [
      "an unknown unit",
      "unknown_profile_type",
      () => speedscopeProfiles(file({ type: "sampled", unit: "pints", samples: [], weights: [] })),
    ],
    [
      "fewer weights than samples",
      "malformed_profile",
      () => read(speedscopeProfiles(file({ type: "sampled", unit: "none", samples: [[0]], weights: [] }))[0]!.stacks),
    ],
    [
      "a frame that is not there",
      "malformed_profile",
      () => read(speedscopeProfiles(file({ type: "sampled", unit: "none", samples: [[7]], weights: [1] }))[0]!.stacks),
    ],
  ])("refuses %s", (_, code, act) => {
    expect(faultCode(act)).toBe(code);
  });
});

describe("the type of text profiles", () => {
  it.each<[string, number, string]>([
    ["shop", 100, "shop process_cpu cpu nanoseconds cpu 10000000"],
    ["my.shop.cpu", 1000, "my.shop process_cpu cpu nanoseconds cpu 1000000"],
    ["shop.wall", 100, "shop wall wall nanoseconds cpu 10000000"],
    ["shop.cpu", 0, "shop process_cpu samples count  0"],
    ["shop.inuse_space", 100, "shop memory inuse_space bytes  0"],
    ["shop.mutex_duration", 100, "shop mutex delay nanoseconds  0"],
    ["shop.goroutines", 100, "shop goroutine goroutines count  0"],
    ["shop.exceptions", 100, "shop exceptions samples count  0"],
  ])("of %s at %i a second", (name, rate, expected) => {
    const { app, metric, sampleType, periodType, period } = textType(name, rate);
    expect(`${app} ${metric} ${sampleType.type} ${sampleType.unit} ${periodType.type} ${period}`).toBe(expected);
  });

  it("is refused when the suffix is unknown", () => {
    expect(faultCode(() => textType("shop.foo", 100))).toBe("unknown_profile_type");
    expect(faultCode(() => textType("shop.constructor", 100))).toBe("unknown_profile_type");
  });
});

function read(stacks: Iterable<TextStack>): string[] {
  return Array.from(stacks, ({ stack, count }) => `${stack}=${count}`);
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}

function faultCode(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (isCoded(error)) return error.code;
    throw error;
  }
  return "no fault";
}
