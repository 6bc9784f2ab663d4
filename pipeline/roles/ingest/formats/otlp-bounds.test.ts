import { describe, expect, it } from "vitest";
import { otlpToDecoded } from "./otlp.ts";
import { DICTIONARY_ENTRIES_MAX } from "./otlp-dictionary.ts";
import { SAMPLES_MAX } from "./otlp-samples.ts";

/*
 * Goal: a small body cannot make us take much memory. Method: the shortest bytes that ask for the most.
 */

/** A field of wire type 2 around its content. */
function message(field: number, content: Uint8Array): Uint8Array {
  const length: number[] = [];
  let rest = content.length;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) length.push((rest % 128) | 0x80);
  return Buffer.concat([Uint8Array.of((field << 3) | 2, ...length, rest), content]);
}

/** Empty messages of one field, two bytes each. */
function empties(field: number, count: number): Uint8Array {
  const bytes = new Uint8Array(count * 2);
  for (let i = 0; i < bytes.length; i += 2) bytes[i] = (field << 3) | 2;
  return bytes;
}

function request(dictionary: Uint8Array, profile: Uint8Array): Uint8Array {
  return Buffer.concat([message(1, message(2, message(2, profile))), message(2, dictionary)]);
}

describe("OTLP requests that ask for much memory", () => {
  it("are refused when a table has more entries than any node sends", () => {
    const body = request(empties(2, DICTIONARY_ENTRIES_MAX + 1), new Uint8Array());
    expect(() => [...otlpToDecoded(body, "proto", { nowNs: 1n })]).toThrow(expect.objectContaining({ code: "malformed_profile" }));
  });

  it("are refused when a profile has more samples than any process makes", () => {
    const [item] = otlpToDecoded(request(empties(7, 1), empties(2, SAMPLES_MAX + 1)), "proto", { nowNs: 1n });
    expect(item?.ok === false && item.fault.code).toBe("samples_limit");
  });
});
