import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isCoded } from "../../../base/errors.ts";
import { type Random, seededRandom } from "../../../base/random.ts";
import { otlpToDecoded } from "./otlp.ts";
import { DROPPED_SAMPLE_ATTRIBUTES } from "./otlp-dictionary.ts";
import { type DecodedSample, decodedSamples } from "./testing/decoded-text.ts";
import { otlpBytes, otlpJson, otlpRequest, type ProfileText, type ResourceText } from "./testing/otlp-builder.ts";

/*
 * Goal: no request is misread, and no bytes whatever do more harm than `malformed_profile`.
 * Method: random requests against what they were made of; damaged requests against the rules of a decoded profile. Both print their seed.
 */
const SEED = Number(process.env["BRAZIER_TEST_SEED"] ?? 20_260_821);
const OPTIONS = { nowNs: 1_790_000_000_000_000_000n };

const name = fc.constantFrom("main", "run", "serve", "гость", "a".repeat(200), "x");
const stack = fc
  .array(fc.oneof(name, fc.constantFrom("!0x10", "!0xffffffffffffffff", "in^out")), { maxLength: 6 })
  .map((frames) => frames.join(";"));
const attributes = fc.dictionary(
  fc.constantFrom("thread.id", "route", "user", "cpu.logical_number"),
  fc.oneof(fc.constantFrom("a", "b"), fc.integer()),
  { maxKeys: 3 },
);
const sample = fc.record(
  { stack, values: fc.array(fc.integer({ min: 0, max: 1e9 }), { minLength: 1, maxLength: 4 }), attributes },
  { requiredKeys: ["stack", "values"] },
);
const profile: fc.Arbitrary<ProfileText> = fc.record({
  type: fc.constant(["wall", "nanoseconds"] as const),
  timeNs: fc.bigInt({ min: 1n, max: 2n ** 62n }),
  samples: fc.array(sample, { maxLength: 8 }),
});
const resource: fc.Arbitrary<ResourceText> = fc.record({
  attributes: fc.dictionary(fc.constantFrom("service.name", "pod", "zone"), fc.constantFrom("a", "b")),
  profiles: fc.array(profile, { maxLength: 4 }),
  references: fc.boolean(),
});

function expectedSample({ stack: frames, values, attributes: given }: ProfileText["samples"][number]): DecodedSample {
  const kept = Object.entries(given ?? {}).filter(([key]) => !DROPPED_SAMPLE_ATTRIBUTES.has(key));
  const total = (values ?? []).reduce<number>((sum, value) => sum + Number(value), 0);
  return { stack: frames, values: [total], labels: Object.fromEntries(kept.map(([key, value]) => [key, String(value)])) };
}

function readSamples(body: Uint8Array, encoding: "proto" | "json"): unknown[] {
  const profiles: unknown[] = [];
  for (const item of otlpToDecoded(body, encoding, OPTIONS)) {
    if (!item.ok) throw item.fault;
    profiles.push([item.decoded.timeNs, decodedSamples(item.decoded)]);
  }
  return profiles;
}

describe("random OTLP requests", () => {
  it("come back as what they were made of, as protobuf and as JSON", () => {
    fc.assert(
      fc.property(fc.array(resource, { minLength: 1, maxLength: 3 }), (resources) => {
        const request = otlpRequest(resources);
        const expected = resources.flatMap((each) => each.profiles.map((one) => [one.timeNs, one.samples.map(expectedSample)]));
        expect(readSamples(otlpBytes(request), "proto")).toEqual(expected);
        expect(readSamples(new TextEncoder().encode(otlpJson(request)), "json")).toEqual(expected);
      }),
      { numRuns: 200, seed: SEED },
    );
  });
});

/** Some bytes changed, cut out, doubled or added: what a broken sender or a hostile one may send. */
function damage(body: Uint8Array, random: Random): Uint8Array {
  const at = (length: number): number => Math.floor(random.next() * length);
  let bytes = Uint8Array.from(body);
  for (let wounds = 1 + at(4); wounds > 0; wounds--) {
    const start = at(bytes.length);
    const end = Math.min(bytes.length, start + 1 + at(16));
    const pick = random.next();
    if (pick < 0.5) bytes[start] = random.next() < 0.3 ? 0xff : at(256);
    else if (pick < 0.65) bytes = Uint8Array.from([...bytes.subarray(0, start), ...bytes.subarray(end)]);
    else if (pick < 0.8) bytes = Uint8Array.from([...bytes.subarray(0, end), ...bytes.subarray(start)]);
    else if (pick < 0.9) bytes = bytes.slice(0, start);
    else bytes = Uint8Array.from([...bytes.subarray(0, start), ...random.fill(new Uint8Array(10)), ...bytes.subarray(start)]);
  }
  return bytes;
}

describe("damaged OTLP requests", () => {
  const whole = otlpBytes(
    otlpRequest(
      [
        {
          attributes: { "service.name": "shop", pid: 7 },
          references: true,
          profiles: [
            {
              type: ["samples", "count"],
              period: ["cpu", "nanoseconds", 50_000_000],
              samples: [
                { stack: "leaf;in^out;main", timestamps: [1n, 2n], attributes: { "service.name": "a", "thread.id": 5 } },
                {
                  stack: "!0x1234;main",
                  values: [3],
                  attributes: { route: "/x" },
                  link: { traceId: "01".repeat(16), spanId: "02".repeat(8) },
                },
              ],
            },
            { type: ["off_cpu", "nanoseconds"], samples: [{ stack: "park;main", values: [5, 6], timestamps: [1n, 2n] }] },
          ],
        },
      ],
      "abc",
    ),
  );
  const json = new TextEncoder().encode(
    '{"resourceProfiles":[{"scopeProfiles":[{"profiles":[{"sampleType":{"typeStrindex":1},"samples":[{"values":["1"]}]}]}]}],"dictionary":{"stringTable":["","wall"]}}',
  );

  it.each([
    ["proto", whole, 6000],
    ["json", json, 1500],
  ] as const)("end in malformed_profile or in profiles that hold together (%s)", (encoding, body, rounds) => {
    const random = seededRandom(SEED);
    let refused = 0;
    let read = 0;
    for (let round = 0; round < rounds; round++) {
      try {
        for (const item of otlpToDecoded(damage(body, random), encoding, OPTIONS)) {
          if (!item.ok) {
            expect(isCoded(item.fault, "malformed_profile"), `seed ${SEED} round ${round}`).toBe(true);
            refused++;
            continue;
          }
          // Throws RangeError when an index leads nowhere.
          for (const { values } of decodedSamples(item.decoded)) expect(values.every(Number.isSafeInteger)).toBe(true);
          read++;
        }
      } catch (error) {
        if (!isCoded(error, "malformed_profile")) throw new Error(`seed ${SEED} round ${round}`, { cause: error });
        refused++;
      }
    }
    // Both outcomes occur: the damage neither misses everything nor destroys everything.
    expect(refused).toBeGreaterThan(rounds / 10);
    expect(read).toBeGreaterThan(0);
  });
});
